//! Reads the JSON file level by level, to know the line of each value.
//!
//! The file may contain the API token, so its text is kept in memory that is wiped on drop, and no
//! message quotes a value.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use signpath_platform::os_error::describe;
use zeroize::Zeroizing;

use super::settings::{
    CONFIG_FILE, REMOVED_SETTINGS, SETTINGS, Setting, SettingType, TOKEN_LABEL, TOKEN_SETTINGS,
    TOKENS, nearest,
};
use super::token_info::MAX_LABEL_LENGTH;
use crate::error::{Error, ErrorKind, Result};

/// The member that tells editors the schema of the file.
const SCHEMA: &str = "$schema";

/// The largest number of tokens.
const MAX_TOKENS: usize = 100;

/// How many unknown settings get a notice of their own.
const MAX_NOTICES: usize = 10;

/// The longest name of an unknown setting that is shown in full, in characters.
const MAX_NAME: usize = 80;

/// The settings in a file.
pub(crate) struct File {
    /// The path, for messages.
    pub(crate) path: String,
    entries: Vec<Entry>,
    /// The entries of the setting `Tokens`, if the file has it.
    tokens: Vec<FileToken>,
    /// Warnings about unknown settings, one line each.
    notices: Vec<String>,
    /// The number of unknown settings, including those without a notice.
    unknown: usize,
}

/// An entry of the setting `Tokens`.
pub(crate) struct FileToken {
    /// Its label: unique, and no longer than that of a token may be.
    pub(crate) label: String,
    entries: Vec<Entry>,
}

impl FileToken {
    /// The value that the entry itself has for a setting.
    pub(crate) fn entry(&self, setting: &Setting) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.is_named(setting.json))
    }
}

/// A value in a file. `null` and an empty string leave the setting unset.
pub(crate) struct Entry {
    /// The dotted path of its name.
    pub(crate) name: String,
    /// The line of its name, counted from 1.
    pub(crate) line: usize,
    /// A string without its quotes, or the JSON of any other value.
    pub(crate) text: Zeroizing<String>,
}

impl Entry {
    /// Whether this is the last part of its name.
    fn is_named(&self, name: &str) -> bool {
        self.name.rsplit('.').next() == Some(name)
    }
}

impl File {
    /// Reads the file and checks the names and types in it. An unknown setting is only a notice,
    /// since the file may have been written for another version.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a file that cannot be read or is not a JSON object, for a
    /// duplicate setting, and for a value of the wrong type. [`ErrorKind::Shortage`] if the process
    /// has run out of a resource.
    pub(crate) fn read(path: &OsString) -> Result<Self> {
        let mut file = Self {
            path: path.to_string_lossy().into_owned(),
            entries: Vec::new(),
            tokens: Vec::new(),
            notices: Vec::new(),
            unknown: 0,
        };
        let bytes = signpath_platform::file::read(path.as_ref()).map_err(|error| {
            signpath_platform::file::shortage_or(&error, || {
                let (path, reason) = (&file.path, describe(&error));
                Error::new(
                    ErrorKind::Configuration,
                    format!("cannot read configuration file {path}: {reason}; check {CONFIG_FILE}"),
                )
            })
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            file.unusable(line, None, "expected UTF-8")
        })?;
        let root = serde_json::from_str::<&RawValue>(text).map_err(|error| {
            let (line, message) = (error.line(), without_position(&error));
            file.unusable(line, None, &format!("not valid JSON: {message}"))
        })?;
        if !is_object(root) {
            let line = line_of(root, text);
            return Err(file.unusable(line, None, "expected a JSON object"));
        }
        file.read_level(text, "", root)?;
        let more = file.unknown.saturating_sub(MAX_NOTICES);
        if more > 0 {
            let path = &file.path;
            file.notices
                .push(format!("configuration file {path}: {more} more unknown settings, ignored"));
        }
        Ok(file)
    }

