//! How the PKCS #11 token identifies itself, for the module and for PKCS #11 URIs.
//!
//! gnupg-pkcs11-scd identifies keys by the token's label, manufacturer, model and serial number, so
//! none of these may ever change.

/// The ID of the only slot.
pub const SLOT_ID: u32 = 1;

/// The label of the token.
pub const LABEL: &str = "SignPath";

/// The manufacturer of the token.
pub const MANUFACTURER: &str = "SignPath";

/// The model of the token.
pub const MODEL: &str = "Signing policies";

/// The serial number of the token.
pub const SERIAL_NUMBER: &str = "1";

/// The longest PIN that the token accepts according to C_GetTokenInfo, in bytes.
pub const MAX_PIN_LENGTH: u32 = 4096;
