//! Escapes values for the configuration files they are written to.

use signpath_platform::escape::{escaped, is_harmful};

use crate::failure::Failure;

/// A place for a value: how to quote it there, and what it cannot contain. Line breaks and other [harmful](is_harmful)
/// characters are not allowed anywhere.
pub struct Place {
    /// How messages refer to the place.
    what: &'static str,
    /// Texts that a value must not contain.
    refused: &'static [&'static str],
    /// Characters that a value must not start with.
    refused_at_start: &'static [char],
    /// Whether a value must be ASCII.
    is_ascii: bool,
    /// Whether leading and trailing blanks of a value are lost.
    is_trimmed: bool,
    /// The maximum length of the quoted value in bytes.
    max_length: usize,
    quoted: fn(&str) -> String,
}

/// The rest of a line, without quoting.
const REST_OF_LINE: Place = Place {
    what: "",
    refused: &[],
    refused_at_start: &[],
    is_ascii: false,
    is_trimmed: true,
    max_length: usize::MAX,
    quoted: str::to_owned,
};

/// A word of a shell command (POSIX, Shell Command Language, section 2.2.2), in a script or comment.
pub const SHELL: Place =
    Place { what: "a shell command", is_trimmed: false, quoted: shell_word, ..REST_OF_LINE };

/// A value in openssl.cnf (config(5)). `$` and `#` have no meaning within quotes. OpenSSL reads lines in blocks of 511
/// bytes, and loses a backslash at the end of a block.
pub const OPENSSL: Place = Place {
    what: "openssl.cnf",
    is_trimmed: false,
    max_length: 480,
    quoted: double_quoted,
    ..REST_OF_LINE
};

/// `library` in a SunPKCS11 configuration, which is read as ISO 8859-1 by java.io.StreamTokenizer. System properties
/// are expanded even within quotes.
pub const SUNPKCS11: Place = Place {
    what: "a SunPKCS11 configuration",
    refused: &["${"],
    is_ascii: true,
    is_trimmed: false,
    quoted: double_quoted,
    ..REST_OF_LINE
};

/// The path of a SunPKCS11 configuration, on a command line or in java.security. System properties are expanded there
/// too.
pub const JAVA_FILE: Place =
    Place { what: "the SunPKCS11 argument", refused: &["${"], quoted: shell_word, ..REST_OF_LINE };

/// An alias on the command line of jarsigner. Some other values would be taken for an option or an argument file.
pub const JAVA_ALIAS: Place = Place {
    what: "the jarsigner command line",
    refused_at_start: &['-', '@'],
    is_trimmed: false,
    quoted: shell_word,
    ..REST_OF_LINE
};

/// A value in a p11-kit configuration (pkcs11.conf(5)).
pub const P11_KIT: Place = Place { what: "a p11-kit configuration", ..REST_OF_LINE };

/// A value in gpg-agent.conf.
pub const GPG_AGENT: Place = Place { what: "gpg-agent.conf", ..REST_OF_LINE };

/// A value in gnupg-pkcs11-scd.conf, where `#` starts a comment anywhere in a line. Lines are read in blocks of 1023
/// bytes.
pub const GNUPG_PKCS11_SCD: Place =
    Place { what: "gnupg-pkcs11-scd.conf", refused: &["#"], max_length: 900, ..REST_OF_LINE };

/// A file name in a comment of a gpg parameter file, whose lines are limited to 1023 bytes.
pub const GPG_FILE: Place = Place { what: "a gpg parameter file", max_length: 900, ..SHELL };

/// A user ID in a gpg parameter file.
pub const GPG_USER: Place = Place { what: "a gpg user ID", ..REST_OF_LINE };

impl Place {
    /// Quotes a value for this place.
    ///
    /// # Errors
    /// Says what cannot be written there and why, but not what to do about it.
    pub fn write(&self, value: &str) -> Result<String, Failure> {
        let quoted = (self.quoted)(value);
        let refused = || self.refused.iter().find(|text| value.contains(**text));
        let reason = if let Some(c) = value.chars().find(|&c| is_harmful(c)) {
            format!("it contains the character U+{:04X}", u32::from(c))
        } else if let Some(text) = refused() {
            format!("it contains {text}")
        } else if value.starts_with(self.refused_at_start) {
            "it starts with - or @".to_owned()
        } else if self.is_ascii && !value.is_ascii() {
            "it contains non-ASCII characters".to_owned()
        } else if self.is_trimmed && value.trim() != value {
            "it starts or ends with a blank".to_owned()
        } else if quoted.len() > self.max_length {
            format!("it is longer than {} bytes", self.max_length)
        } else {
            return Ok(quoted);
        };
        Err(format!("{} cannot contain {}: {reason}", self.what, escaped(value)).into())
    }
}

/// Puts the text in single quotes if necessary. Within them, only the closing quote has a meaning.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,%@".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Puts the text in double quotes, with a backslash before each quote and backslash.
fn double_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// Escapes a value for a Java properties file (java.util.Properties), which is read as ISO 8859-1.
pub fn java_property(text: &str) -> String {
    let mut property = String::new();
    for c in text.chars() {
        match c {
            '\\' => property.push_str(r"\\"),
            _ if c.is_ascii() => property.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    property.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    property
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_escapes_its_line_or_quotes() {
        let alphabet: Vec<char> =
            "ab /\\'\"$`#|%=:;{}\n\r\t\u{0}\u{1b}\u{85}\u{2028}ß日".chars().collect();
        let places = [
            SHELL,
            OPENSSL,
            SUNPKCS11,
            JAVA_FILE,
            JAVA_ALIAS,
            P11_KIT,
            GPG_AGENT,
            GNUPG_PKCS11_SCD,
            GPG_FILE,
            GPG_USER,
        ];
        let mut random = fastrand::Rng::with_seed(7);
        let mut words = Vec::new();
        for _ in 0..20_000 {
            let value: String =
                (0..random.usize(..12)).filter_map(|_| random.choice(&alphabet)).collect();
            for place in &places {
                let Ok(written) = place.write(&value) else {
                    continue;
                };
                assert!(!written.chars().any(is_harmful), "{}: {value:?}", place.what);
                if written != value {
                    let read = read_back(&written);
                    assert_eq!(read.as_deref(), Some(&*value), "{}: {written}", place.what);
                }
            }
            words.extend(SHELL.write(&value).ok().map(|word| (word, value)));
        }
        // All words at once would exceed the maximum length of a command line.
        for words in words.chunks(1000) {
            let (words, values): (Vec<_>, Vec<_>) = words.iter().cloned().unzip();
            let script = format!("printf '%s\\n' {}", words.join(" "));
            let output = std::process::Command::new("sh").args(["-c", &script]).output();
            let printed = String::from_utf8(output.unwrap().stdout).unwrap();
            assert_eq!(printed, values.join("\n") + "\n");
        }
    }

    /// Parses a quoted value as a shell or another program would; [`None`] if it is not quoted.
    fn read_back(written: &str) -> Option<String> {
        if let Some(inner) = written.strip_prefix('\'') {
            let inner = inner.strip_suffix('\'').unwrap();
            let parts: Vec<_> = inner.split(r"'\''").collect();
            assert!(parts.iter().all(|part| !part.contains('\'')), "{written}");
            return Some(parts.join("'"));
        }
        let inner = written.strip_prefix('"')?.strip_suffix('"')?;
        let mut read = String::new();
        let mut characters = inner.chars();
        while let Some(c) = characters.next() {
            assert_ne!(c, '"', "{written}");
            read.push(if c == '\\' { characters.next().unwrap() } else { c });
        }
        Some(read)
    }
}
