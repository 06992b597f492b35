//! A user name in the first line, and a PIN.

#![no_main]

use std::sync::OnceLock;

use signpath_config::Config;
use signpath_fuzz::set_variable;

signpath_fuzz::target!(check);

/// A part of a PIN that no message contains.
const PART: &str = "0f-a-PIN";

fn check(data: &[u8]) {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        set_variable("SIGNPATH_ORGANIZATION_ID", "org");
        set_variable("SIGNPATH_API_TOKEN", "configured");
        Config::load().expect("a configuration")
    });
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (user, pin) = data.split_at(end);
    let pin = pin.strip_prefix(b"\n").unwrap_or(pin);
    for pin in [pin, &[pin, PART.as_bytes()].concat(), &[PART.as_bytes(), pin].concat()] {
        match config.credentials_of_login(user, pin) {
            Ok(credentials) => {
                assert!(!credentials.organization_id.is_empty());
                assert!(!credentials.api_token.expose().is_empty());
            }
            Err(error) => assert!(!error.reason.contains(PART), "{}", error.reason),
        }
    }
}
