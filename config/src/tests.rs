//! Loading a configuration from the environment and a file.

use std::ffi::OsString;

use super::*;
use crate::error::ErrorKind;

const FILE: &str = "SIGNPATH_CONFIG_FILE";
const API_URL: &str = "SIGNPATH_API_URL";

/// Tuples, one a line however long it is.
macro_rules! rows {
    ($($($field:expr),+;)*) => { [$(($($field),+)),*] };
}

pub(crate) use rows;

/// The configurations of all tokens.
pub(crate) fn load_tokens(environment: &[(&str, &str)]) -> Result<Vec<Config>> {
    let variables = environment.iter().map(|(name, value)| (name.into(), value.into()));
    let mut sources = Sources::environment(variables);
    sources.read_file()?;
    Config::of_tokens(&sources)
}

fn load(environment: &[(&str, &str)]) -> Result<Config> {
    Ok(load_tokens(environment)?.remove(0))
}

pub(crate) fn file(content: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("signpath.json");
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

/// The configuration is refused with this part in the reason, which does not contain the secret.
#[track_caller]
fn assert_refused(loaded: Result<Config>, part: &str) {
    let error = loaded.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.reason.contains(part), "{part}: {}", error.reason);
    assert!(!error.reason.contains("s3cret"), "{}", error.reason);
}

/// The proxy for the API, as a URL.
fn proxy(config: &Config) -> Option<&str> {
    let options = &config.client_options;
    let proxy = options.proxy_for(&options.api_url);
    proxy.map(|proxy| proxy.url.as_str())
}

fn token(config: &Config) -> String {
    let token = config.api_token.as_ref().unwrap().read();
    token.unwrap().expose().to_owned()
}

#[test]
fn defaults_are_those_of_the_official_library() {
    let config = load(&[]).unwrap();
    let options = &config.client_options;
    assert_eq!(options.api_url.as_str(), "https://app.signpath.io/Api");
    assert_eq!(*options, Options::new(options.api_url.clone()));
    assert_eq!(options.http_request_timeout, Duration::from_secs(30));
    assert_eq!(options.service_unavailable_timeout, Duration::from_secs(600));
    assert!(config.credentials().unwrap().is_none());
}

#[test]
fn accepts_the_older_name_of_the_token_in_a_file_with_a_byte_order_mark() {
    let (_directory, path) = file("\u{feff}{\"CIUserToken\": \"older\"}");
    assert_eq!(token(&load(&[(FILE, &path)]).unwrap()), "older");
}

/// A JSON object with objects in it, so many levels deep.
fn nested(levels: usize) -> String {
    r#"{"a":"#.repeat(levels) + "1" + &"}".repeat(levels)
}

#[test]
fn an_error_about_a_variable_names_it_and_the_valid_values() {
    for (name, value, expected) in rows! {
        API_URL, "file:///etc/passwd", "expected a URL such as";
        API_URL, "https://user:s3cret@signpath.example.com/", "without user, password, query or fragment";
        "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "0", "REQUEST_TIMEOUT_IN_SECONDS: expected a whole number of seconds from 1 to";
        "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "4294967296", "expected a whole number of seconds from 1 to 4294967295";
        "SIGNPATH_LOG_CONSOLE_LEVEL", "loud", "expected one of none, fatal";
        "SIGNPATH_METADATA", "[\"s3cret\"]", "SIGNPATH_METADATA: expected a JSON object";
        "SIGNPATH_METADATA", &nested(11), "SIGNPATH_METADATA: expected a JSON object, nested at most 10 levels deep";
        "SIGNPATH_CI_USER_TOKEN", "registry:s3cret", "SIGNPATH_CI_USER_TOKEN: registry: is only supported on Windows";
        "SIGNPATH_ALLOW_INSECURE_HTTP", "s3cret", "expected true or false";
    } {
        assert_refused(load(&[(name, value)]), expected);
    }
    assert!(load(&[("SIGNPATH_METADATA", &nested(10))]).is_ok());
}

