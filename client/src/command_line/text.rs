//! Secrets within a text, by the names before them.

use std::ops::Range;

use super::option::{PKCS11_TOKENS, TOKEN_LABEL, ends_in, last_word};
use crate::secret::MASK;

/// What the names end in whose value, wherever in an argument it starts, is a secret:
/// `pin-value=` of a PKCS #11 URI (RFC 7512), openssl's engine command `PIN`, the properties of
/// build tools, and parts of a query or a form.
const SECRET_ATTRIBUTES: &[&str] = &[
    "pin-value",
    "pin",
    "password",
    "passphrase",
    "passwd",
    "secret",
    "authorization",
    "api-key",
    "api_key",
    "apikey",
];

/// The same with a colon: openssl's engine command `PIN` in its other form, and header fields.
const SECRET_FIELDS: &[&str] = &["pin", "authorization", "cookie", "api-key"];

/// What the names of environment variables with a secret end in.
const SECRET_VARIABLES: &[&str] = &["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// What an attribute in the midst of an argument ends at.
const ATTRIBUTE_ENDS: [char; 4] = [';', '&', '?', '\n'];

/// The scheme of a PKCS #11 URI. The name of a key is what an audit log is read for, so only a PIN
/// is masked in it.
const PKCS11: &str = "pkcs11";

/// A text without the secrets that show by the names before them.
pub(super) fn mask_text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let (mut shown_to, mut looked_to, mut uri_to) = (0, 0, 0);
    while let Some(delimiter) = find(text, looked_to, &['=', ':']) {
        looked_to = delimiter + 1;
        let (before, after) = (upto(text, delimiter), from(text, delimiter + 1));
        if delimiter >= uri_to && is_scheme(before, after, text.as_bytes().get(delimiter)) {
            let is_end = |character: char| character.is_whitespace() || "\"'".contains(character);
            uri_to = looked_to + after.find(is_end).unwrap_or(after.len());
            continue;
        }
        let hidden = if delimiter < uri_to {
            pin_in_uri(text, delimiter, uri_to)
        } else if let Some(address) = after.strip_prefix("//") {
            let is_web = ["http", "https"]
                .iter()
                .any(|scheme| ends_in(before, scheme));
            let hidden = user_information(address, is_web);
            let start = text.len() - address.len();
            hidden.map(|hidden| start + hidden.start..start + hidden.end)
        } else {
            named_value(text, delimiter)
        };
        if let Some(hidden) = hidden {
            masked.push_str(text.get(shown_to..hidden.start).unwrap_or_default());
            masked.push_str(MASK);
            (shown_to, looked_to) = (hidden.end, hidden.end);
        }
    }
    masked.push_str(from(text, shown_to));
    masked
}

/// The value of `pin-value=` in a PKCS #11 URI.
fn pin_in_uri(text: &str, delimiter: usize, uri_to: usize) -> Option<Range<usize>> {
    if !ends_in(upto(text, delimiter), "pin-value") {
        return None;
    }
    let end = find(text, delimiter, &ATTRIBUTE_ENDS).unwrap_or(uri_to);
    Some(delimiter + 1..end.min(uri_to))
}

/// The value behind a delimiter, if its name says that it is a secret.
fn named_value(text: &str, delimiter: usize) -> Option<Range<usize>> {
    let (before, after) = (upto(text, delimiter), from(text, delimiter + 1));
    let is_field = text.as_bytes().get(delimiter) == Some(&b':');
    let named = before.trim_end_matches(['"', '\'']);
    let is_quoted = named.len() < before.len();
    let is_of_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let start = named.trim_end_matches(is_of_name).len();
    let name = from(named, start);
    let end_of = |value: &str| value.find(ATTRIBUTE_ENDS).unwrap_or(value.len());

    let is_compound_token = ends_in(last_word(name), "token")
        && name.len() > "token".len()
        && !PKCS11_TOKENS.iter().any(|public| ends_in(name, public));
    let is_token = name.eq_ignore_ascii_case("token") && upto(after, end_of(after)) != TOKEN_LABEL;
    let is_variable = SECRET_VARIABLES.iter().any(|ending| name.ends_with(ending));
    let ends_in_one = |names: &[&str]| names.iter().any(|known| ends_in(name, known));
    let is_secret = match is_field && !is_quoted {
        true => ends_in_one(SECRET_FIELDS) || is_compound_token,
        false => ends_in_one(SECRET_ATTRIBUTES) || is_compound_token || is_token || is_variable,
    };
    let value = after.trim_start_matches(' ');
    let quote = value.chars().next().filter(|c| "\"'".contains(*c));
    let value = quote.map_or(value, |quote| value.strip_prefix(quote).unwrap_or(value));
    if !is_secret || is_pkcs11_uri(value) {
        return None;
    }
    let length = match quote {
        Some(quote) => value.find(quote).unwrap_or(value.len()),
        // The value is all of the argument, or of the line in it.
        None if start == 0 || is_variable => value.len(),
        None if is_field || ends_in(name, "authorization") => {
            value.find('\n').unwrap_or(value.len())
        }
        None => end_of(value),
    };
    let start = text.len() - value.len();
    Some(start..start + length)
}

/// Where the password is in `user:password@host/...`. Of a user alone that is said only if it
/// `may_be_token`, and so of one whose password is empty or a word that stands for none.
pub(super) fn user_information(address: &str, may_be_token: bool) -> Option<Range<usize>> {
    let is_end = |character: char| character.is_whitespace() || "/?#\"'".contains(character);
    let authority = upto(address, address.find(is_end).unwrap_or(address.len()));
    let end = authority.rfind('@')?;
    match upto(authority, end).split_once(':') {
        Some((_, "" | "x-oauth-basic")) => Some(0..end),
        Some((user, _)) => Some(user.len() + 1..end),
        None => may_be_token.then_some(0..end),
    }
}

/// Whether a PKCS #11 URI begins between `before` and `after`.
fn is_scheme(before: &str, after: &str, delimiter: Option<&u8>) -> bool {
    let word = before.len().saturating_sub(PKCS11.len());
    let is_part = |character: char| character.is_ascii_alphanumeric();
    delimiter == Some(&b':')
        && !after.starts_with("//")
        && ends_in(before, PKCS11)
        && !upto(before, word).ends_with(is_part)
}

pub(super) fn is_pkcs11_uri(value: &str) -> bool {
    upto(value, PKCS11.len()).eq_ignore_ascii_case(PKCS11)
        && from(value, PKCS11.len()).starts_with(':')
}

fn find(text: &str, start: usize, characters: &[char]) -> Option<usize> {
    Some(start + from(text, start).find(characters)?)
}

pub(super) fn upto(text: &str, end: usize) -> &str {
    text.get(..end).unwrap_or_default()
}

pub(super) fn from(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or_default()
}