    /// Warnings about unknown settings, one line each.
    pub(crate) fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The value at this dotted path.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name && !entry.text.is_empty())
    }

    /// The entries of the setting `Tokens`, in their order. Empty if it is not set.
    pub(crate) fn tokens(&self) -> &[FileToken] {
        &self.tokens
    }

    fn read_level(&mut self, text: &str, level: &str, object: &RawValue) -> Result<()> {
        let mut levels: Vec<String> = Vec::new();
        let Members(members) = serde_json::from_str(object.get())
            .map_err(|error| self.invalid_json(line_of(object, text), level, &error))?;
        for (name, value) in members {
            let line = line_of(name, text);
            let name: String = serde_json::from_str(name.get())
                .map_err(|error| self.invalid_json(line, level, &error))?;
            let path = match level {
                "" => name.clone(),
                level => format!("{level}.{name}"),
            };
            if name.contains('.') {
                self.unknown(line, &path, not_nested);
                continue;
            }
            let before = self.entries.iter().find(|entry| entry.name == path);
            if before.is_some() || levels.contains(&path) {
                return Err(self.unusable(line, Some(&path), "duplicate setting; remove one"));
            }
            match known(&path) {
                Some(setting) => {
                    let text = self.text(line, setting, &path, value)?;
                    self.entries.push(Entry { name: path, line, text });
                }
                None if path == SCHEMA => {}
                None if path == TOKENS => {
                    self.read_tokens(text, line, value)?;
                    levels.push(path);
                }
                None if is_level(&path, REMOVED_SETTINGS.iter().map(|removed| removed.json))
                    && is_object(value) =>
                {
                    self.read_level(text, &path, value)?;
                }
                None if !is_level(&path, SETTINGS.iter().map(|setting| setting.json)) => {
                    self.unknown(line, &path, not_a_setting);
                }
                None if !is_object(value) => {
                    return Err(self.unusable(line, Some(&path), "expected a JSON object"));
                }
                None => {
                    self.read_level(text, &path, value)?;
                    levels.push(path);
                }
            }
        }
        Ok(())
    }

    fn read_tokens(&mut self, text: &str, line: usize, list: &RawValue) -> Result<()> {
        if list.get() == "null" {
            return Ok(());
        }
        let expected = format!("expected a list of 1 to {MAX_TOKENS} objects");
        let entries: Vec<&RawValue> = serde_json::from_str(list.get())
            .map_err(|_| self.unusable(line, Some(TOKENS), &expected))?;
        if !(1..=MAX_TOKENS).contains(&entries.len()) {
            return Err(self.unusable(line, Some(TOKENS), &expected));
        }
        for object in entries {
            let line = line_of(object, text);
            if !is_object(object) {
                return Err(self.unusable(line, Some(TOKENS), "expected a JSON object"));
            }
            let token = self.token(text, line, object)?;
            if self.tokens.iter().any(|known| known.label == token.label) {
                let name = format!("{TOKENS}.{TOKEN_LABEL}");
                let reason = "another token has this label; labels must be unique";
                return Err(self.unusable(line, Some(&name), reason));
            }
            self.tokens.push(token);
        }
        Ok(())
    }

    /// Unlike at the top level, what the entry cannot have is an error: without a misspelt `ApiUrl` or `OrganizationId`,
    /// the entry's API token would go to the server that all tokens share, or theirs would be used.
    fn token(&self, text: &str, first_line: usize, object: &RawValue) -> Result<FileToken> {
        const LABEL: Setting = Setting {
            json: TOKEN_LABEL,
            variable: "",
            older: None,
            form: SettingType::Text,
            default: None,
        };
        let Members(members) = serde_json::from_str(object.get())
            .map_err(|error| self.invalid_json(first_line, TOKENS, &error))?;
        let mut entries: Vec<Entry> = Vec::new();
        for (name, value) in members {
            let line = line_of(name, text);
            let name: String = serde_json::from_str(name.get())
                .map_err(|error| self.invalid_json(line, TOKENS, &error))?;
            let path = format!("{TOKENS}.{name}");
            if entries.iter().any(|entry| entry.is_named(&name)) {
                return Err(self.unusable(line, Some(&path), "duplicate setting; remove one"));
            }
            let setting = match name == TOKEN_LABEL {
                true => Some(&LABEL),
                false => known(&name).filter(|_| TOKEN_SETTINGS.contains(&&*name)),
            };
            let Some(setting) = setting else {
                return Err(self.unusable(line, Some(&shown(&path)), &not_of_a_token(&name)));
            };
            let text = self.text(line, setting, &path, value)?;
            if text.is_empty() && name != TOKEN_LABEL {
                let reason =
                    "expected a value; without this line, the token has that of the top level";
                return Err(self.unusable(line, Some(&path), reason));
            }
            entries.push(Entry { name: path, line, text });
        }
        let label = entries.iter().find(|entry| entry.is_named(TOKEN_LABEL));
        let line = label.map_or(first_line, |label| label.line);
        let label = label.map(|label| label.text.to_string()).unwrap_or_default();
        if !is_label(&label) {
            let reason = format!(
                "expected a label of 1 to {MAX_LABEL_LENGTH} bytes, without control characters and without \
                 blanks at its start and end"
            );
            return Err(self.unusable(line, Some(&format!("{TOKENS}.{TOKEN_LABEL}")), &reason));
        }
        Ok(FileToken { label, entries })
    }

    /// The text of a value of the right type. As with the official library, numbers and booleans
    /// may be given as strings.
    fn text(
        &self,
        line: usize,
        setting: &Setting,
        name: &str,
        value: &RawValue,
    ) -> Result<Zeroizing<String>> {
        let json = value.get();
        let is_text = json.starts_with('"');
        let fits = match setting.form {
            _ if json == "null" => return Ok(Zeroizing::default()),
            SettingType::Object => is_object(value),
            SettingType::Flag => is_text || matches!(json, "true" | "false"),
            SettingType::Seconds(_) => {
                is_text || json.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            }
            _ => is_text,
        };
        if !fits {
            let expected = format!("expected {}", setting.form.expected());
            return Err(self.unusable(line, Some(name), &expected));
        }
        if !is_text {
            return Ok(Zeroizing::new(json.to_owned()));
        }
        let Text(text) = serde_json::from_str(json)
            .map_err(|error| self.unusable(line, Some(name), &without_position(&error)))?;
        let text = Zeroizing::new(text.into_owned());
        Ok(Zeroizing::new(signpath_platform::text::line_of(&text).to_owned()))
    }

    /// Adds a notice about an unknown setting.
    fn unknown(&mut self, line: usize, path: &str, reason: impl Fn(&str) -> String) {
        self.unknown += 1;
        if self.unknown > MAX_NOTICES {
            return;
        }
        let start: String = path.chars().take(MAX_NAME).collect();
        let (place, reason) = (place(&self.path, line), reason(&start));
        let shown = shown(path);
        self.notices.push(format!("{place}, setting {shown}: {reason}"));
    }

    fn invalid_json(&self, line: usize, level: &str, error: &serde_json::Error) -> Error {
        let level = Some(level).filter(|level| !level.is_empty());
        self.unusable(line, level, &format!("not valid JSON: {}", without_position(error)))
    }

    fn unusable(&self, line: usize, name: Option<&str>, reason: &str) -> Error {
        let path = &self.path;
        let place = match name {
            Some(name) => format!("{}, setting {name}", place(path, line)),
            None => place(path, line),
        };
        Error::new(ErrorKind::Configuration, format!("{place}: {reason}"))
    }
}

