//! Describes the effective settings and where they come from.

use signpath_client::{MASK, Proxy};

use super::Config;
use super::proxy::masked_no_proxy;
use super::settings::{
    CONFIG_FILE, HTTPS_PROXY, NO_PROXY, SETTINGS, Setting, SettingType, TOKEN_SETTINGS, TOKENS,
    setting,
};
use super::sources::{Origin, Sources, TokenSources};
use super::token_info::LABEL;
use crate::error::Error;

/// A setting and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its path in the JSON file, or its environment variable if it has no place there. That of an entry of `Tokens`
    /// has the label in brackets.
    pub name: String,
    /// Its value as written, with secrets masked. [`None`] if it is not set and has no default.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
}

/// The configuration of this process.
#[derive(Debug, Clone)]
pub struct Report {
    /// All settings, set or not, in the order of the documentation, then the variables shared with
    /// other programs.
    pub settings: Vec<Described>,
    /// Why the module cannot use this configuration, if so. If the file cannot be read, its
    /// settings are missing in [`Self::settings`].
    pub problem: Option<Error>,
}

impl Report {
    /// Reads the environment of the process and the file named by `SIGNPATH_CONFIG_FILE`.
    pub fn new() -> Self {
        Self::of(Sources::of_process())
    }

    fn of(mut sources: Sources) -> Self {
        let read = sources.read_file();
        let settings = SETTINGS.iter().map(|setting| describe(setting, &sources));
        let of_tokens = sources.tokens().into_iter().flat_map(|token| describe_token(&token));
        let file = Described {
            name: CONFIG_FILE.to_owned(),
            value: sources.path.as_ref().map(|path| path.to_string_lossy().into_owned()),
            origin: match &sources.path {
                Some(_) => Origin::Variable(CONFIG_FILE),
                None => Origin::Default,
            },
        };
        let others = [
            describe_other(HTTPS_PROXY, |text| shown(text, SettingType::Proxy), &sources),
            describe_other(NO_PROXY, masked_no_proxy, &sources),
        ];
        Self {
            settings: [file].into_iter().chain(settings).chain(of_tokens).chain(others).collect(),
            problem: read.and_then(|()| Config::of_tokens(&sources)).err(),
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

fn describe(setting: &'static Setting, sources: &Sources) -> Described {
    let found = sources.find(setting).ok().flatten();
    Described {
        name: setting.json.to_owned(),
        value: match &found {
            // It may be an API token, so the error about it does not repeat it either.
            Some(found) if setting.json == "TokenLabel" && !is_label(&found.text, sources) => {
                Some(MASK.to_owned())
            }
            Some(found) => Some(shown(&found.text, setting.form)),
            None => setting.default.map(str::to_owned),
        },
        origin: found.map_or(Origin::Default, |found| found.origin),
    }
}

/// Whether there is a token with this label.
fn is_label(text: &str, sources: &Sources) -> bool {
    sources.tokens().iter().any(|token| token.label().unwrap_or(LABEL) == text)
}

/// What an entry of `Tokens` has of its own.
fn describe_token(token: &TokenSources) -> Vec<Described> {
    let Some(label) = token.label() else {
        return Vec::new();
    };
    let own = TOKEN_SETTINGS.into_iter().filter_map(|name| {
        let setting = setting(name);
        let found = token.own(setting)?;
        Some(Described {
            name: format!("{TOKENS}[{label}].{name}"),
            value: Some(shown(&found.text, setting.form)),
            origin: found.origin,
        })
    });
    own.collect()
}

fn describe_other<const N: usize>(
    names: [&'static str; N],
    masked: impl Fn(&str) -> String,
    sources: &Sources,
) -> Described {
    let found = sources.other(&names).ok().flatten();
    let first = names.first().copied().unwrap_or_default();
    let name = match found.as_ref().map(|found| &found.origin) {
        Some(Origin::Variable(name)) => name,
        _ => first,
    };
    Described {
        name: name.to_owned(),
        value: found.as_ref().map(|found| masked(&found.text)),
        origin: found.map_or(Origin::Default, |found| found.origin),
    }
}

/// A value with its secrets masked.
fn shown(text: &str, form: SettingType) -> String {
    match form {
        SettingType::Token if text.starts_with("file:") => text.to_owned(),
        SettingType::Token => MASK.to_owned(),
        SettingType::Proxy => {
            Proxy::parse(text).map_or_else(|| MASK.to_owned(), |proxy| proxy.masked())
        }
        // An invalid URL may contain a user and a password.
        SettingType::Url if signpath_client::base_url(text).is_none() => MASK.to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn report(environment: &[(&str, &str)]) -> Report {
        let variables =
            environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Report::of(Sources::environment(variables))
    }

    fn described<'a>(report: &'a Report, name: &str) -> (Option<&'a str>, String) {
        let mut settings = report.settings.iter();
        let described = settings.find(|described| described.name == name).unwrap();
        (described.value.as_deref(), described.origin.to_string())
    }

    #[test]
    fn shows_values_and_their_origins_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signpath.json");
        let path = path.to_str().unwrap();
        let content = "{\n\"ApiToken\": \"s3cret\",\n\"Log\": {\"File\": {\n\"Level\": \"debug\"}}, \
                       \"Tokens\": [{\"Label\": \"A\",\n\"ApiToken\": \"s3cret\", \"ProjectSlug\": \"own\"}]}";
        std::fs::write(path, content).unwrap();
        let report = report(&[
            ("SIGNPATH_CONFIG_FILE", path),
            ("SIGNPATH_PROJECT_SLUG", "app"),
            ("SIGNPATH_TOKEN_LABEL", "A"),
            ("http_proxy", "http://us%40er:s3cret@proxy:3128"),
            ("HTTPS_PROXY", "http://other:s3cret@proxy"),
            ("SIGNPATH_SOMETHING_ELSE", "s3cret"),
        ]);
        for (variable, value, origin) in [
            ("SIGNPATH_CONFIG_FILE", Some(path), "environment variable SIGNPATH_CONFIG_FILE"),
            ("ApiToken", Some("***"), &format!("configuration file {path}, line 2")),
            ("TokenLabel", Some("A"), "environment variable SIGNPATH_TOKEN_LABEL"),
            ("Log.File.Level", Some("debug"), &format!("configuration file {path}, line 4")),
            ("ProjectSlug", Some("app"), "environment variable SIGNPATH_PROJECT_SLUG"),
            (
                "HttpProxy",
                Some("http://us%40er:***@proxy:3128/"),
                "environment variable http_proxy",
            ),
            ("HTTPS_PROXY", Some("http://other:***@proxy/"), "environment variable HTTPS_PROXY"),
            ("OrganizationId", None, "default"),
            ("HttpRequestTimeoutInSeconds", Some("30"), "default"),
            ("no_proxy", None, "default"),
            ("Tokens[A].ApiToken", Some("***"), &format!("configuration file {path}, line 5")),
            ("Tokens[A].ProjectSlug", Some("own"), &format!("configuration file {path}, line 5")),
        ] {
            let expected = (value, origin.to_owned());
            assert_eq!(described(&report, variable), expected, "{variable}");
        }
        assert!(report.problem.is_none());
        assert!(!format!("{report:?}").contains("s3cret"));
    }

    #[test]
    fn describes_an_invalid_configuration_too() {
        let report = report(&[
            ("SIGNPATH_CONFIG_FILE", "/nonexistent/signpath.json"),
            ("SIGNPATH_API_URL", "https://user:s3cret@host/Api"),
            ("SIGNPATH_TOKEN_LABEL", "s3cret"),
        ]);
        let api_url = described(&report, "ApiUrl");
        let origin = "environment variable SIGNPATH_API_URL".to_owned();
        assert_eq!(api_url, (Some("***"), origin));
        let problem = report.problem.as_ref().unwrap();
        assert!(
            problem.reason.contains("cannot read configuration file /nonexistent/signpath.json")
        );
        assert!(!format!("{report:?}").contains("s3cret"));
    }
}
