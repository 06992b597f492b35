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

/// Names whose value, wherever in an argument it starts, is a secret up to the next delimiter:
/// `pin-value=` of a PKCS #11 URI (RFC 7512), and openssl's engine command `PIN` in both its forms.
const SECRET_ATTRIBUTES: &[&str] = &["pin-value=", "pin=", "pin:"];

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

/// The command line as one text, without the secrets in it.
fn command_line(arguments: &[String], secrets: &[Secret]) -> String {
    let mut shown = Vec::with_capacity(arguments.len());
    let mut is_secret = false;
    for argument in arguments {
        let known = secrets
            .iter()
            .fold(argument.clone(), |text, secret| secret.mask_in(&text));
        let (masked, next_is_secret) = if is_secret {
            (MASK.to_owned(), false)
        } else {
            mask_argument(&known)
        };
        is_secret = next_is_secret;
        shown.push(quoted(masked));
    }
    shown.join(" ")
}

/// The argument without its secrets, and whether the next one is a secret.
fn mask_argument(argument: &str) -> (String, bool) {
    let dashless = argument.trim_start_matches('-');
    if dashless.len() < argument.len() {
        let end = dashless.find(['=', ':']).unwrap_or(dashless.len());
        let (option, value) = dashless.split_at(end);
        if SECRET_OPTIONS
            .iter()
            .any(|known| option.eq_ignore_ascii_case(known))
        {
            let Some(delimiter) = value.chars().next() else {
                return (argument.to_owned(), true);
            };
            let dashes = argument.strip_suffix(dashless).unwrap_or_default();
            return (format!("{dashes}{option}{delimiter}{MASK}"), false);
        }
    }
    (mask_attributes(argument), false)
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
        ] {
            assert_eq!(masked(arguments), expected);
        }
    }
}
