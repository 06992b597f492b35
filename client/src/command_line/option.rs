//! Options whose value is a secret, by their names.

use std::ops::Range;

use super::text::{from, is_pkcs11_uri, mask_text, upto, user_information};
use crate::secret::MASK;

/// What a value is, by the name of its option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Nothing secret.
    Plain,
    /// A secret, whatever it looks like.
    Secret,
    /// A secret, unless it looks like an option.
    Value,
    /// A token: a secret, unless it is the label of ours.
    Token,
    /// `user:password`.
    User,
    /// The address of a proxy, perhaps with `user:password@` before it.
    Proxy,
}

/// Options by their whole names. Leading dashes and case do not count.
const OPTIONS: &[(ValueKind, &[&str])] = &[
    (
        ValueKind::Secret,
        &[
            "pin",
            "pass",
            "storepass",
            "keypass",
            "passin",
            "password",
            "set-pin",
            "so-pin",
            "new-pin",
            "puk",
            "passphrase",
            "ks-pass",
            "key-pass",
            "oauth2-bearer",
        ],
    ),
    (ValueKind::User, &["u", "user", "proxy-user"]),
    (ValueKind::Proxy, &["x", "proxy", "preproxy"]),
    (ValueKind::Plain, PKCS11_TOKENS),
];

/// Names whose value is a token as PKCS #11 has it, which is no secret.
pub(super) const PKCS11_TOKENS: &[&str] = &["nss-token", "pkcs11-token", "hsm-token", "init-token"];

/// The label of our own token.
pub(super) const TOKEN_LABEL: &str = "SignPath";

/// What the names of other options with a secret end in, such as `-Dgpg.passphrase=`.
const SECRET_ENDINGS: &[&str] = &[
    "password",
    "passphrase",
    "passwd",
    "storepass",
    "secret",
    "api-key",
    "api_key",
    "api.key",
    "apikey",
    "access-key",
    "access_key",
    "secret-key",
    "secret_key",
];

/// The same for endings that are harmless in other words, such as `--bypass`: of the next argument
/// they say something only as words of their own.
const SECRET_WORDS: &[(&str, ValueKind)] = &[
    ("pass", ValueKind::Value),
    ("pin", ValueKind::Value),
    ("token", ValueKind::Token),
];

/// The value of an option of that kind, if it needs to be masked.
pub(super) fn mask_value(kind: ValueKind, value: &str) -> Option<String> {
    let is_hidden = match kind {
        ValueKind::Secret => true,
        ValueKind::Value => !value.starts_with('-'),
        ValueKind::Token => !value.starts_with('-') && value != TOKEN_LABEL,
        ValueKind::User if !value.starts_with('-') && !value.contains("://") => {
            let (user, _) = value.split_once(':')?;
            return Some(format!("{user}:{MASK}")).filter(|_| !is_pkcs11_uri(value));
        }
        ValueKind::Proxy if !value.contains("://") => {
            let hidden = user_information(value, false)?;
            return Some(replaced(value, hidden));
        }
        ValueKind::Plain | ValueKind::User | ValueKind::Proxy => false,
    };
    (is_hidden && !is_pkcs11_uri(value)).then(|| MASK.to_owned())
}

/// The argument without its secrets, and what the next one is.
pub(super) fn mask_argument(argument: &str) -> (String, ValueKind) {
    let dashless = argument.trim_start_matches('-');
    if dashless.len() == argument.len() {
        return (mask_text(argument), ValueKind::Plain);
    }
    let end = dashless.find(['=', ':']).unwrap_or(dashless.len());
    let (option, value) = dashless.split_at(end);
    let kind = kind_of(option);
    let mut characters = value.chars();
    let Some(delimiter) = characters.next() else {
        return (mask_text(argument), kind);
    };
    let (value, start) = (characters.as_str(), argument.len() - value.len());
    let is_attached_user = argument.len() == dashless.len() + 1
        && delimiter == ':'
        && option.starts_with(['u', 'U'])
        && !value.contains("://");
    let kind = match kind {
        ValueKind::Plain if PKCS11_TOKENS.contains(&option) => ValueKind::Plain,
        ValueKind::Plain => ending_in(option, SECRET_WORDS).unwrap_or(ValueKind::Plain),
        kind => kind,
    };
    let masked = match kind {
        ValueKind::Plain if is_attached_user => Some(MASK.to_owned()),
        ValueKind::Value | ValueKind::Token if value.starts_with('-') => Some(MASK.to_owned()),
        kind => mask_value(kind, value),
    };
    match (masked, argument.get(..=start)) {
        (Some(masked), Some(option)) => (format!("{option}{masked}"), ValueKind::Plain),
        _ => (mask_text(argument), ValueKind::Plain),
    }
}

/// What the argument behind an option is, if it has its value there.
fn kind_of(option: &str) -> ValueKind {
    let is_it = |known: &&str| option.eq_ignore_ascii_case(known);
    if let Some((kind, _)) = OPTIONS.iter().find(|(_, names)| names.iter().any(is_it)) {
        return *kind;
    }
    if SECRET_ENDINGS.iter().any(|ending| ends_in(option, ending)) {
        return ValueKind::Value;
    }
    let last_word = last_word(option);
    let known = |(word, _): &&(&str, ValueKind)| last_word.eq_ignore_ascii_case(word);
    let found = SECRET_WORDS.iter().find(known);
    found.map_or(ValueKind::Plain, |(_, kind)| *kind)
}

fn ending_in(option: &str, endings: &[(&str, ValueKind)]) -> Option<ValueKind> {
    let mut endings = endings.iter();
    endings.find_map(|(ending, kind)| ends_in(option, ending).then_some(*kind))
}

pub(super) fn ends_in(text: &str, ending: &str) -> bool {
    let start = text.len().checked_sub(ending.len());
    start
        .and_then(|start| text.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// `token` of `api-token`, `api_token` and `api.token`, and `Token` of `apiToken`.
pub(super) fn last_word(name: &str) -> &str {
    let start = name
        .char_indices()
        .rfind(|(_, character)| !character.is_ascii_lowercase());
    let word = match start {
        Some((start, character)) if character.is_ascii_uppercase() => name.get(start..),
        Some((start, character)) => name.get(start + character.len_utf8()..),
        None => Some(name),
    };
    word.unwrap_or_default()
}

fn replaced(text: &str, hidden: Range<usize>) -> String {
    format!(
        "{}{MASK}{}",
        upto(text, hidden.start),
        from(text, hidden.end)
    )
}
