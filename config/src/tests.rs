//! Loading a configuration from the environment and a file.

use std::ffi::OsString;

use super::*;
use crate::error::ErrorKind;

fn load(environment: &[(&str, &str)]) -> Result<Config> {
    let variables = environment
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let mut sources = Sources::environment(variables);
    sources.read_file()?;
    Config::from_sources(&sources)
}

fn file(content: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signpath.json");
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn defaults_are_those_of_the_official_library() {
    let config = load(&[]).unwrap();
    assert_eq!(
        config.client_options.api_url.as_str(),
        "https://app.signpath.io/Api"
    );
    assert_eq!(
        config.client_options,
        Options::new(config.client_options.api_url.clone())
    );
    assert_eq!(
        config.client_options.http_request_timeout,
        Duration::from_secs(30)
    );
    assert_eq!(
        config.client_options.service_unavailable_timeout,
        Duration::from_secs(600)
    );
    assert!(config.credentials().unwrap().is_none());
}

#[test]
fn environment_overrides_the_file_unless_a_variable_is_empty() {
    let (_folder, path) = file(
        r#"{"OrganizationId": "file-org", "ApiToken": "file-token", "ProjectSlug": "file-project",
            "HttpRequestTimeoutInSeconds": 7, "Log": {"Console": {"Level": "Info"}}}"#,
    );
    let config = load(&[
        ("SIGNPATH_CONFIG_FILE", &path),
        ("SIGNPATH_ORGANIZATION_ID", "env-org"),
        ("SIGNPATH_PROJECT_SLUG", ""),
    ])
    .unwrap();
    let credentials = config.credentials().unwrap().unwrap();
    assert_eq!(credentials.organization_id, "env-org");
    assert_eq!(credentials.api_token.expose(), "file-token");
    assert_eq!(
        config.client_options.project_slug.as_deref(),
        Some("file-project")
    );
    assert_eq!(
        config.client_options.http_request_timeout,
        Duration::from_secs(7)
    );
    assert_eq!(config.log_console_level, Level::Info);
}

