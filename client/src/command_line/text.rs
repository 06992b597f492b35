//! Masks secrets within a text, recognized by the names in front of them.

use std::ops::Range;

use super::words::{PKCS11_TOKENS, TOKEN_LABEL, ends_in, last_word};
use crate::secret::MASK;

/// Endings of names before `=` whose value is a secret anywhere in an argument: `pin-value` in a
/// PKCS #11 URI (RFC 7512), openssl's engine command `PIN`, properties of build tools, and fields
/// of queries and forms.
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

/// Endings of names before a colon whose value is a secret: the other form of openssl's engine
/// command `PIN`, and header fields.
const SECRET_FIELDS: &[&str] = &["pin", "authorization", "cookie", "api-key"];

/// What openssl's pass phrases (openssl-passphrase-options(1)) and those of apksigner start with.
const PASS_PHRASE: &str = "pass";

/// Endings of environment variables that contain a secret.
const SECRET_VARIABLES: &[&str] = &["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// The length of an organization ID, a UUID (RFC 9562).
const ID_LENGTH: usize = 36;

/// The characters that end an attribute within an argument.
const ATTRIBUTE_ENDS: [char; 4] = [';', '&', '?', '\n'];

/// The scheme of PKCS #11 URIs. Only the PIN is masked in them, since the key's name is what
/// readers of an audit log want to know.
const PKCS11: &str = "pkcs11";

/// Masks the secrets that can be recognized by the names in front of them.
pub(super) fn mask_text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let (mut shown_to, mut looked_to, mut uri_to) = (0, 0, 0);
    while let Some(delimiter) = find(text, looked_to, &['=', ':']) {
        looked_to = delimiter + 1;
        let (before, after) = (head(text, delimiter), tail(text, delimiter + 1));
        if delimiter >= uri_to && is_scheme(before, after, text.as_bytes().get(delimiter)) {
            let is_end = |character: char| character.is_whitespace() || "\"'".contains(character);
            uri_to = looked_to + after.find(is_end).unwrap_or(after.len());
            continue;
        }
        let hidden = if delimiter < uri_to {
            pin_in_uri(text, delimiter, uri_to)
        } else if let Some(address) = after.strip_prefix("//") {
            let is_web = ["http", "https"].iter().any(|scheme| ends_in(before, scheme));
            let hidden = user_information(address, is_web);
            let start = text.len() - address.len();
            hidden.map(|hidden| start + hidden.start..start + hidden.end)
        } else {
            token_of_pin(text, delimiter).or_else(|| named_value(text, delimiter))
        };
        if let Some(hidden) = hidden {
            masked.push_str(text.get(shown_to..hidden.start).unwrap_or_default());
            masked.push_str(MASK);
            (shown_to, looked_to) = (hidden.end, hidden.end);
        }
    }
    masked.push_str(tail(text, shown_to));
    masked
}

/// The range of the value of `pin-value=` in a PKCS #11 URI.
fn pin_in_uri(text: &str, delimiter: usize, uri_to: usize) -> Option<Range<usize>> {
    if !ends_in(head(text, delimiter), "pin-value") {
        return None;
    }
    let end = find(text, delimiter, &ATTRIBUTE_ENDS).unwrap_or(uri_to);
    Some(delimiter + 1..end.min(uri_to))
}

/// The range of the API token in `{OrganizationId}:{ApiToken}`. It may be of a login that is yet to come, or of another token.
fn token_of_pin(text: &str, delimiter: usize) -> Option<Range<usize>> {
    let id = text.get(delimiter.checked_sub(ID_LENGTH)?..delimiter)?;
    let fits = |(index, byte): (usize, u8)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    let is_pin = text.as_bytes().get(delimiter) == Some(&b':') && id.bytes().enumerate().all(fits);
    let after = tail(text, delimiter + 1);
    let is_end = |character: char| character.is_whitespace() || "\"'".contains(character);
    let length = after.find(is_end).unwrap_or(after.len());
    (is_pin && length > 0).then_some(delimiter + 1..delimiter + 1 + length)
}

/// The range of the value after a delimiter, if the name before it says that it is a secret.
fn named_value(text: &str, delimiter: usize) -> Option<Range<usize>> {
    let (before, after) = (head(text, delimiter), tail(text, delimiter + 1));
    let is_field = text.as_bytes().get(delimiter) == Some(&b':');
    let named = before.trim_end_matches(['"', '\'']);
    let is_quoted = named.len() < before.len();
    let is_of_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let start = named.trim_end_matches(is_of_name).len();
    let name = tail(named, start);
    let end_of = |value: &str| value.find(ATTRIBUTE_ENDS).unwrap_or(value.len());

    let is_compound_token = ends_in(last_word(name), "token")
        && name.len() > "token".len()
        && !PKCS11_TOKENS.iter().any(|public| ends_in(name, public));
    let is_token = name.eq_ignore_ascii_case("token") && head(after, end_of(after)) != TOKEN_LABEL;
    let is_variable = SECRET_VARIABLES.iter().any(|ending| name.ends_with(ending));
    let ends_in_one = |names: &[&str]| names.iter().any(|known| ends_in(name, known));
    let is_pass_phrase = is_field && !is_quoted && name.eq_ignore_ascii_case(PASS_PHRASE);
    let is_secret = match is_field && !is_quoted {
        true => ends_in_one(SECRET_FIELDS) || is_compound_token || is_pass_phrase,
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
        // The value extends to the end of the argument or, for fields, of the line.
        None if start == 0 || is_variable => value.len(),
        None if is_pass_phrase => {
            let end = match head(named, start).chars().next_back() {
                Some(quote @ ('"' | '\'')) => value.find(quote),
                _ => value.find(char::is_whitespace),
            };
            end.unwrap_or(value.len())
        }
        None if is_field || ends_in(name, "authorization") => {
            value.find('\n').unwrap_or(value.len())
        }
        None => end_of(value),
    };
    let start = text.len() - value.len();
    Some(start..start + length)
}

/// The range of the password in `user:password@host/...`. If the password is empty or a
/// placeholder, the user is a token, so both are included. A user without a password is included
/// only if it `may_be_token`.
pub(super) fn user_information(address: &str, may_be_token: bool) -> Option<Range<usize>> {
    let is_end = |character: char| character.is_whitespace() || "/?#\"'".contains(character);
    let authority = head(address, address.find(is_end).unwrap_or(address.len()));
    let end = authority.rfind('@')?;
    match head(authority, end).split_once(':') {
        Some((_, "" | "x-oauth-basic")) => Some(0..end),
        Some((user, _)) => Some(user.len() + 1..end),
        None => may_be_token.then_some(0..end),
    }
}

/// Whether the delimiter between `before` and `after` belongs to the start of a PKCS #11 URI.
fn is_scheme(before: &str, after: &str, delimiter: Option<&u8>) -> bool {
    let word = before.len().saturating_sub(PKCS11.len());
    let is_part = |character: char| character.is_ascii_alphanumeric();
    delimiter == Some(&b':')
        && !after.starts_with("//")
        && ends_in(before, PKCS11)
        && !head(before, word).ends_with(is_part)
}

pub(super) fn is_pkcs11_uri(value: &str) -> bool {
    head(value, PKCS11.len()).eq_ignore_ascii_case(PKCS11)
        && tail(value, PKCS11.len()).starts_with(':')
}

fn find(text: &str, start: usize, characters: &[char]) -> Option<usize> {
    Some(start + tail(text, start).find(characters)?)
}

pub(super) fn head(text: &str, end: usize) -> &str {
    text.get(..end).unwrap_or_default()
}

pub(super) fn tail(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or_default()
}