#[test]
fn an_error_about_the_file_names_path_line_and_setting() {
    for (content, expected) in rows! {
        "{\n  \"ApiToken\": \"s3cret\"\n  \"x\": 1}", "line 3: not valid JSON: expected `,` or `}`";
        "\n[\"s3cret\"]", "line 2: expected a JSON object";
        r#"{"ApiToken": ["s3cret"]}"#, "line 1, setting ApiToken: expected a string";
        r#"{"ApiToken": "s3cret\ud800"}"#, "line 1, setting ApiToken: ";
        "{\n\"Log\":\n\"s3cret\"}", "line 2, setting Log: expected a JSON object";
        "{\"Log\": {\"File\": {\n\"Level\": true}}}", "line 2, setting Log.File.Level: expected one of none, fatal";
        "{\"HttpRequestTimeoutInSeconds\":\n \"s3cret\"}", "line 1, setting HttpRequestTimeoutInSeconds: expected a whole number of seconds";
        r#"{"Metadata": "{\"s3cret\": 1}"}"#, "setting Metadata: expected a JSON object";
        "{\"ApiToken\": \"s3cret\",\n\n\"ApiToken\": \"\"}", "line 3, setting ApiToken: duplicate setting; remove one";
        "{\"Log\": {},\n\"Log\": {}}", "line 2, setting Log: duplicate setting; remove one";
        "{\"Api\u{54}oken\": 1, \"apitoken\": \"s3cret\"}", "setting ApiToken: expected a string";
        "{\n\"HttpProxy\": \"socks5://user:s3cret@proxy\"}", "line 2, setting HttpProxy: expected host:port or";
    } {
        let (_directory, path) = file(content);
        let loaded = load(&[(FILE, &path)]);
        assert!(loaded.as_ref().is_err_and(|error| error.reason.contains(&path)));
        assert_refused(loaded, expected);
    }
}

/// A setting, a value in the file that is not the default, the same value in its variable, and a different one.
const VALUES: &[(&str, &str, &str, &str)] = &rows! {
    "OrganizationId", r#""one""#, "one", "two";
    "ApiToken", r#""one""#, "one", "two";
    "ApiUrl", r#""https://one/Api""#, "https://one/Api", "http://[::1]/";
    "ProjectSlug", r#""one""#, "one", "two";
    "SigningPolicySlug", r#""one""#, "one", "two";
    "ArtifactConfigurationSlug", r#""one""#, "one", "two";
    "Description", r#""one""#, "one", "two";
    "Metadata", r#"{"a": {"b": [1]}}"#, r#"{"a": {"b": [1]}}"#, "{}";
    "MetadataCommandLine", "false", "False", "true";
    "MetadataUser", "false", "FALSE", "true";
    "SigningApi", r#""SignHash""#, "signhash", "FastSigningRequest";
    "AllowInsecureHttp", "true", "True", "false";
    "TlsCaFile", r#""/one""#, "/one", "/two";
    "TlsClientCertificate", r#""file:/one""#, "file:/one", "file:/two";
    "HttpProxy", r#""one:1""#, "http://one:1", "http://u:p@two";
    "ChainCertificatesFile", r#""/one""#, "/one", "/two";
    "PolicyCacheSeconds", "1", "1", "2";
    "IncludeDummyX509CertificateForGpgKeys", "true", "TRUE", "false";
    "Cryptoki.LoginRequired", "false", "False", "true";
    "Cryptoki.DoNotFailOnReadWriteSessions", "false", "false", "true";
    "HttpRequestTimeoutInSeconds", "1", "1", "2";
    "ServiceUnavailableTimeoutInSeconds", r#""1""#, "1", "2";
    "Log.Console.Level", r#""Info""#, "info", "none";
    "Log.Console.OutputStream", r#""stdout""#, "StdOut", "stderr";
    "Log.File.Level", r#""Verbose""#, "verbose", "none";
    "Log.File.Directory", r#""/one""#, "/one", "/two";
    "Log.File.Format", r#""JSON""#, "json", "text";
    "Log.Journal", r#""/one""#, "/one", "/two";
};

/// The Debug output of a configuration, plus the token, which it hides.
fn shown(environment: &[(&str, &str)]) -> String {
    let config = load(environment).unwrap();
    let token = config.api_token.is_some().then(|| token(&config));
    format!("{config:#?} {token:?}")
}