/// A line of the file, for messages.
pub(crate) fn place(path: &str, line: usize) -> String {
    format!("configuration file {path}, line {line}")
}

/// A string that is borrowed if it has no escapes, so that secrets are copied only once.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of an object in order, including duplicates.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// The line of `text` in which `part`, a slice of it, starts, counted from 1.
fn line_of(part: &RawValue, text: &str) -> usize {
    let offset = part.get().as_ptr().addr() - text.as_ptr().addr();
    let before = text.get(..offset).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// The name of an unknown setting, of which a long one is cut.
fn shown(path: &str) -> String {
    let start: String = path.chars().take(MAX_NAME).collect();
    match start.len() < path.len() {
        true => format!("{start}..."),
        false => start,
    }
}

/// Whether a token can have this label. Blanks at its end would be lost, since the label is padded with blanks.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_LENGTH).contains(&label.len())
        && label.trim() == label
        && !label.chars().any(signpath_platform::escape::is_harmful)
}

/// Why a token cannot have a setting of its own.
fn not_of_a_token(name: &str) -> String {
    let names = TOKEN_SETTINGS.into_iter().chain([TOKEN_LABEL]);
    match (nearest(name, names.clone()), known(name)) {
        (Some(nearest), _) => format!("unknown setting; did you mean {nearest}?"),
        (None, Some(setting)) if !TOKEN_SETTINGS.contains(&setting.json) => {
            "this setting is the same for all tokens; move it to the top level".to_owned()
        }
        (None, _) => {
            let names: Vec<_> = names.collect();
            format!("unknown setting; a token can have {}", names.join(", "))
        }
    }
}

fn known(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.paths().any(|known| known == path))
}

/// Whether any of `paths` is below `path`.
fn is_level(path: &str, mut paths: impl Iterator<Item = &'static str>) -> bool {
    paths.any(|known| {
        let below = known.strip_prefix(path);
        below.is_some_and(|below| below.starts_with('.'))
    })
}

fn not_nested(_: &str) -> String {
    r#"unknown setting, ignored; use nested objects instead of dots: {"Log": {"File": {"Level": ...}}}"#.to_owned()
}

fn not_a_setting(path: &str) -> String {
    if let Some(removed) = REMOVED_SETTINGS.iter().find(|removed| removed.json == path) {
        return removed.notice();
    }
    let paths = SETTINGS.iter().flat_map(Setting::paths);
    let levels = SETTINGS.iter().filter_map(|setting| Some(setting.json.rsplit_once('.')?.0));
    match nearest(path, paths.chain(levels).chain([TOKENS])) {
        Some(nearest) => format!("unknown setting, ignored; did you mean {nearest}?"),
        None => "unknown setting, ignored; docs/configuration.md lists all settings".to_owned(),
    }
}

/// What is wrong with the JSON, without line and column, which are relative to the part that was
/// parsed.
fn without_position(error: &serde_json::Error) -> String {
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    message.trim_end_matches(&position).to_owned()
}
