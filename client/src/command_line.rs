//! The command line of this process without the secrets in it.

use std::ops::Range;

use crate::secret::{MASK, Masker};

/// The longest text that is shown of all arguments, in bytes.
const MAX_LENGTH: usize = 4096;

/// The longest text that is shown of one argument, in bytes, so that a long one, such as the class
/// path of a Java program, leaves room for those after it.
const MAX_ARGUMENT: usize = 1024;

/// What a value is, by the name of its option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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
const OPTIONS: &[(Kind, &[&str])] = &[
    (
        Kind::Secret,
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
    (Kind::User, &["u", "user", "proxy-user"]),
    (Kind::Proxy, &["x", "proxy", "preproxy"]),
    (Kind::Plain, PKCS11_TOKENS),
];

/// Names whose value is a token as PKCS #11 has it, which is no secret.
const PKCS11_TOKENS: &[&str] = &["nss-token", "pkcs11-token", "hsm-token", "init-token"];

/// The label of our own token.
const TOKEN_LABEL: &str = "SignPath";

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
const SECRET_WORDS: &[(&str, Kind)] = &[
    ("pass", Kind::Value),
    ("pin", Kind::Value),
    ("token", Kind::Token),
];

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

/// The command line of this process as one text, without the secrets that `masker` knows and what
/// looks like one.
pub(crate) fn masked(masker: &Masker) -> String {
    command_line(&arguments(), masker)
}

/// The arguments of the process, a zero byte behind each. The standard library's own are empty in a
/// library that a C program loads, unless the C library hands them to constructors.
fn arguments() -> Vec<u8> {
    std::fs::read("/proc/self/cmdline").unwrap_or_else(|_| {
        let arguments = std::env::args_os();
        arguments
            .flat_map(|argument| {
                (argument.to_string_lossy() + "\0")
                    .into_owned()
                    .into_bytes()
            })
            .collect()
    })
}

/// The command line as one text, without the secrets in it. What is not shown is not looked at.
fn command_line(arguments: &[u8], masker: &Masker) -> String {
    let mut shown = String::new();
    let mut next = Kind::Plain;
    let all = arguments.strip_suffix(b"\0").unwrap_or(arguments);
    for argument in all.split(|byte| *byte == 0) {
        if shown.len() > MAX_LENGTH {
            break;
        }
        let argument = masker.mask(&String::from_utf8_lossy(argument));
        let masked;
        (masked, next) = match mask_value(next, &argument) {
            Some(masked) => (masked, Kind::Plain),
            None => mask_argument(&argument),
        };
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(&quoted(cut(masked, MAX_ARGUMENT, None)));
    }
    cut(shown, MAX_LENGTH, Some(all.len()))
}

/// At most the first `limit` bytes of a text that has no secrets any more, and how long it was, or
/// what it was made of.
fn cut(mut text: String, limit: usize, length: Option<usize>) -> String {
    if text.len() <= limit {
        return text;
    }
    let length = length.unwrap_or(text.len());
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    format!("{text}... (cut off, {length} bytes in all)")
}

/// The value of an option of that kind, if it needs to be masked.
fn mask_value(kind: Kind, value: &str) -> Option<String> {
    let is_hidden = match kind {
        Kind::Secret => true,
        Kind::Value => !value.starts_with('-'),
        Kind::Token => !value.starts_with('-') && value != TOKEN_LABEL,
        Kind::User if !value.starts_with('-') && !value.contains("://") => {
            let (user, _) = value.split_once(':')?;
            return Some(format!("{user}:{MASK}")).filter(|_| !is_pkcs11_uri(value));
        }
        Kind::Proxy if !value.contains("://") => {
            let hidden = user_information(value, false)?;
            return Some(replaced(value, hidden));
        }
        Kind::Plain | Kind::User | Kind::Proxy => false,
    };
    (is_hidden && !is_pkcs11_uri(value)).then(|| MASK.to_owned())
}

/// The argument without its secrets, and what the next one is.
fn mask_argument(argument: &str) -> (String, Kind) {
    let dashless = argument.trim_start_matches('-');
    if dashless.len() == argument.len() {
        return (mask_text(argument), Kind::Plain);
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
        Kind::Plain if PKCS11_TOKENS.contains(&option) => Kind::Plain,
        Kind::Plain => ending_in(option, SECRET_WORDS).unwrap_or(Kind::Plain),
        kind => kind,
    };
    let masked = match kind {
        Kind::Plain if is_attached_user => Some(MASK.to_owned()),
        Kind::Value | Kind::Token if value.starts_with('-') => Some(MASK.to_owned()),
        kind => mask_value(kind, value),
    };
    match (masked, argument.get(..=start)) {
        (Some(masked), Some(option)) => (format!("{option}{masked}"), Kind::Plain),
        _ => (mask_text(argument), Kind::Plain),
    }
}

/// What the argument behind an option is, if it has its value there.
fn kind_of(option: &str) -> Kind {
    let is_it = |known: &&str| option.eq_ignore_ascii_case(known);
    if let Some((kind, _)) = OPTIONS.iter().find(|(_, names)| names.iter().any(is_it)) {
        return *kind;
    }
    if SECRET_ENDINGS.iter().any(|ending| ends_in(option, ending)) {
        return Kind::Value;
    }
    let last_word = last_word(option);
    let known = |(word, _): &&(&str, Kind)| last_word.eq_ignore_ascii_case(word);
    let found = SECRET_WORDS.iter().find(known);
    found.map_or(Kind::Plain, |(_, kind)| *kind)
}

fn ending_in(option: &str, endings: &[(&str, Kind)]) -> Option<Kind> {
    let mut endings = endings.iter();
    endings.find_map(|(ending, kind)| ends_in(option, ending).then_some(*kind))
}

fn ends_in(text: &str, ending: &str) -> bool {
    let start = text.len().checked_sub(ending.len());
    start
        .and_then(|start| text.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// `token` of `api-token`, `api_token` and `api.token`, and `Token` of `apiToken`.
fn last_word(name: &str) -> &str {
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

/// A text without the secrets that show by the names before them.
fn mask_text(text: &str) -> String {
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
fn user_information(address: &str, may_be_token: bool) -> Option<Range<usize>> {
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

fn is_pkcs11_uri(value: &str) -> bool {
    upto(value, PKCS11.len()).eq_ignore_ascii_case(PKCS11)
        && from(value, PKCS11.len()).starts_with(':')
}

fn replaced(text: &str, hidden: Range<usize>) -> String {
    format!(
        "{}{MASK}{}",
        upto(text, hidden.start),
        from(text, hidden.end)
    )
}

fn find(text: &str, start: usize, characters: &[char]) -> Option<usize> {
    Some(start + from(text, start).find(characters)?)
}

fn upto(text: &str, end: usize) -> &str {
    text.get(..end).unwrap_or_default()
}

fn from(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or_default()
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
    use crate::secret::Secret;

    fn masked(arguments: &[&str]) -> String {
        let masker = Masker::new([&Secret::new("t0ken/+=".to_owned())]);
        command_line((arguments.join("\0") + "\0").as_bytes(), &masker)
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
            (
                &["curl", "-x", "u:p@proxy:8080", "http://u:p:q@host:1/a:b@c"],
                "curl -x u:***@proxy:8080 http://u:***@host:1/a:b@c",
            ),
            (
                &[
                    "curl",
                    "--proxy=u:p@proxy",
                    "--proxy",
                    "http://u:p@proxy/",
                    "https://t@h/",
                ],
                "curl --proxy=u:***@proxy --proxy http://u:***@proxy/ https://***@h/",
            ),
            (
                &[
                    "git",
                    "https://t:@h/",
                    "https://t:x-oauth-basic@h",
                    "ssh://git@h/a",
                ],
                "git https://***@h/ https://***@h ssh://git@h/a",
            ),
            (
                &[
                    "curl",
                    "-H",
                    "Authorization: Bearer a;b=c",
                    "-HX-Api-Key: a b",
                    "-v",
                ],
                "curl -H \"Authorization: ***\" -HX-Api-Key:*** -v",
            ),
            (
                &[
                    "curl",
                    "--header=proxy-authorization:Basic a",
                    "-H",
                    "private-token: a",
                ],
                "curl --header=proxy-authorization:*** -H \"private-token: ***\"",
            ),
            (
                &[
                    "curl",
                    "-u",
                    "user:p:q",
                    "--user=a:b",
                    "-uuser:p",
                    "-U",
                    "u",
                    "-u",
                    "u",
                ],
                "curl -u user:*** --user=a:*** -uuser:*** -U u -u u",
            ),
            (
                &[
                    "curl",
                    "-u",
                    "pkcs11:object=a",
                    "-u",
                    "http://h",
                    "-url:http://h",
                ],
                "curl -u pkcs11:object=a -u http://h -url:http://h",
            ),
            (
                &[
                    "tool",
                    "--api-key",
                    "a",
                    "--apikey=b",
                    "--apiKey",
                    "c",
                    "--key",
                    "d",
                ],
                "tool --api-key *** --apikey=*** --apiKey *** --key d",
            ),
            (
                &[
                    "tool",
                    "--token",
                    "a",
                    "--token=b",
                    "--token=-b",
                    "--token:c",
                ],
                "tool --token *** --token=*** --token=*** --token:***",
            ),
            (
                &[
                    "pesign",
                    "--nss-token",
                    "SignPath",
                    "--nss-token=SignPath",
                    "--token",
                    "SignPath",
                ],
                "pesign --nss-token SignPath --nss-token=SignPath --token SignPath",
            ),
            (
                &[
                    "tool",
                    "--token-label",
                    "SignPath",
                    "--token-label=a",
                    "token=SignPath;object=a",
                ],
                "tool --token-label SignPath --token-label=a token=SignPath;object=a",
            ),
            (
                &[
                    "curl",
                    "https://h/?token=a&b=c&access_token=d",
                    "-d",
                    "token=a&api_key=b",
                ],
                "curl https://h/?token=***&b=c&access_token=*** -d token=***",
            ),
            (
                &[
                    "env",
                    "API_KEY=a b;c",
                    "-e",
                    "MY_TOKEN=a",
                    "--env=A_SECRET=b",
                    "DB_PASSWORD=c",
                ],
                "env API_KEY=*** -e MY_TOKEN=*** --env=A_SECRET=*** DB_PASSWORD=***",
            ),
            (
                &[
                    "env",
                    "SIGN_KEY=pkcs11:object=a;pin-value=b",
                    "KEYS=a",
                    "key=a",
                    "X=KEY",
                ],
                "env SIGN_KEY=pkcs11:object=a;pin-value=*** KEYS=a key=a X=KEY",
            ),
            (
                &[
                    "tool",
                    "--token",
                    "pkcs11:token=a;object=my-secret=1",
                    "--pin=pkcs11:object=b",
                ],
                "tool --token pkcs11:token=a;object=my-secret=1 --pin=pkcs11:object=b",
            ),
            (
                &[
                    "tool",
                    "pkcs11:object=a%2Fb?pin-source=file:/a/pin&pin-value=b",
                    "PKCS11:token=c",
                ],
                "tool pkcs11:object=a%2Fb?pin-source=file:/a/pin&pin-value=*** PKCS11:token=c",
            ),
            (
                &[
                    "nginx",
                    "engine:pkcs11:pkcs11:object=password=a;pin-value=b;type=private",
                ],
                "nginx engine:pkcs11:pkcs11:object=password=a;pin-value=***;type=private",
            ),
            (
                &[
                    "sh",
                    "sign 'pkcs11:object=a;pin-value=b' password='c;d' {\"password\": \"e\"}",
                ],
                "sh \"sign 'pkcs11:object=a;pin-value=***' password='***' {\"password\": \"***\"}\"",
            ),
            (
                &[
                    "osslsigncode",
                    "-ts",
                    "http://ts.example:80/",
                    "-h",
                    "sha256",
                    "-n",
                    "a:b@c",
                ],
                "osslsigncode -ts http://ts.example:80/ -h sha256 -n a:b@c",
            ),
        ] {
            assert_eq!(masked(arguments), expected);
        }
    }

    #[test]
    fn a_long_command_line_is_cut_and_says_how_long_it_was() {
        let jars = "/a/\u{e4}.jar:".repeat(3000);
        let shown = masked(&["java", "-cp", &jars, "Main", "--pin", "1"]);
        assert!(shown.starts_with("java -cp \"/a/\u{e4}.jar:/a/"), "{shown}");
        let note = format!(
            "... (cut off, {} bytes in all)\" Main --pin ***",
            jars.len()
        );
        assert!(shown.ends_with(&note), "{shown}");
        assert!(shown.len() < MAX_ARGUMENT + 100, "{}", shown.len());

        let arguments = vec!["0123456789"; 10_000];
        let shown = masked(&arguments);
        let note = format!("... (cut off, {} bytes in all)", 11 * arguments.len() - 1);
        assert!(shown.ends_with(&note), "{shown}");
        assert_eq!(shown.len(), MAX_LENGTH + note.len());
    }

    #[test]
    fn a_cut_leaves_no_piece_of_a_secret() {
        for before in MAX_ARGUMENT - 20..MAX_ARGUMENT + 20 {
            let argument = "x".repeat(before) + ";pin-value=hunter2;t0ken/+=;y";
            let shown = masked(&["tool", &argument.repeat(2)]);
            for piece in ["hu", "t0", "n/+"] {
                assert!(!shown.contains(piece), "{shown}");
            }
        }
    }

    /// Of a command line that is 10 times as long, no more is looked at.
    #[test]
    fn what_is_not_shown_costs_nothing() {
        let cost = |length: usize| {
            let secrets = [Secret::new("t0ken/+=".to_owned())];
            let arguments = "0123456789\0".repeat(length);
            let masker = Masker::new(&secrets);
            command_line(arguments.as_bytes(), &masker);
            masker.bytes_looked_at()
        };
        assert_eq!(cost(1000), cost(10_000));
        assert!(cost(1000) < 2 * MAX_LENGTH);
    }
}
