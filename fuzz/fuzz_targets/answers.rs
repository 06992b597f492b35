//! A response to a signing request: two bytes of status, a line of headers, and the body.

#![no_main]

use signpath_client::{Secret, fuzzing};
use signpath_fuzz::{TOKEN, assert_hidden};

signpath_fuzz::target!(check);

/// A message is shown in a line; the longest quotation in it has 2000 characters of up to four bytes.
const LONGEST: usize = 10_000;

fn check(data: &[u8]) {
    let Some((status, rest)) = data.split_first_chunk() else {
        return;
    };
    let status = 200 + u16::from_le_bytes(*status) % 400;
    let line = rest.iter().position(|byte| *byte == b'\n');
    let (value, body) = rest.split_at(line.map_or(0, |end| end + 1));
    let value = value.trim_ascii_end();
    let headers = [("retry-after", value), ("location", value), ("content-encoding", value)];
    let secret = Secret::new(TOKEN.to_owned());
    // A service may echo the request's token.
    let echo = [body, TOKEN.as_bytes()].concat();
    for body in [body, &echo] {
        for message in fuzzing::messages(status, &headers, body.to_vec(), &secret) {
            assert_hidden(TOKEN, data, &message);
            // IDs are quoted whole, and so is what a parser expected.
            assert!(message.len() <= LONGEST + body.len(), "{}", message.len());
        }
    }
}
