//! Recognizes options with a secret value by their names.

use std::ops::Range;

use super::text::{head, is_pkcs11_uri, mask_text, tail, user_information};
use super::words::{PKCS11_TOKENS, TOKEN_LABEL, ends_in, last_word};
use crate::secret::MASK;

/// The kind of an option's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Not a secret.
    Plain,
    /// Always a secret.
    Secret,
    /// A secret, unless it looks like an option.
    Value,
    /// A token: a secret, unless it is the label of our PKCS #11 token.
    Token,
    /// `user:password`.
    User,
    /// The address of a proxy, possibly with `user:password@`.
    Proxy,
}

/// Options by their full names, without leading dashes. Case is ignored.
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
            "cookie",
        ],
    ),
    (ValueKind::User, &["u", "user", "proxy-user"]),
    (ValueKind::Proxy, &["x", "proxy", "preproxy"]),
    (ValueKind::Plain, PKCS11_TOKENS),
];

/// The endings of other options with a secret value, such as `-Dgpg.passphrase=`.
const SECRET_ENDINGS: &[&str] = &[
    "password",
    "passphrase",
    "passwd",
    "storepass",
    "keypass",
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

/// Endings that are also part of harmless words, such as `--bypass`. The argument after an option
/// is a secret only if the ending is a word of its own.
const SECRET_WORDS: &[(&str, ValueKind)] = &[
    ("pass", ValueKind::Value),
    ("pwd", ValueKind::Value),
    ("pin", ValueKind::Value),
    ("token", ValueKind::Token),
];

/// The masked value of an option of this kind. [`None`] if nothing needs to be masked.
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

/// The argument with its secrets masked, and the kind of the next one.
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

/// The kind of the argument after an option, if that argument is its value.
fn kind_of(option: &str) -> ValueKind {
    let matches = |known: &&str| option.eq_ignore_ascii_case(known);
    if let Some((kind, _)) = OPTIONS.iter().find(|(_, names)| names.iter().any(matches)) {
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

fn replaced(text: &str, hidden: Range<usize>) -> String {
    format!("{}{MASK}{}", head(text, hidden.start), tail(text, hidden.end))
}
