//! Where a value is written, and what has to be done to it there so that it means itself.

use signpath_platform::escape::{escaped, is_harmful};

use crate::failure::Failure;

/// A place for a value: how it is quoted there, and what cannot be written there at all. Nowhere is there a line break or
/// another character that [harms](is_harmful) a line.
pub struct Place {
    /// As a message names it.
    what: &'static str,
    /// What no value contains.
    refused: &'static [&'static str],
    /// What no value begins with.
    refused_at_start: &'static [char],
    /// Whether a value has only characters of ASCII.
    is_ascii: bool,
    /// Whether blanks at the ends of a value are lost.
    is_trimmed: bool,
    /// The most bytes that a value has once it is quoted.
    max_length: usize,
    quoted: fn(&str) -> String,
}

/// No more than itself: the rest of a line.
const REST_OF_LINE: Place = Place {
    what: "",
    refused: &[],
    refused_at_start: &[],
    is_ascii: false,
    is_trimmed: true,
    max_length: usize::MAX,
    quoted: str::to_owned,
};

/// A word of a shell command (POSIX, Shell Command Language, section 2.2.2), in a script or in a comment.
pub const SHELL: Place = Place {
    what: "a shell command",
    is_trimmed: false,
    quoted: shell_word,
    ..REST_OF_LINE
};

/// A value of openssl.cnf (config(5)). Between quotes neither `$` nor `#` means anything. OpenSSL reads a line in parts of
/// 511 bytes, and loses a backslash at the end of a part.
pub const OPENSSL: Place = Place {
    what: "openssl.cnf",
    is_trimmed: false,
    max_length: 480,
    quoted: double_quoted,
    ..REST_OF_LINE
};

/// `library` in a configuration of SunPKCS11, which is read as ISO 8859-1 with java.io.StreamTokenizer. System properties
/// are filled in even between quotes.
pub const SUNPKCS11: Place = Place {
    what: "a SunPKCS11 configuration",
    refused: &["${"],
    is_ascii: true,
    is_trimmed: false,
    quoted: double_quoted,
    ..REST_OF_LINE
};

/// A configuration of SunPKCS11 on a command line and in java.security: there, too, system properties are filled in.
pub const JAVA_FILE: Place = Place {
    what: "the argument of SunPKCS11",
    refused: &["${"],
    quoted: shell_word,
    ..REST_OF_LINE
};

/// An alias on the command line of jarsigner, which takes others for an option, or for a file with arguments.
pub const JAVA_ALIAS: Place = Place {
    what: "the command line of jarsigner",
    refused_at_start: &['-', '@'],
    is_trimmed: false,
    quoted: shell_word,
    ..REST_OF_LINE
};

/// A value of a p11-kit configuration (pkcs11.conf(5)).
pub const P11_KIT: Place = Place {
    what: "a p11-kit configuration",
    ..REST_OF_LINE
};

/// A value of gpg-agent.conf.
pub const GPG_AGENT: Place = Place {
    what: "gpg-agent.conf",
    ..REST_OF_LINE
};

/// A value of gnupg-pkcs11-scd.conf, which has comments anywhere in a line, and reads lines in parts of 1023 bytes.
pub const GNUPG_PKCS11_SCD: Place = Place {
    what: "gnupg-pkcs11-scd.conf",
    refused: &["#"],
    max_length: 900,
    ..REST_OF_LINE
};

/// A file name in a comment of a parameter file of gpg, whose lines have at most 1023 bytes.
pub const GPG_FILE: Place = Place {
    what: "a parameter file of gpg",
    max_length: 900,
    ..SHELL
};

/// A user ID in a parameter file of gpg.
pub const GPG_USER: Place = Place {
    what: "a user ID of gpg",
    ..REST_OF_LINE
};

impl Place {
    /// The value as it is written there.
    ///
    /// # Errors
    /// What cannot be written there and why, without what to do.
    pub fn write(&self, value: &str) -> Result<String, Failure> {
        let quoted = (self.quoted)(value);
        let refused = || self.refused.iter().find(|text| value.contains(**text));
        let reason = if let Some(c) = value.chars().find(|&c| is_harmful(c)) {
            format!("it contains the character U+{:04X}", u32::from(c))
        } else if let Some(text) = refused() {
            format!("it contains {text}")
        } else if value.starts_with(self.refused_at_start) {
            "it begins with - or @".to_owned()
        } else if self.is_ascii && !value.is_ascii() {
            "it contains characters that are not ASCII".to_owned()
        } else if self.is_trimmed && value.trim() != value {
            "it begins or ends with a blank".to_owned()
        } else if quoted.len() > self.max_length {
            format!("it has more than {} bytes", self.max_length)
        } else {
            return Ok(quoted);
        };
        Err(format!("{} cannot hold {}: {reason}", self.what, escaped(value)).into())
    }
}

/// The text between single quotes, if it needs them: there, nothing means anything but the quote that ends them.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,%@".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// The text between double quotes, where a backslash comes before each quote and backslash.
fn double_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// A value in a Java properties file (java.util.Properties), which is read as ISO 8859-1.
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
    fn no_value_adds_a_line_or_leaves_its_quotes() {
        let alphabet: Vec<char> = "ab /\\'\"$`#|%=:;{}\n\r\t\u{0}\u{1b}\u{85}\u{2028}ß日"
            .chars()
            .collect();
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
            let value: String = (0..random.usize(..12))
                .filter_map(|_| random.choice(&alphabet))
                .collect();
            for place in &places {
                let Ok(written) = place.write(&value) else {
                    continue;
                };
                assert!(
                    !written.chars().any(is_harmful),
                    "{}: {value:?}",
                    place.what
                );
                if written != value {
                    let read = read_back(&written);
                    assert_eq!(read.as_deref(), Some(&*value), "{}: {written}", place.what);
                }
            }
            words.extend(SHELL.write(&value).ok().map(|word| (word, value)));
        }
        // A command line is not long enough for all.
        for words in words.chunks(1000) {
            let (words, values): (Vec<_>, Vec<_>) = words.iter().cloned().unzip();
            let script = format!("printf '%s\\n' {}", words.join(" "));
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .output();
            let printed = String::from_utf8(output.unwrap().stdout).unwrap();
            assert_eq!(printed, values.join("\n") + "\n");
        }
    }

    /// What is between quotes, as a shell or a program that knows double quotes reads it; [`None`] without quotes.
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
            read.push(if c == '\\' {
                characters.next().unwrap()
            } else {
                c
            });
        }
        Some(read)
    }
}