#[test]
fn accepts_the_older_names_of_the_token() {
    let config = load(&[("SIGNPATH_CI_USER_TOKEN", "older")]).unwrap();
    assert_eq!(config.api_token.unwrap().read().unwrap().expose(), "older");
    let (_folder, path) = file(r#"{"CIUserToken": "older in the file"}"#);
    let config = load(&[("SIGNPATH_CONFIG_FILE", &path)]).unwrap();
    assert_eq!(
        config.api_token.unwrap().read().unwrap().expose(),
        "older in the file"
    );
}

#[test]
fn error_about_a_value_names_the_setting_and_valid_values() {
    for (name, value, expected) in [
        (
            "SIGNPATH_API_URL",
            "app.signpath.io",
            "SIGNPATH_API_URL: expected a URL such as",
        ),
        (
            "SIGNPATH_API_URL",
            "file:///etc/passwd",
            "expected a URL such as",
        ),
        (
            "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS",
            "0",
            "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS: expected a whole number of seconds",
        ),
        (
            "SIGNPATH_LOG_CONSOLE_LEVEL",
            "loud",
            "expected one of none, fatal",
        ),
        (
            "SIGNPATH_METADATA",
            "[\"s3cret\"]",
            "SIGNPATH_METADATA: expected a JSON object",
        ),
        (
            "SIGNPATH_CI_USER_TOKEN",
            "registry:s3cret",
            "SIGNPATH_CI_USER_TOKEN: registry: is only supported on Windows",
        ),
        (
            "SIGNPATH_API_URL",
            "https://user:s3cret@signpath.example.com/",
            "without user, password, query or fragment",
        ),
        (
            "SIGNPATH_ALLOW_INSECURE_HTTP",
            "s3cret",
            "expected true or false",
        ),
    ] {
        let error = load(&[(name, value)]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.reason.contains(expected), "{}", error.reason);
        assert!(!error.reason.contains("s3cret"), "{}", error.reason);
    }
}

#[test]
fn error_about_a_file_names_the_line_without_quoting_secrets() {
    for (content, expected) in [
        (
            "{\n  \"ApiToken\": \"s3cret\"\n  \"x\": 1}",
            "line 3: not valid JSON: expected `,` or `}`",
        ),
        ("\n[\"s3cret\"]", "line 2: expected a JSON object"),
        (
            "{\"ApiToken\": [\"s3cret\"]}",
            "line 1, setting ApiToken: expected a string",
        ),
        (
            "{\"ApiToken\": \"s3cret\\ud800\"}",
            "line 1, setting ApiToken: ",
        ),
        (
            "{\n\"Log\":\n\"s3cret\"}",
            "line 2, setting Log: expected a JSON object",
        ),
        (
            "{\"Log\": {\"File\": {\n\"Level\": true}}}",
            "line 2, setting Log.File.Level: expected one of none, fatal",
        ),
        (
            "{\"HttpRequestTimeoutInSeconds\":\n \"s3cret\"}",
            "line 1, setting HttpRequestTimeoutInSeconds: expected a whole number of seconds",
        ),
        (
            "{\"Metadata\": \"{\\\"s3cret\\\": 1}\"}",
            "setting Metadata: expected a JSON object",
        ),
        (
            "{\"ApiToken\": \"s3cret\",\n\n\"ApiToken\": \"\"}",
            "line 3, setting ApiToken: duplicate setting; remove one",
        ),
        (
            "{\"Log\": {},\n\"Log\": {}}",
            "line 2, setting Log: duplicate setting; remove one",
        ),
        (
            "{\"Api\u{54}oken\": 1, \"apitoken\": \"s3cret\"}",
            "setting ApiToken: expected a string",
        ),
    ] {
        let (_folder, path) = file(content);
        let error = load(&[("SIGNPATH_CONFIG_FILE", &path)]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.reason.contains(&path), "{}", error.reason);
        assert!(error.reason.contains(expected), "{}", error.reason);
        assert!(!error.reason.contains("s3cret"), "{}", error.reason);
    }
    let error = load(&[("SIGNPATH_CONFIG_FILE", "/nonexistent/signpath.json")]).unwrap_err();
    assert!(
        error.reason.contains("/nonexistent/signpath.json"),
        "{}",
        error.reason
    );
}

#[test]
fn ignores_a_byte_order_mark_in_the_file() {
    let (_folder, path) = file("\u{feff}{\"ProjectSlug\": \"p\"}");
    let config = load(&[("SIGNPATH_CONFIG_FILE", &path)]).unwrap();
    assert_eq!(config.client_options.project_slug.as_deref(), Some("p"));
}

/// For each setting: a value in the file that is not the default, the same value in its variable,
/// and a different value in its variable.
const VALUES: &[(&str, &str, &str, &str)] = &[
    ("OrganizationId", "\"one\"", "one", "two"),
    ("ApiToken", "\"one\"", "one", "two"),
    (
        "ApiUrl",
        "\"https://one/Api\"",
        "https://one/Api",
        "http://[::1]/",
    ),
    ("ProjectSlug", "\"one\"", "one", "two"),
    ("SigningPolicySlug", "\"one\"", "one", "two"),
    ("ArtifactConfigurationSlug", "\"one\"", "one", "two"),
    ("Description", "\"one\"", "one", "two"),
    (
        "Metadata",
        "{\"a\": {\"b\": [1]}}",
        "{\"a\": {\"b\": [1]}}",
        "{}",
    ),
    ("MetadataCommandLine", "false", "False", "true"),
    ("MetadataUser", "false", "FALSE", "true"),
    (
        "SigningApi",
        "\"SignHash\"",
        "signhash",
        "FastSigningRequest",
    ),
    ("AllowInsecureHttp", "true", "True", "false"),
    ("TlsCaFile", "\"/one\"", "/one", "/two"),
    (
        "TlsClientCertificate",
        "\"file:/one\"",
        "file:/one",
        "file:/two",
    ),
    ("HttpProxy", "\"one:1\"", "http://one:1", "http://u:p@two"),
    ("ChainCertificatesFile", "\"/one\"", "/one", "/two"),
    ("PolicyCacheSeconds", "1", "1", "2"),
    (
        "IncludeDummyX509CertificateForGpgKeys",
        "true",
        "TRUE",
        "false",
    ),
    ("Cryptoki.LoginRequired", "false", "False", "true"),
    (
        "Cryptoki.DoNotFailOnReadWriteSessions",
        "false",
        "false",
        "true",
    ),
    ("HttpRequestTimeoutInSeconds", "1", "1", "2"),
    ("ServiceUnavailableTimeoutInSeconds", "\"1\"", "1", "2"),
    ("Log.Console.Level", "\"Info\"", "info", "none"),
    ("Log.Console.OutputStream", "\"stdout\"", "StdOut", "stderr"),
    ("Log.File.Level", "\"Verbose\"", "verbose", "none"),
    ("Log.File.Directory", "\"/one\"", "/one", "/two"),
    ("Log.File.Format", "\"JSON\"", "json", "text"),
    ("Log.Journal", "\"/one\"", "/one", "/two"),
];

/// The Debug output of a configuration, plus the token, which it hides.
fn shown(environment: &[(&str, &str)]) -> String {
    let config = load(environment).unwrap();
    let token = config.api_token.as_ref().map(|token| token.read().unwrap());
    format!(
        "{config:#?} {:?}",
        token.as_ref().map(|token| token.expose())
    )
}

#[test]
fn every_setting_works_in_the_file_and_its_variable() {
    let names: Vec<_> = VALUES.iter().map(|(name, ..)| *name).collect();
    let settings: Vec<_> = SETTINGS.iter().map(|setting| setting.json).collect();
    assert_eq!(names, settings);
    for (setting, (name, in_file, same, other)) in SETTINGS.iter().zip(VALUES) {
        let nested = name
            .rsplit('.')
            .fold((*in_file).to_owned(), |value, level| {
                format!("{{\"{level}\": {value}}}")
            });
        let (_folder, path) = file(&nested);
        let path = ("SIGNPATH_CONFIG_FILE", &*path);
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
        let variables = [
            (name.into(), value),
            ("http_proxy".into(), "proxy:1".into()),
        ];
        Config::from_sources(&Sources::environment(variables.into_iter()))
    };
    let error = load("SIGNPATH_API_TOKEN").unwrap_err();
    let expected = "environment variable SIGNPATH_API_TOKEN: expected UTF-8";
    assert_eq!(error.reason, expected);
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
    let local = ("SIGNPATH_API_URL", "http://localhost/Api");
    let remote = ("SIGNPATH_API_URL", "http://signpath.example/Api");
    let insecure = ("SIGNPATH_ALLOW_INSECURE_HTTP", "true");
    let none = ("no_proxy", "signpath.io");
    let (_folder, path) = file("{\"HttpProxy\": \"three:3\"}");
    let in_file = ("SIGNPATH_CONFIG_FILE", &*path);
    for (environment, expected) in [
        (&[http][..], Some("http://one:1/")),
        (&[http, https], Some("http://two:2/")),
        (&[http, ("https_proxy", ""), https], Some("http://two:2/")),
        (&[https, in_file], Some("http://two:2/")),
        (&[http, in_file], Some("http://one:1/")),
        (&[in_file], Some("http://three:3/")),
        (&[https, local], None),
        (&[http, https, local], None),
        (&[http, https, remote, insecure], Some("http://one:1/")),
        (&[https, remote, insecure], None),
        (&[https, none], None),
        (&[], None),
    ] {
        let config = load(environment).unwrap();
        let proxy = config
            .client_options
            .proxy_for(&config.client_options.api_url);
        let url = proxy.map(|proxy| proxy.url.as_str());
        assert_eq!(url, expected, "{environment:?}");
    }
}

/// Each kind of API URL with each kind of proxy. Only an http API on another machine needs
/// permission, with or without a proxy; an API on this machine is never reached through a proxy.
#[test]
fn sends_the_token_unencrypted_only_with_permission() {
    let (local, remote) = ("http://127.0.0.1:3128/", "http://proxy.example:3128/");
    for (url, proxy, is_used, needs_permission) in [
        ("https://signpath.example/Api", "", false, false),
        ("https://signpath.example/Api", local, true, false),
        ("https://signpath.example/Api", remote, true, false),
        ("https://localhost/Api", "", false, false),
        ("https://localhost/Api", local, false, false),
        ("https://localhost/Api", remote, false, false),
        ("http://127.0.0.1:8080/Api", "", false, false),
        ("http://127.0.0.1:8080/Api", local, false, false),
        ("http://127.0.0.1:8080/Api", remote, false, false),
        ("http://signpath.example/Api", "", false, true),
        ("http://signpath.example/Api", local, true, true),
        ("http://signpath.example/Api", remote, true, true),
    ] {
        let (_folder, path) = file(&format!("{{\"HttpProxy\": \"{proxy}\"}}"));
        let in_file = ("SIGNPATH_CONFIG_FILE", &*path);
        for of_proxy in [("http_proxy", proxy), in_file] {
            let url = ("SIGNPATH_API_URL", url);
            let strict = load(&[url, of_proxy]);
            assert_eq!(strict.is_err(), needs_permission, "{url:?} {of_proxy:?}");
            let permission = ("SIGNPATH_ALLOW_INSECURE_HTTP", "true");
            let config = load(&[url, of_proxy, permission]).unwrap();
            let used = config
                .client_options
                .proxy_for(&config.client_options.api_url);
            let used = used.map(|proxy| proxy.url.as_str());
            assert_eq!(used, is_used.then_some(proxy), "{url:?} {of_proxy:?}");
        }
    }
}

#[test]
fn warns_about_unusable_proxy_variables_only_if_relevant() {
    let (_folder, path) = file("{\"HttpProxy\": \"three:3\"}");
    let in_file = ("SIGNPATH_CONFIG_FILE", &*path);
    let socks = ("https_proxy", "SOCKS5h://user:s3cret@proxy");
    let tls = ("https_proxy", "https://user:s3cret@proxy");
    let astray = ("http_proxy", "s3cret/+=");
    let http = ("http_proxy", "one:1");
    let odd = ("no_proxy", "10.0.0.0/99 http://u:s3cret@host/");
    let local = ("SIGNPATH_API_URL", "http://localhost/Api");
    for (environment, proxy, expected) in [
        (
            &[socks][..],
            None,
            &["https_proxy: SOCKS proxies are not supported, ignored; using no proxy; set "][..],
        ),
        (
            &[tls, http],
            Some("http://one:1/"),
            &[
                "not supported (use http://, which works for https URLs too), ignored; using the proxy \
                 from environment variable http_proxy",
            ],
        ),
        (
            &[socks, ("HTTPS_PROXY", "two:2")],
            Some("http://two:2/"),
            &["using the proxy from environment variable HTTPS_PROXY"],
        ),
        (
            &[socks, astray, in_file],
            Some("http://three:3/"),
            &[
                "https_proxy: SOCKS proxies",
                "http_proxy: not the URL of an HTTP proxy, ignored; using the proxy from configuration file",
            ],
        ),
        (
            &[http, odd],
            Some("http://one:1/"),
            &["no_proxy: invalid entries 10.0.0.0/99 ***@host/, ignored; expected a host name"],
        ),
        (
            &[http, ("no_proxy", "10. a,b [::1 c;d *e")],
            Some("http://one:1/"),
            &["no_proxy: invalid entries 10. [::1 c;d and 1 more, ignored; expected a host name"],
        ),
        (&[odd], None, &[]),
        (&[socks, odd, local], None, &[]),
        (&[socks, ("no_proxy", "*")], None, &[]),
        (&[socks, ("no_proxy", "10.0.0.0/99 signpath.io")], None, &[]),
    ] {
        let config = load(environment).unwrap();
        let used = config
            .client_options
            .proxy_for(&config.client_options.api_url);
        let used = used.map(|proxy| proxy.url.as_str());
        assert_eq!(used, proxy, "{environment:?}");
        let notices = &config.notices;
        assert_eq!(notices.len(), expected.len(), "{notices:?}");
        for (notice, part) in notices.iter().zip(expected) {
            assert!(notice.contains(part), "{part}: {notice}");
            assert!(!notice.contains("s3cret"), "{notice}");
        }
    }
    let (_folder, path) = file("{\n\"HttpProxy\": \"socks5://user:s3cret@proxy\"}");
    let error = load(&[("SIGNPATH_CONFIG_FILE", &path)]).unwrap_err();
    let expected = "line 2, setting HttpProxy: expected host:port or";
    assert!(error.reason.contains(expected), "{}", error.reason);
    assert!(!error.reason.contains("s3cret"), "{}", error.reason);
}

#[test]
fn http_needs_permission_unless_it_is_loopback() {
    for (url, is_accepted) in [
        ("http://127.0.0.1:8080/Api", true),
        ("http://127.9.9.9/Api", true),
        ("http://[::1]:8080/Api", true),
        ("http://localhost/Api", true),
        ("http://LOCALHOST./Api", true),
        ("http://signpath.localhost/Api", true),
        ("https://signpath.example.com/Api", true),
        ("http://signpath.example.com/Api", false),
        ("http://notlocalhost/Api", false),
        ("http://localhost.example.com/Api", false),
        ("http://10.0.0.1/Api", false),
        ("http://0.0.0.0/Api", false),
        ("http://[::]/Api", false),
    ] {
        let url = ("SIGNPATH_API_URL", url);
        assert_eq!(load(&[url]).is_ok(), is_accepted, "{url:?}");
        let permission = ("SIGNPATH_ALLOW_INSECURE_HTTP", "true");
        load(&[url, permission]).unwrap();
    }
}

#[test]
fn debug_output_of_a_configuration_contains_no_secret() {
    let config = load(&[
        ("SIGNPATH_ORGANIZATION_ID", "org"),
        ("SIGNPATH_API_TOKEN", "s3cret"),
        ("https_proxy", "http://user:s3cret@proxy"),
    ])
    .unwrap();
    let credentials = config.credentials().unwrap();
    let shown = format!("{config:?} {config:#?} {credentials:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[cfg(target_os = "linux")]
#[test]
fn refuses_to_read_a_device() {
    for variable in [
        ("SIGNPATH_CONFIG_FILE", "/dev/zero"),
        ("SIGNPATH_API_TOKEN", "file:/dev/zero"),
    ] {
        let error = load(&[variable]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.reason.contains("cannot read "), "{}", error.reason);
        let expected = "/dev/zero: not a regular file";
        assert!(error.reason.contains(expected), "{}", error.reason);
    }
}
