//! The command line of this process, with secrets masked.

mod option;
#[cfg(test)]
mod tests;
mod text;
mod words;

use option::{ValueKind, mask_argument, mask_value};

use signpath_platform::process;

use crate::masker::Masker;

/// The longest command line that is shown, in bytes.
const MAX_LENGTH: usize = 4096;

/// The longest argument that is shown in full, in bytes. A long one, such as a Java class path,
/// must leave room for those after it.
const MAX_ARGUMENT: usize = 1024;

/// The command line of this process. The secrets of `masker` and everything that looks like a
/// secret are masked.
pub(crate) fn masked(masker: &Masker) -> String {
    command_line(&process::arguments(), masker)
}

/// Joins the arguments, with secrets masked. Arguments beyond the limit are not processed.
pub(crate) fn command_line(arguments: &[u8], masker: &Masker) -> String {
    let mut shown = String::new();
    let mut next = ValueKind::Plain;
    let all = without_padding(arguments);
    for argument in all.split(|byte| *byte == 0) {
        if shown.len() > MAX_LENGTH {
            break;
        }
        let argument = masker.mask(&String::from_utf8_lossy(argument));
        let masked;
        (masked, next) = match mask_value(next, &argument) {
            Some(masked) => (masked, ValueKind::Plain),
            None => mask_argument(&argument),
        };
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(&quoted(cut(masked, MAX_ARGUMENT, None)));
    }
    cut(shown, MAX_LENGTH, Some(all.len()))
}

/// The arguments without the last zero. A program that has replaced them by a title (setproctitle(3)) has filled the rest with
/// zeros, which are not empty arguments.
fn without_padding(arguments: &[u8]) -> &[u8] {
    const MAX_ZEROS: usize = 2;
    let length = arguments.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match arguments.split_at_checked(length) {
        Some((title, padding)) if padding.len() > MAX_ZEROS => title,
        _ => arguments.strip_suffix(b"\0").unwrap_or(arguments),
    }
}

/// At most the first `limit` bytes of a text that has already been masked, with a note of the
/// original length: `length`, or else that of the text.
fn cut(mut text: String, limit: usize, length: Option<usize>) -> String {
    if text.len() <= limit {
        return text;
    }
    let length = length.unwrap_or(text.len());
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    format!("{text}... (truncated, {length} bytes in total)")
}

fn quoted(argument: String) -> String {
    if argument.is_empty() || argument.contains(char::is_whitespace) {
        format!("\"{argument}\"")
    } else {
        argument
    }
}
