//! The sources of values: first the environment, then the JSON file, then the defaults.

use std::ffi::OsString;
use std::fmt;

use zeroize::Zeroizing;

use super::file::{self, Entry, File, FileToken};
use super::settings::{
    CONFIG_FILE, HTTPS_PROXY, NO_PROXY, REMOVED_SETTINGS, SETTINGS, Setting, SettingType, nearest,
    setting,
};
use crate::error::{Error, ErrorKind, Result};
use signpath_platform::environment;

/// The variables that replace the system's root certificates.
const TLS_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The prefix of our own variables.
const PREFIX: &str = "SIGNPATH_";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is the default.
    Default,
    /// The environment variable with this name.
    Variable(&'static str),
    /// The configuration file.
    File {
        /// The path, as in `SIGNPATH_CONFIG_FILE`.
        path: String,
        /// The line, counted from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::Variable(name) => write!(formatter, "environment variable {name}"),
            Self::File { path, line } => formatter.write_str(&file::place(path, *line)),
        }
    }
}

/// A value and where it was found.
pub(crate) struct Found {
    pub(crate) text: Zeroizing<String>,
    pub(crate) origin: Origin,
    /// The name of the setting in the file, if the value came from there.
    name: Option<String>,
    /// The current name of the setting, if this is an older one.
    newer: Option<&'static str>,
}

impl Found {
    /// The error for an invalid value.
    pub(crate) fn unusable(&self, reason: &str) -> Error {
        Error::new(ErrorKind::Configuration, format!("{}: {reason}", self.place()))
    }

    /// Adds the place to an error about the value. Other errors, such as shortages, are kept.
    pub(crate) fn with_place(&self, error: Error) -> Error {
        match error.kind {
            ErrorKind::Configuration => self.unusable(&error.reason),
            _ => error,
        }
    }

    /// The error for a value of the wrong type.
    pub(crate) fn unexpected(&self, form: SettingType) -> Error {
        self.unusable(&format!("expected {}", form.expected()))
    }

    /// Where the value was found, for messages.
    pub(crate) fn place(&self) -> String {
        match &self.name {
            Some(name) => format!("{}, setting {name}", self.origin),
            None => self.origin.to_string(),
        }
    }

    /// The warning about an older name.
    pub(crate) fn notice(&self) -> Option<String> {
        let newer = self.newer?;
        Some(format!("{}: this name is deprecated; use {newer} instead", self.place()))
    }
}

/// The environment and the parsed file.
pub(crate) struct Sources {
    /// The variables that are set, and their values if they are UTF-8.
    variables: Vec<(&'static str, Option<Zeroizing<String>>)>,
    /// The value of `SIGNPATH_CONFIG_FILE`.
    pub(crate) path: Option<OsString>,
    file: Option<File>,
    /// Warnings about unknown variables, one line each.
    unknown: Vec<String>,
    /// Variables that are set but ignored, because the environment is not trusted.
    ignored: Vec<&'static str>,
}

impl Sources {
    /// Reads the environment of the process, but not yet the file.
    pub(crate) fn of_process() -> Self {
        let names = known_variables().chain([CONFIG_FILE]).chain(TLS_VARIABLES);
        Self { ignored: environment::ignored(names), ..Self::environment(environment::vars_os()) }
    }

    /// Like [`Self::of_process`], with these variables.
    pub(crate) fn environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut sources = Self {
            variables: Vec::new(),
            path: None,
            file: None,
            unknown: Vec::new(),
            ignored: Vec::new(),
        };
        for (name, value) in variables {
            let Some(name) = name.to_str() else {
                continue;
            };
            let text = value.to_str();
            let text =
                text.map(|text| Zeroizing::new(signpath_platform::text::line_of(text).to_owned()));
            if text.as_ref().is_some_and(|text| text.is_empty()) {
                continue;
            }
            if let Some(name) = known_variables().find(|known| *known == name) {
                sources.variables.push((name, text));
            } else if name == CONFIG_FILE {
                sources.path = Some(text.map_or(value, |text| text.as_str().into()));
            } else if name.starts_with(PREFIX) {
                sources.unknown.extend(unknown(name));
            }
        }
        sources
    }

    /// Warnings about the variables and about names in the file, one line each.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a variable that is not UTF-8.
    pub(crate) fn notices(&self) -> Result<Vec<String>> {
        let ignored = (!self.ignored.is_empty()).then(|| {
            let names = self.ignored.join(", ");
            format!(
                "ignored {names}, because {}; use the PIN {{OrganizationId}}:{{ApiToken}}",
                environment::UNTRUSTING
            )
        });
        let of_file = self.file.iter().flat_map(File::notices);
        let unknown = self.unknown.iter().chain(of_file).cloned();
        let mut notices: Vec<_> = ignored.into_iter().chain(unknown).collect();
        for setting in SETTINGS {
            notices.extend(self.find(setting)?.and_then(|found| found.notice()));
        }
        Ok(notices)
    }

    /// Reads the file named by `SIGNPATH_CONFIG_FILE`, if that is set.
    ///
    /// # Errors
    /// Those of [`File::read`].
    pub(crate) fn read_file(&mut self) -> Result<()> {
        self.file = self.path.as_ref().map(File::read).transpose()?;
        Ok(())
    }

