//! What the token is called, for the module that shows it and for who writes PKCS #11 URIs.
//!
//! gnupg-pkcs11-scd knows keys by label, manufacturer, model and serial number, so none of them may
//! ever change.

/// The one slot.
pub const SLOT_ID: u32 = 1;

/// The label of the token.
pub const LABEL: &str = "SignPath";

/// The manufacturer of the token.
pub const MANUFACTURER: &str = "SignPath";

/// The model of the token.
pub const MODEL: &str = "Signing policies";

/// The serial number of the token.
pub const SERIAL_NUMBER: &str = "1";

/// The longest PIN that the token says it takes, in bytes.
pub const MAX_PIN_LENGTH: u32 = 4096;
