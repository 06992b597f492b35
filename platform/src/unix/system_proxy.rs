//! Proxies that are configured for the whole system. Other systems than Windows use variables.

use crate::system_proxy::Settings;

/// The settings, if there are any.
pub fn settings() -> Option<Settings> {
    None
}
