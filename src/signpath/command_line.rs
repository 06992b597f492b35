//! The command line of this process without the secrets in it.

use crate::secret::{MASK, Secret};

/// Options whose next argument, or whose text behind `=` or `:`, is a secret. Leading dashes and
/// case do not count.
const SECRET_OPTIONS: &[&str] = &[
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
];

/// What the names of other options with a secret end in, such as `-Dgpg.passphrase=`. Of the next
/// argument that is only said if it does not look like an option.
const SECRET_ENDINGS: &[&str] = &["password", "passphrase", "passwd", "storepass", "secret"];

/// The same for endings that are harmless in other words, such as `--bypass`: of the next argument
/// they say something only as words of their own.
const SECRET_WORDS: &[&str] = &["pass", "token", "pin"];

/// Names whose value, wherever in an argument it starts, is a secret up to the next delimiter:
/// `pin-value=` of a PKCS #11 URI (RFC 7512), openssl's engine command `PIN` in both its forms, and
/// the properties of build tools. `token=` is none: it is the label of the token in such a URI.
const SECRET_ATTRIBUTES: &[&str] = &[
    "pin-value=",
    "pin=",
    "pin:",
    "password=",
    "passphrase=",
    "passwd=",
    "secret=",
];

/// The command line of this process as one text, without `secrets` and what looks like one.
pub(super) fn masked(secrets: &[Secret]) -> String {
    command_line(&arguments(), secrets)
}

/// The arguments of the process. The standard library's own are empty in a library that a C
/// program loads, unless the C library hands them to constructors.
fn arguments() -> Vec<String> {
    match std::fs::read("/proc/self/cmdline") {
        Ok(content) => content
            .strip_suffix(b"\0")
            .unwrap_or(&content)
            .split(|byte| *byte == 0)
            .map(|argument| String::from_utf8_lossy(argument).into_owned())
            .collect(),
        Err(_) => std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
    }
}

/// What the next argument is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    NoSecret,
    Secret,
    /// A secret, unless it looks like an option.
    Value,
}

/// The command line as one text, without the secrets in it.
fn command_line(arguments: &[String], secrets: &[Secret]) -> String {
    let mut shown = Vec::with_capacity(arguments.len());
    let mut next = Next::NoSecret;
    for argument in arguments {
        let known = secrets
            .iter()
            .fold(argument.clone(), |text, secret| secret.mask_in(&text));
        let is_secret = match next {
            Next::NoSecret => false,
            Next::Secret => true,
            Next::Value => !argument.starts_with('-'),
        };
        let masked;
        (masked, next) = match is_secret {
            true => (MASK.to_owned(), Next::NoSecret),
            false => mask_argument(&known),
        };
        shown.push(quoted(masked));
    }
    shown.join(" ")
}

/// The argument without its secrets, and what the next one is.
fn mask_argument(argument: &str) -> (String, Next) {
    let dashless = argument.trim_start_matches('-');
    if dashless.len() < argument.len() {
        let end = dashless.find(['=', ':']).unwrap_or(dashless.len());
        let (option, value) = dashless.split_at(end);
        let next = secret_of(option);
        match value.chars().next() {
            Some(delimiter) if next != Next::NoSecret || ends_in(option, SECRET_WORDS) => {
                let dashes = argument.strip_suffix(dashless).unwrap_or_default();
                let masked = format!("{dashes}{option}{delimiter}{MASK}");
                return (masked, Next::NoSecret);
            }
            None if next != Next::NoSecret => return (argument.to_owned(), next),
            _ => {}
        }
    }
    (mask_attributes(argument), Next::NoSecret)
}

/// What the argument behind an option is, if it has its value there.
fn secret_of(option: &str) -> Next {
    if SECRET_OPTIONS
        .iter()
        .any(|known| option.eq_ignore_ascii_case(known))
    {
        return Next::Secret;
    }
    match ends_in(option, SECRET_ENDINGS) || SECRET_WORDS.contains(&last_word(option).as_str()) {
        true => Next::Value,
        false => Next::NoSecret,
    }
}

fn ends_in(option: &str, endings: &[&str]) -> bool {
    let option = option.to_ascii_lowercase();
    endings.iter().any(|ending| option.ends_with(ending))
}