#[test]
fn every_setting_works_in_the_file_and_in_its_variable_which_overrides_the_file() {
    let names: Vec<_> = VALUES.iter().map(|(name, ..)| *name).collect();
    // It chooses among several tokens (token_tests).
    let (token_label, others) = SETTINGS.split_last().unwrap();
    assert_eq!(token_label.json, "TokenLabel");
    let settings: Vec<_> = others.iter().map(|setting| setting.json).collect();
    assert_eq!(names, settings);
    for (setting, (name, in_file, same, other)) in SETTINGS.iter().zip(VALUES) {
        let nest = |value: String, level| format!("{{\"{level}\": {value}}}");
        let content = name.rsplit('.').fold((*in_file).to_owned(), nest);
        let (_directory, path) = file(&content);
        let path = (FILE, &*path);
        let of_file = shown(&[path]);
        assert_ne!(of_file, shown(&[]), "{name}");
        assert_eq!(of_file, shown(&[(setting.variable, same)]), "{name}");
        assert_eq!(of_file, shown(&[path, (setting.variable, "")]), "{name}");
        let of_both = shown(&[path, (setting.variable, other)]);
        assert_eq!(of_both, shown(&[(setting.variable, other)]), "{name}");
        assert_ne!(of_both, of_file, "{name}");
    }
}

#[test]
fn names_a_variable_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStringExt;

    let load = |name: &str| {
        let value = OsString::from_vec(b"s3cret\xff".to_vec());
        let variables = [(name.into(), value), ("http_proxy".into(), "proxy:1".into())];
        Ok(Config::of_tokens(&Sources::environment(variables.into_iter()))?.remove(0))
    };
    assert_refused(
        load("SIGNPATH_API_TOKEN"),
        "environment variable SIGNPATH_API_TOKEN: expected UTF-8",
    );
    for name in ["https_proxy", "NO_PROXY"] {
        let notices = load(name).unwrap().notices;
        let expected = format!("environment variable {name}: expected UTF-8, ignored");
        assert!(notices[0].starts_with(&expected), "{notices:?}");
    }
}

#[test]
fn https_proxy_takes_precedence_for_https_only() {
    let http = ("http_proxy", "one:1");
    let https = ("HTTPS_PROXY", "us%40er:p%2Fw@two:2");
    let local = (API_URL, "http://localhost/Api");
    let remote = (API_URL, "http://signpath.example/Api");
    let insecure = ("SIGNPATH_ALLOW_INSECURE_HTTP", "true");
    let (_directory, path) = file("{\"HttpProxy\": \"three:3\"}");
    let in_file = (FILE, &*path);
    for (environment, expected) in rows! {
        &[http][..], Some("http://one:1/");
        &[http, https], Some("http://two:2/");
        &[http, ("https_proxy", ""), https], Some("http://two:2/");
        &[https, in_file], Some("http://two:2/");
        &[http, in_file], Some("http://one:1/");
        &[in_file], Some("http://three:3/");
        &[https, local], None;
        &[http, https, local], None;
        &[http, https, remote, insecure], Some("http://one:1/");
        &[https, remote, insecure], None;
        &[https, ("no_proxy", "signpath.io")], None;
        &[], None;
    } {
        assert_eq!(proxy(&load(environment).unwrap()), expected, "{environment:?}");
    }
}

