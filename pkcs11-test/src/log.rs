//! The request log, with one JSON line per request.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;
use signpath_platform::file;

use crate::error::{Context, Error};

/// Where the request log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// Not written.
    None,
    /// To standard error.
    Stderr,
    /// Appended to a file.
    File(PathBuf),
}

/// What the service records about a request: of its API token only whose it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RequestRecord {
    /// When the request arrived (RFC 3339).
    pub time: String,
    /// The number of the TCP connection, starting at 1.
    pub connection: u64,
    /// The HTTP method.
    pub method: String,
    /// Method and path relative to the organization, as spelled in the documentation, such as `POST /SigningRequests`.
    /// Method and path as sent if there is no such route.
    pub route: String,
    /// The status of the response. `None` if there was none.
    pub status: Option<u16>,
    /// The time from the last byte of the request to the first byte of the response, in milliseconds.
    pub duration_ms: f64,
    /// The project's slug.
    pub project: Option<String>,
    /// The signing policy's slug.
    pub policy: Option<String>,
    /// The signature algorithm, as spelled in the request.
    pub algorithm: Option<String>,
    /// The name of the user whose token was sent.
    pub user: Option<String>,
    /// The User-Agent header.
    pub user_agent: Option<String>,
    /// The Accept header.
    pub accept: Option<String>,
    /// The slug of the artifact configuration.
    pub artifact_configuration: Option<String>,
    /// The description of the signing request.
    pub description: Option<String>,
    /// The format of an ECDSA signature, as spelled in the request.
    pub ecdsa_format: Option<String>,
    /// Whether a signature was made, which the real service would count, even if the client never received it.
    pub is_signed: bool,
    /// The fields of a form, in order.
    pub form: Vec<FormField>,
    /// The metadata as sent.
    pub metadata: Option<Value>,
}

/// A part of `multipart/form-data` (RFC 7578), without its value.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// Its file name, if it is a file.
    pub file_name: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
}

pub(crate) struct RequestLog {
    writer: Mutex<Box<dyn Write + Send>>,
    /// `None`: not kept.
    records: Option<Mutex<Vec<RequestRecord>>>,
}

impl RequestLog {
    pub fn open(log: &Log, keep: bool) -> Result<Self, Error> {
        let writer: Box<dyn Write + Send> = match log {
            Log::None => Box::new(std::io::sink()),
            Log::Stderr => Box::new(std::io::stderr()),
            Log::File(path) => {
                let failure = format!("cannot open the log {}", path.display());
                // The log contains command lines and user names.
                let created = match file::create_new(path, 0o600) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                    _ => OpenOptions::new().append(true).open(path),
                };
                Box::new(created.context(failure)?)
            }
        };
        Ok(Self { writer: Mutex::new(writer), records: keep.then(Mutex::default) })
    }

    pub fn add(&self, record: RequestRecord) {
        if let Ok(mut line) = serde_json::to_vec(&record) {
            line.push(b'\n');
            // The service must keep responding when the disk is full.
            let _ = self.writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        }
        if let Some(records) = &self.records {
            records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        }
    }

    pub fn records(&self) -> Vec<RequestRecord> {
        let kept = self.records.as_ref();
        kept.map_or_else(Vec::new, |kept| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
        })
    }
}
