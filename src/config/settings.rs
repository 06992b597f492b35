//! The settings, and where their values come from: the environment first, then the JSON file.

use std::ffi::OsString;

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::logging::{self, Level};

/// The variable that names the JSON file.
const CONFIG_FILE: &str = "SIGNPATH_CONFIG_FILE";

/// Variables of the proxy that many programs share.
const OTHER_VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"];

/// One setting, by its names.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its path in the JSON file; a dot is one level of nesting.
    pub json: &'static str,
    /// Its environment variable, which wins over the file.
    pub variable: &'static str,
    /// The names it had before (JSON, variable), still accepted.
    pub older: Option<(&'static str, &'static str)>,
}

/// All settings of this version.
pub const SETTINGS: &[Setting] = &[
    row("OrganizationId", "SIGNPATH_ORGANIZATION_ID"),
    Setting {
        older: Some(("CIUserToken", "SIGNPATH_CI_USER_TOKEN")),
        ..row("ApiToken", "SIGNPATH_API_TOKEN")
    },
    row("ApiUrl", "SIGNPATH_API_URL"),
    row("ProjectSlug", "SIGNPATH_PROJECT_SLUG"),
    row("SigningPolicySlug", "SIGNPATH_SIGNING_POLICY_SLUG"),
    row(
        "ArtifactConfigurationSlug",
        "SIGNPATH_ARTIFACT_CONFIGURATION_SLUG",
    ),
    row("Description", "SIGNPATH_DESCRIPTION"),
    row("Metadata", "SIGNPATH_METADATA"),
    row("SigningApi", "SIGNPATH_SIGNING_API"),
    row("AllowInsecureHttp", "SIGNPATH_ALLOW_INSECURE_HTTP"),
    row("TlsCaFile", "SIGNPATH_TLS_CA_FILE"),
    row("TlsClientCertificate", "SIGNPATH_TLS_CLIENT_CERTIFICATE"),
    row("HttpProxy", "http_proxy"),
    row("ChainCertificatesFile", "SIGNPATH_CHAIN_CERTIFICATES_FILE"),
    row("PolicyCacheSeconds", "SIGNPATH_POLICY_CACHE_SECONDS"),
    row(
        "IncludeDummyX509CertificateForGpgKeys",
        "SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS",
    ),
    row("Cryptoki.LoginRequired", "SIGNPATH_CRYPTOKI_LOGIN_REQUIRED"),
    row(
        "Cryptoki.DoNotFailOnReadWriteSessions",
        "SIGNPATH_CRYPTOKI_DO_NOT_FAIL_ON_READ_WRITE_SESSIONS",
    ),
    row(
        "HttpRequestTimeoutInSeconds",
        "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS",
    ),
    row(
        "ServiceUnavailableTimeoutInSeconds",
        "SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS",
    ),
    row("Log.Console.Level", "SIGNPATH_LOG_CONSOLE_LEVEL"),
    row(
        "Log.Console.OutputStream",
        "SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM",
    ),
    row("Log.File.Level", "SIGNPATH_LOG_FILE_LEVEL"),
    row("Log.File.Directory", "SIGNPATH_LOG_FILE_DIRECTORY"),
];

const fn row(json: &'static str, variable: &'static str) -> Setting {
    Setting {
        json,
        variable,
        older: None,
    }
}

/// The setting with that path in the JSON file.
pub(super) fn setting(json: &str) -> &'static Setting {
    const NONE: Setting = row("", "");
    SETTINGS
        .iter()
        .find(|setting| setting.json == json)
        .unwrap_or(&NONE)
}

/// A value together with the place it was found at, for messages.
struct Found {
    text: String,
    place: String,
}

/// The environment and the parsed file.
pub(super) struct Sources {
    variables: Vec<(&'static str, OsString)>,
    others: Vec<(&'static str, OsString)>,
    file: Option<File>,
}

struct File {
    path: String,
    /// Dotted path and value of every leaf.
    leaves: Vec<(String, Value)>,
}

impl Sources {
    /// Takes what `variable` knows of the settings, and reads the file it names.
    ///
    /// # Errors
    /// [`Kind::Configuration`] when the file cannot be read or is no JSON object.
    pub(super) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let names = SETTINGS.iter().flat_map(|setting| {
            [
                Some(setting.variable),
                setting.older.map(|(_, older)| older),
            ]
        });
        Ok(Self {
            variables: names
                .flatten()
                .filter_map(|name| Some((name, get(name)?)))
                .collect(),
            others: OTHER_VARIABLES
                .iter()
                .filter_map(|name| Some((*name, get(name)?)))
                .collect(),
            file: get(CONFIG_FILE).map(File::read).transpose()?,
        })
    }

    /// A variable that is no setting of ours but read all the same, such as `no_proxy`: the first
    /// name that has a value.
    pub(super) fn other(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| {
            let (_, value) = self.others.iter().find(|(known, _)| known == name)?;
            value.clone().into_string().ok()
        })
    }

