//! The body of a request of type `multipart/form-data` (RFC 7578).

use crate::error::{Error, ErrorKind, Result};

/// The bytes of chance in a boundary, which no part may hold (RFC 2046, section 5.1.1).
const CHANCE: usize = 16;

/// A form that fields are added to.
pub(crate) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    /// A form without fields.
    ///
    /// # Errors
    /// [`ErrorKind::NoRandomNumbers`].
    pub(crate) fn new() -> Result<Self> {
        let mut chance = [0; CHANCE];
        getrandom::fill(&mut chance).map_err(|error| {
            let reason = format!("the system has no random numbers ({error})");
            Error::new(ErrorKind::NoRandomNumbers, reason)
        })?;
        Ok(Self {
            boundary: base16ct::lower::encode_string(&chance),
            body: Vec::new(),
        })
    }

    /// Adds a field of text. Its name needs no quoting.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.part(&format!("name=\"{name}\""), "", value.as_bytes());
    }

    /// Adds a file of JSON. Its name and that of the field need no quoting.
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

    /// The type of the body, and the body.
    pub(crate) fn finish(mut self) -> (String, Vec<u8>) {
        let end = format!("--{}--\r\n", self.boundary);
        self.body.extend_from_slice(end.as_bytes());
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        (content_type, self.body)
    }
}
