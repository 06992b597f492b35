//! The request log: one JSON line for each request.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::error::{Context, Error};

/// Where the request log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// Nowhere.
    None,
    /// To the standard error stream.
    Stderr,
    /// To the end of a file.
    File(PathBuf),
}

/// What the service knows of one request. Tokens are not among it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RequestRecord {
    /// When the request came, RFC 3339.
    pub time: String,
    /// The number of the TCP connection it came over, counted from 1.
    pub connection: u64,
    /// The HTTP method.
    pub method: String,
    /// Method and path below the organization as the documentation spells them, e.g. `POST /SigningRequests`; method and path as sent where there is no such route.
    pub route: String,
    /// The answer's status. `None` when there was no answer.
    pub status: Option<u16>,
    /// From the request's last byte to the answer's first.
    pub duration_ms: f64,
    /// The project's slug.
    pub project: Option<String>,
    /// The signing policy's slug.
    pub policy: Option<String>,
    /// The signature algorithm as the request spells it.
    pub algorithm: Option<String>,
    /// The name of the user whose token came with the request.
    pub user: Option<String>,
    /// The client, as it calls itself.
    pub user_agent: Option<String>,
    /// The media types that the client takes.
    pub accept: Option<String>,
    /// The artifact configuration's slug.
    pub artifact_configuration: Option<String>,
    /// The description of the signing request.
    pub description: Option<String>,
    /// The format of an ECDSA signature as the request spells it.
    pub ecdsa_format: Option<String>,
    /// Whether a signature was made, which the real service would count, even if its client never got it.
    pub is_signed: bool,
    /// The fields of a form, in their order.
    pub form: Vec<FormField>,
    /// The metadata as sent.
    pub metadata: Option<Value>,
}

/// A part of `multipart/form-data` (RFC 7578) as sent, without its value.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// The name of the file, if it is one.
    pub file_name: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
}

pub(crate) struct RequestLog {
    writer: Mutex<Box<dyn Write + Send>>,
    records: Mutex<Vec<RequestRecord>>,
}

impl RequestLog {
    pub fn open(log: &Log) -> Result<Self, Error> {
        let writer: Box<dyn Write + Send> = match log {
            Log::None => Box::new(std::io::sink()),
            Log::Stderr => Box::new(std::io::stderr()),
            // Command lines and user names are in it.
            Log::File(path) => Box::new(
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(path)
                    .context(format!("cannot open the log {}", path.display()))?,
            ),
        };
        Ok(Self {
            writer: Mutex::new(writer),
            records: Mutex::default(),
        })
    }

    pub fn add(&self, record: RequestRecord) {
        if let Ok(mut line) = serde_json::to_vec(&record) {
            line.push(b'\n');
            // A full disk must not keep the service from answering.
            let _ = self
                .writer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(&line);
        }
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
    }

    pub fn records(&self) -> Vec<RequestRecord> {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
