//! HTTP/1.1 messages with a Content-Length, which is all that the benchmark exchanges.

use std::io::{self, Read};

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Reads a message into `message`. `false`: the peer closed the connection before it.
pub(super) fn read(stream: &mut impl Read, message: &mut Vec<u8>) -> io::Result<bool> {
    message.clear();
    let mut piece = [0; 16 << 10];
    let mut length = None;
    while length.is_none_or(|length| message.len() < length) {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return match message.is_empty() {
                true => Ok(false),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        message.extend_from_slice(&piece[..read]);
        length = length.or_else(|| length_of(message));
    }
    Ok(true)
}

/// The part of a message between two others, which may be missing.
pub(super) fn between<'a>(message: &'a [u8], before: &str, after: &str) -> &'a [u8] {
    let Some(start) = position(message, before.as_bytes()) else {
        return &[];
    };
    let rest = &message[start + before.len()..];
    &rest[..position(rest, after.as_bytes()).unwrap_or(rest.len())]
}

/// The body of a message.
pub(super) fn body(message: &[u8]) -> &[u8] {
    position(message, END_OF_HEAD).map_or(&[], |end| &message[end + END_OF_HEAD.len()..])
}

/// An answer with this JSON as its body.
pub(super) fn json_answer(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The length of the whole message, once its head is complete.
fn length_of(message: &[u8]) -> Option<usize> {
    let end = position(message, END_OF_HEAD)?;
    let head = String::from_utf8_lossy(&message[..end]);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some(end + END_OF_HEAD.len() + length.unwrap_or(0))
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
