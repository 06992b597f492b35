//! Describes errors of the operating system in messages.

use std::io;

use nix::errno::Errno;

/// The description of an error, to be used after a colon. One of the operating system is in
/// English whatever the locale is, in lower case, and without its number.
pub fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => in_lower_case(Errno::from_raw(number).desc()),
        None => error.to_string(),
    }
}

/// The text with its first letter in lower case, unless the first word is an abbreviation.
pub fn in_lower_case(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            let rest = text.get(first.len_utf8()..).unwrap_or_default();
            first.to_lowercase().collect::<String>() + rest
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_errors_in_lower_case_without_numbers() {
        for (error, expected) in [
            (Errno::ENOENT.into(), "no such file or directory"),
            (Errno::ECONNREFUSED.into(), "connection refused"),
            (Errno::EIO.into(), "I/O error"),
            (io::Error::other("not a regular file"), "not a regular file"),
        ] {
            assert_eq!(describe(&error), expected);
        }
    }
}
