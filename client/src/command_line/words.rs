//! Words in the names of options and variables.

/// Options whose value is the name of a PKCS #11 token, which is not a secret.
pub(super) const PKCS11_TOKENS: &[&str] = &["nss-token", "pkcs11-token", "hsm-token", "init-token"];

/// The label of our own token.
pub(super) const TOKEN_LABEL: &str = "SignPath";

pub(super) fn ends_in(text: &str, ending: &str) -> bool {
    let start = text.len().checked_sub(ending.len());
    start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// For example `token` in `api-token`, `api_token` and `api.token`, and `Token` in `apiToken`.
pub(super) fn last_word(name: &str) -> &str {
    let start = name.char_indices().rfind(|(_, character)| !character.is_ascii_lowercase());
    let word = match start {
        Some((start, character)) if character.is_ascii_uppercase() => name.get(start..),
        Some((start, character)) => name.get(start + character.len_utf8()..),
        None => Some(name),
    };
    word.unwrap_or_default()
}