    /// The value of the first of these variables that is set. For variables that are not settings,
    /// such as `no_proxy`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is not UTF-8.
    pub(crate) fn other(&self, names: &[&'static str]) -> Result<Option<Found>> {
        let mut found = names.iter().filter_map(|name| self.variable(name).transpose());
        found.next().transpose()
    }

    /// The value of a setting, unless it has its default.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is not UTF-8.
    pub(crate) fn find(&self, setting: &'static Setting) -> Result<Option<Found>> {
        for name in setting.variables() {
            if let Some(found) = self.variable(name)? {
                let newer = (name != setting.variable).then_some(setting.variable);
                return Ok(Some(Found { newer, ..found }));
            }
        }
        Ok(self.in_file(setting))
    }

    /// The value of a setting in the file, ignoring its variables.
    pub(crate) fn in_file(&self, setting: &'static Setting) -> Option<Found> {
        let file = self.file.as_ref()?;
        setting.paths().find_map(|name| {
            let newer = (name != setting.json).then_some(setting.json);
            Some(found_in(file, file.entry(name)?, newer))
        })
    }

    /// The settings as each token sees them, in the order of the slots; at least one.
    pub(crate) fn tokens(&self) -> Vec<TokenSources<'_>> {
        let entries = self.file.iter().flat_map(File::tokens);
        let entries: Vec<_> = entries.map(|entry| self.of_token(Some(entry))).collect();
        match entries.is_empty() {
            true => vec![self.of_token(None)],
            false => entries,
        }
    }

    fn of_token<'a>(&'a self, entry: Option<&'a FileToken>) -> TokenSources<'a> {
        TokenSources { all: self, entry }
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is not UTF-8.
    pub(crate) fn variable(&self, name: &'static str) -> Result<Option<Found>> {
        let Some((_, text)) = self.variables.iter().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        let found = Found {
            text: text.clone().unwrap_or_default(),
            origin: Origin::Variable(name),
            name: None,
            newer: None,
        };
        match text {
            Some(_) => Ok(Some(found)),
            None => Err(found.unusable("expected UTF-8")),
        }
    }

    /// The parsed value of a setting that has a default, which also replaces an invalid value.
    pub(crate) fn valid_or_default<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let set = self.of_token(None).set(name, &parse).ok().flatten();
        set.or_else(|| setting(name).default.and_then(parse))
    }
}

/// The settings as a token sees them: its own values, then those that all tokens share.
#[derive(Clone, Copy)]
pub(crate) struct TokenSources<'a> {
    /// The values that all tokens share.
    pub(crate) all: &'a Sources,
    /// The entry of the setting `Tokens`, if that is set.
    entry: Option<&'a FileToken>,
}

impl TokenSources<'_> {
    /// The label of the entry, if there is one.
    pub(crate) fn label(&self) -> Option<&str> {
        self.entry.map(|entry| entry.label.as_str())
    }

    /// The value of a setting, unless it has its default. A token that has an organization or a URL of its own does
    /// not inherit the API token, which belongs to another server or organization.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the value is not UTF-8.
    pub(crate) fn find(&self, setting: &'static Setting) -> Result<Option<Found>> {
        if let Some(own) = self.own(setting) {
            return Ok(Some(own));
        }
        if setting.form == SettingType::Token && !self.inherits_token() {
            return Ok(None);
        }
        self.all.find(setting)
    }

    /// Whether the token may use the API token that all tokens share.
    pub(crate) fn inherits_token(&self) -> bool {
        ["OrganizationId", "ApiUrl"].into_iter().all(|name| self.own(setting(name)).is_none())
    }

    /// Whether the API token that all tokens share is this one's.
    pub(crate) fn uses_shared_token(&self) -> bool {
        self.own(setting("ApiToken")).is_none() && self.inherits_token()
    }

    /// The value that the entry itself has.
    pub(crate) fn own(&self, setting: &'static Setting) -> Option<Found> {
        let (file, entry) = (self.all.file.as_ref()?, self.entry?.entry(setting)?);
        Some(found_in(file, entry, None))
    }

    /// The parsed value of a setting, if it is set.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] with what was expected, if `parse` returns [`None`].
    pub(crate) fn set<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let setting = setting(name);
        self.find(setting)?
            .map(|found| parse(&found.text).ok_or_else(|| found.unexpected(setting.form)))
            .transpose()
    }

    /// The parsed value of a setting that has a default.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] with what was expected, if `parse` returns [`None`].
    pub(crate) fn value_or_default<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let default = || setting(name).default.and_then(&parse);
        self.set(name, &parse)?
            .or_else(default)
            .ok_or_else(|| Error::new(ErrorKind::Internal, format!("{name} has no usable default")))
    }
}

fn found_in(file: &File, entry: &Entry, newer: Option<&'static str>) -> Found {
    Found {
        text: entry.text.clone(),
        origin: Origin::File { path: file.path.clone(), line: entry.line },
        name: Some(entry.name.clone()),
        newer,
    }
}

/// The warning about an unknown variable, unless it may belong to another program.
fn unknown(name: &str) -> Option<String> {
    let names = known_variables().chain([CONFIG_FILE]);
    let removed = REMOVED_SETTINGS.iter().find(|removed| removed.variable == name);
    let reason = match removed {
        Some(removed) => removed.notice(),
        None => {
            let nearest = nearest(name, names)?;
            format!("unknown setting, ignored; did you mean {nearest}?")
        }
    };
    Some(format!("environment variable {name}: {reason}"))
}

fn known_variables() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().flat_map(Setting::variables).chain(HTTPS_PROXY).chain(NO_PROXY)
}
