//! Builds the body of a `multipart/form-data` request (RFC 7578).

use std::io;

use crate::error::{Error, ErrorKind, Result};
use signpath_platform::os_error::describe;

/// The number of random bytes in a boundary, which must not occur in any part (RFC 2046, section
/// 5.1.1).
const RANDOM_BYTES: usize = 16;

/// A form under construction.
pub(crate) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    /// Creates an empty form.
    ///
    /// # Errors
    /// [`ErrorKind::NoRandomNumbers`].
    pub(crate) fn new() -> Result<Self> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(|error| {
            let reason = match error.raw_os_error() {
                Some(number) => describe(&io::Error::from_raw_os_error(number)),
                None => error.to_string(),
            };
            let reason = format!("cannot get random numbers from the system: {reason}");
            Error::new(ErrorKind::NoRandomNumbers, reason)
        })?;
        Ok(Self { boundary: base16ct::lower::encode_string(&random), body: Vec::new() })
    }

    /// Adds a text field. The name must not need quoting.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.part(&format!("name=\"{name}\""), "", value.as_bytes());
    }

    /// Adds a JSON file. Neither the field name nor the file name may need quoting.
    pub(crate) fn json_file(&mut self, name: &str, file_name: &str, content: &[u8]) {
        self.part(
            &format!("name=\"{name}\"; filename=\"{file_name}\""),
            "Content-Type: application/json\r\n",
            content,
        );
    }

    fn part(&mut self, disposition: &str, header: &str, content: &[u8]) {
        let boundary = &self.boundary;
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{header}\r\n"
        );
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
    }

    /// The content type and the body.
    pub(crate) fn finish(mut self) -> (String, Vec<u8>) {
        let end = format!("--{}--\r\n", self.boundary);
        self.body.extend_from_slice(end.as_bytes());
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        (content_type, self.body)
    }
}
