//! What a check has found.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The result of one check.
#[derive(serde::Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub status: Status,
    /// A sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// What was seen, a row each.
    pub details: Vec<Detail>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// Something works, but not for long, or not everywhere.
    Warning,
    Failed,
    /// It was not looked at.
    Skipped,
}

/// Names and values that belong together.
pub struct Detail(pub Vec<(&'static str, String)>);

impl Finding {
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            status: Status::Ok,
            message: message.into(),
            remedy: None,
            details: Vec::new(),
        }
    }

    pub fn skipped(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: Status::Skipped,
            ..Self::ok(check, message)
        }
    }

    pub fn warning(check: &'static str, message: impl Into<String>, remedy: &str) -> Self {
        Self {
            status: Status::Warning,
            remedy: Some(remedy.to_owned()),
            ..Self::ok(check, message)
        }
    }

    pub fn failed(check: &'static str, message: impl Into<String>, remedy: &str) -> Self {
        Self {
            status: Status::Failed,
            ..Self::warning(check, message, remedy)
        }
    }

    /// A failure for a reason of the module, which mostly ends with what to do, after a semicolon; else that is `remedy`.
    pub fn error(check: &'static str, reason: &str, remedy: &str) -> Self {
        let (message, remedy) = reason.rsplit_once("; ").unwrap_or((reason, remedy));
        Self::failed(check, message, remedy)
    }

    pub fn is_failed(&self) -> bool {
        self.status == Status::Failed
    }

    pub fn with_details(self, details: Vec<Detail>) -> Self {
        Self { details, ..self }
    }
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
