//! How a PKCS #11 token identifies itself, for the module and for PKCS #11 URIs.
//!
//! gnupg-pkcs11-scd identifies keys by the token's label, manufacturer, model and serial number, so
//! none of these may ever change.

use sha2::{Digest, Sha256};

/// The ID of the first slot. The others count on from it.
pub const SLOT_ID: u32 = 1;

/// The label of the token, unless the setting `Tokens` names others.
pub const LABEL: &str = "SignPath";

/// The manufacturer of each token.
pub const MANUFACTURER: &str = "SignPath";

/// The model of each token.
pub const MODEL: &str = "Signing policies";

/// The serial number of the first token.
pub const SERIAL_NUMBER: &str = "1";

/// The longest label of a token, in bytes (CK_TOKEN_INFO, PKCS #11 3.2, section 3.2).
pub const MAX_LABEL_LENGTH: usize = 32;

/// How a token identifies itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// The ID of its slot.
    pub slot_id: u32,
    /// Its label, at most [`MAX_LABEL_LENGTH`] bytes.
    pub label: String,
    /// Its serial number, at most 16 bytes.
    pub serial_number: String,
}

impl Default for TokenInfo {
    fn default() -> Self {
        Self::first(LABEL)
    }
}

impl TokenInfo {
    /// The token in the first slot, whatever its label is.
    pub(crate) fn first(label: &str) -> Self {
        Self { slot_id: SLOT_ID, label: label.to_owned(), serial_number: SERIAL_NUMBER.to_owned() }
    }

    /// The token in a later slot. Its serial number depends on its label and organization, so that it stays
    /// the same wherever it is in the list.
    pub(crate) fn further(slot_id: u32, label: &str, organization_id: Option<&str>) -> Self {
        let mut hash = Sha256::new_with_prefix(label);
        hash.update([0]);
        hash.update(organization_id.unwrap_or_default());
        let digest = hash.finalize();
        let start = digest.first_chunk::<8>().copied().unwrap_or_default();
        Self {
            slot_id,
            label: label.to_owned(),
            serial_number: base16ct::lower::encode_string(&start),
        }
    }
}

/// The longest PIN that the token accepts according to C_GetTokenInfo, in bytes.
pub const MAX_PIN_LENGTH: u32 = 4096;