/// Only an http API on another machine needs permission, with or without a proxy. An API on this machine is never reached
/// through a proxy.
#[test]
fn sends_the_token_unencrypted_only_with_permission() {
    let (local, remote) = ("http://127.0.0.1:3128/", "http://proxy.example:3128/");
    for (url, is_proxied, needs_permission) in rows! {
        "https://signpath.example/Api", true, false;
        "https://localhost/Api", false, false;
        "http://127.0.0.1:8080/Api", false, false;
        "http://127.9.9.9/Api", false, false;
        "http://[::1]:8080/Api", false, false;
        "http://localhost/Api", false, false;
        "http://LOCALHOST./Api", false, false;
        "http://signpath.localhost/Api", false, false;
        "http://signpath.example/Api", true, true;
        "http://notlocalhost/Api", true, true;
        "http://localhost.example.com/Api", true, true;
        "http://10.0.0.1/Api", true, true;
        "http://0.0.0.0/Api", true, true;
        "http://[::]/Api", true, true;
    } {
        for named in ["", local, remote] {
            let (_directory, path) = file(&format!("{{\"HttpProxy\": \"{named}\"}}"));
            for of_proxy in [("http_proxy", named), (FILE, &*path)] {
                let strict = load(&[(API_URL, url), of_proxy]);
                assert_eq!(strict.is_err(), needs_permission, "{url} {of_proxy:?}");
                let permission = ("SIGNPATH_ALLOW_INSECURE_HTTP", "true");
                let config = load(&[(API_URL, url), of_proxy, permission]).unwrap();
                let expected = (is_proxied && !named.is_empty()).then_some(named);
                assert_eq!(proxy(&config), expected, "{url} {of_proxy:?}");
            }
        }
    }
}

#[test]
fn warns_about_unusable_proxy_variables_only_if_they_matter() {
    let (_directory, path) = file("{\"HttpProxy\": \"three:3\"}");
    let in_file = (FILE, &*path);
    let socks = ("https_proxy", "SOCKS5h://user:s3cret@proxy");
    let tls = ("https_proxy", "https://user:s3cret@proxy");
    let astray = ("http_proxy", "s3cret/+=");
    let http = ("http_proxy", "one:1");
    let odd = ("no_proxy", "10.0.0.0/99 http://u:s3cret@host/");
    let local = (API_URL, "http://localhost/Api");
    for (environment, expected, parts) in rows! {
        &[socks][..], None, &["https_proxy: SOCKS proxies are not supported, ignored; using no proxy; set "][..];
        &[tls, http], Some("http://one:1/"),
            &["HTTPS proxies are not supported, ignored; using the proxy from environment variable http_proxy"];
        &[socks, ("HTTPS_PROXY", "two:2")], Some("http://two:2/"), &["using the proxy from environment variable HTTPS_PROXY"];
        &[socks, astray, in_file], Some("http://three:3/"),
            &["https_proxy: SOCKS proxies", "http_proxy: not the URL of an HTTP proxy, ignored; using the proxy from configuration file"];
        &[http, odd], Some("http://one:1/"), &["no_proxy: invalid entries 10.0.0.0/99 ***@host/, ignored; expected a host name"];
        &[http, ("no_proxy", "10. a,b [::1 c;d *e")], Some("http://one:1/"),
            &["no_proxy: invalid entries 10. [::1 c;d and 1 more, ignored; expected a host name"];
        &[odd], None, &[];
        &[socks, odd, local], None, &[];
        &[socks, ("no_proxy", "*")], None, &[];
        &[socks, ("no_proxy", "10.0.0.0/99 signpath.io")], None, &[];
    } {
        let config = load(environment).unwrap();
        assert_eq!(proxy(&config), expected, "{environment:?}");
        let notices = &config.notices;
        assert_eq!(notices.len(), parts.len(), "{notices:?}");
        for (notice, part) in notices.iter().zip(parts) {
            assert!(notice.contains(part), "{part}: {notice}");
            assert!(!notice.contains("s3cret"), "{notice}");
        }
    }
}

#[test]
fn debug_output_of_a_configuration_contains_no_secret() {
    let token = ("SIGNPATH_API_TOKEN", "s3cret");
    let proxy = ("https_proxy", "http://user:s3cret@proxy");
    let config = load(&[("SIGNPATH_ORGANIZATION_ID", "org"), token, proxy]).unwrap();
    let credentials = config.credentials().unwrap();
    let shown = format!("{config:?} {config:#?} {credentials:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[cfg(target_os = "linux")]
#[test]
fn refuses_to_read_a_device() {
    for variable in [(FILE, "/dev/zero"), ("SIGNPATH_API_TOKEN", "file:/dev/zero")] {
        assert_refused(load(&[variable]), "/dev/zero: not a regular file");
    }
}
