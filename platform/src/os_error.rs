//! Describes errors of the operating system in messages.

use std::io;

use crate::system::errors;

/// The description of an error, to be used after a colon. One of the operating system is in
/// English whatever the locale is, in lower case, and without its number.
pub fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => errors::describe(number),
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
            (io::Error::from_raw_os_error(2), "no such file or directory"),
            (io::Error::other("not a regular file"), "not a regular file"),
        ] {
            assert_eq!(describe(&error), expected);
        }
    }

    #[test]
    fn an_abbreviation_keeps_its_capital_letters() {
        assert_eq!(in_lower_case("I/O error"), "I/O error");
        assert_eq!(in_lower_case("Connection refused"), "connection refused");
    }
}