/// `token` of `api-token`, `api_token`, `api.token` and `apiToken`.
fn last_word(option: &str) -> String {
    let start = option
        .char_indices()
        .rfind(|(_, character)| !character.is_ascii_lowercase());
    let word = match start {
        Some((start, character)) if character.is_ascii_uppercase() => option.get(start..),
        Some((start, character)) => option.get(start + character.len_utf8()..),
        None => Some(option),
    };
    word.unwrap_or_default().to_ascii_lowercase()
}

fn mask_attributes(argument: &str) -> String {
    let mut masked = String::new();
    let mut rest = argument;
    while let Some(start) = value_of_first_attribute(rest) {
        let (before, value) = rest.split_at(start);
        let length = value.find([';', '&', '?', '\n']).unwrap_or(value.len());
        masked.push_str(before);
        masked.push_str(MASK);
        rest = value.split_at(length).1;
    }
    masked.push_str(rest);
    masked
}

/// Where the value of the first secret attribute begins.
fn value_of_first_attribute(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    SECRET_ATTRIBUTES
        .iter()
        .filter_map(|name| lower.find(name).map(|start| start + name.len()))
        .min()
}

fn quoted(argument: String) -> String {
    if argument.is_empty() || argument.contains(char::is_whitespace) {
        format!("\"{argument}\"")
    } else {
        argument
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        command_line(&arguments, &[Secret::new("t0ken/+=".to_owned())])
    }

    #[test]
    fn what_follows_a_secret_option_or_attribute_is_masked() {
        for (arguments, expected) in [
            (
                &["pkcs11-tool", "--pin", "hunter2", "--sign"][..],
                "pkcs11-tool --pin *** --sign",
            ),
            (&["pkcs11-tool", "--pin=hunter2"], "pkcs11-tool --pin=***"),
            (
                &["pkcs11-tool", "-p", "x t0ken/+= y"],
                "pkcs11-tool -p \"x *** y\"",
            ),
            (
                &["osslsigncode", "-pass", "hunter2", "-in", "a"],
                "osslsigncode -pass *** -in a",
            ),
            (
                &["jarsigner", "-storepass", "hunter2"],
                "jarsigner -storepass ***",
            ),
            (
                &["jarsigner", "-storepass:env", "NAME"],
                "jarsigner -storepass:*** NAME",
            ),
            (
                &[
                    "openssl",
                    "-sign",
                    "pkcs11:id=a;pin-value=hunter2;type=private",
                ],
                "openssl -sign pkcs11:id=a;pin-value=***;type=private",
            ),
            (
                &["openssl", "pkcs11:id=a?pin-value=hunter2&module-name=x"],
                "openssl pkcs11:id=a?pin-value=***&module-name=x",
            ),
            (&["openssl", "-pre", "PIN=hunter2"], "openssl -pre PIN=***"),
            (
                &["openssl", "-pre", "PIN:1", "a;PIN-VALUE=h;pin-value=i"],
                "openssl -pre PIN:*** a;PIN-VALUE=***;pin-value=***",
            ),
            (&["tool", "--url", "org:t0ken/+="], "tool --url org:***"),
            (
                &["tool", "--passive", "x", "--spin", "y", ""],
                "tool --passive x --spin y \"\"",
            ),
            (&["tool", "--pin"], "tool --pin"),
            (
                &["mvn", "-Dgpg.passphrase=hunter2;x:y=z", "verify"],
                "mvn -Dgpg.passphrase=*** verify",
            ),
            (
                &[
                    "gradle",
                    "-PsigningPassword=hunter2",
                    "-PTOKEN=1",
                    "-Pspin:1",
                ],
                "gradle -PsigningPassword=*** -PTOKEN=*** -Pspin:***",
            ),
            (
                &["msbuild", "/p:CertificatePassword=hunter2;Name=x"],
                "msbuild /p:CertificatePassword=***;Name=x",
            ),
            (
                &[
                    "tool",
                    "--api-token",
                    "a",
                    "--apiToken",
                    "b",
                    "--api_pin",
                    "c",
                ],
                "tool --api-token *** --apiToken *** --api_pin ***",
            ),
            (
                &["tool", "--use-token", "--keypasswd", "c", "--bypass", "d"],
                "tool --use-token --keypasswd *** --bypass d",
            ),
            (
                &["tool", "pkcs11:token=SignPath;object=a", "--pin", "-1"],
                "tool pkcs11:token=SignPath;object=a --pin ***",
            ),
        ] {
            assert_eq!(masked(arguments), expected);
        }
    }
}