    /// The value of a text setting.
    ///
    /// # Errors
    /// [`Kind::Configuration`] when it is no text.
    pub(super) fn text(&self, setting: &Setting) -> Result<Option<String>> {
        Ok(self.find(setting)?.map(|found| found.text))
    }

    /// The value of a setting that `parse` understands.
    ///
    /// # Errors
    /// [`Kind::Configuration`] with what `parse` expected.
    pub(super) fn parsed<T>(
        &self,
        setting: &Setting,
        parse: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        self.find(setting)?
            .map(|found| parse(&found.text).map_err(|expected| unusable(&found.place, &expected)))
            .transpose()
    }

    fn find(&self, setting: &Setting) -> Result<Option<Found>> {
        let (older_json, older_variable) = setting.older.unzip();
        if let Some(found) = self.variable(setting.variable)? {
            return Ok(Some(found));
        }
        if let Some(found) = older_variable
            .map(|name| self.variable(name))
            .transpose()?
            .flatten()
        {
            warn_older(&found.place, setting.variable);
            return Ok(Some(found));
        }
        let Some(file) = &self.file else {
            return Ok(None);
        };
        if let Some(found) = file.leaf(setting.json)? {
            return Ok(Some(found));
        }
        let found = older_json
            .map(|name| file.leaf(name))
            .transpose()?
            .flatten();
        if let Some(found) = &found {
            warn_older(&found.place, setting.json);
        }
        Ok(found)
    }

    fn variable(&self, name: &str) -> Result<Option<Found>> {
        let Some((_, value)) = self.variables.iter().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        let place = format!("environment variable {name}");
        match value.clone().into_string() {
            Ok(text) => Ok(Some(Found { text, place })),
            Err(_) => Err(unusable(&place, "expected UTF-8")),
        }
    }
}

impl File {
    fn read(path: OsString) -> Result<Self> {
        let shown = path.to_string_lossy().into_owned();
        let place = format!("configuration file {shown}");
        let content = std::fs::read_to_string(&path).map_err(|error| {
            unusable(
                &place,
                &format!("cannot be read ({error}); correct {CONFIG_FILE} or the file"),
            )
        })?;
        let value: Value = serde_json::from_str(content.trim_start_matches('\u{feff}'))
            .map_err(|error| unusable(&place, &format!("not valid JSON: {error}")))?;
        let mut leaves = Vec::new();
        collect_leaves("", value, &mut leaves);
        let file = Self {
            path: shown,
            leaves,
        };
        file.check_nesting()?;
        file.warn_of_unknown_settings();
        Ok(file)
    }

    /// The file is an object, and so is each level above a setting.
    fn check_nesting(&self) -> Result<()> {
        for (path, _) in &self.leaves {
            let is_level = path.is_empty()
                || SETTINGS.iter().any(|setting| {
                    setting
                        .json
                        .strip_prefix(path.as_str())
                        .is_some_and(|rest| rest.starts_with('.'))
                });
            if is_level {
                let place = match path.as_str() {
                    "" => format!("configuration file {}", self.path),
                    path => self.place(path),
                };
                return Err(unusable(&place, "expected a JSON object"));
            }
        }
        Ok(())
    }

    fn warn_of_unknown_settings(&self) {
        let known = |path: &str| {
            SETTINGS.iter().any(|setting| {
                setting.json == path || setting.older.is_some_and(|(json, _)| json == path)
            })
        };
        for (path, _) in self.leaves.iter().filter(|(path, _)| !known(path)) {
            logging::write(
                Level::Warning,
                format_args!(
                    "{}: not a setting of this version, ignored",
                    self.place(path)
                ),
            );
        }
    }

    fn leaf(&self, path: &str) -> Result<Option<Found>> {
        let Some((_, value)) = self.leaves.iter().find(|(known, _)| known == path) else {
            return Ok(None);
        };
        let place = self.place(path);
        match value {
            Value::Null => Ok(None),
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) => Ok(Some(Found {
                text: text.clone(),
                place,
            })),
            Value::Number(number) => Ok(Some(Found {
                text: number.to_string(),
                place,
            })),
            Value::Bool(value) => Ok(Some(Found {
                text: value.to_string(),
                place,
            })),
            Value::Object(_) => Ok(Some(Found {
                text: value.to_string(),
                place,
            })),
            Value::Array(_) => Err(unusable(&place, "expected a text or a number")),
        }
    }

    fn place(&self, path: &str) -> String {
        format!("configuration file {}, setting {path}", self.path)
    }
}

fn collect_leaves(path: &str, value: Value, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) if path != "Metadata" => {
            for (name, value) in members {
                let path = if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                };
                collect_leaves(&path, value, leaves);
            }
        }
        leaf => leaves.push((path.to_owned(), leaf)),
    }
}

fn warn_older(place: &str, name: &str) {
    logging::write(
        Level::Warning,
        format_args!("{place}: this name is deprecated, use {name}"),
    );
}

fn unusable(place: &str, reason: &str) -> Error {
    Error::new(Kind::Configuration, format!("{place}: {reason}"))
}
