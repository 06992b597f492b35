//! The result of a check.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The result of one check.
#[derive(serde::Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// The token that was checked, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The outcome.
    pub status: Status,
    /// A sentence without a full stop.
    pub message: String,
    /// How to fix the problem.
    pub remedy: Option<String>,
    /// Details, one per row.
    pub details: Vec<Detail>,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// It works, but not for much longer, or not everywhere.
    Warning,
    Failed,
    /// Not checked.
    Skipped,
}

/// Names and values that form a row.
pub struct Detail(pub Vec<(&'static str, String)>);

impl Finding {
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            token: None,
            status: Status::Ok,
            message: message.into(),
            remedy: None,
            details: Vec::new(),
        }
    }

    pub fn skipped(check: &'static str, message: impl Into<String>) -> Self {
        Self { status: Status::Skipped, ..Self::ok(check, message) }
    }

    pub fn warning(check: &'static str, message: impl Into<String>, remedy: &str) -> Self {
        Self {
            status: Status::Warning,
            remedy: Some(remedy.to_owned()),
            ..Self::ok(check, message)
        }
    }

    pub fn failed(check: &'static str, message: impl Into<String>, remedy: &str) -> Self {
        Self { status: Status::Failed, ..Self::warning(check, message, remedy) }
    }

    /// A failure from an error of the module, which usually ends with a remedy after a semicolon. If not, `remedy` is
    /// used.
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
