//! The setting `Tokens`: what a token has of its own, and what it shares.

use super::*;
use crate::error::ErrorKind;
use crate::tests::{file, load_tokens, rows};

const SHARED: &str = r#""OrganizationId": "one", "ApiToken": "s3cret", "ApiUrl": "https://one.example/Api", "ProjectSlug": "app""#;

/// The tokens of a file with the shared settings and these entries, with one variable.
fn load(entries: &str, (variable, value): (&str, &str)) -> Result<Vec<Config>> {
    let (_folder, path) = file(&format!("{{{SHARED}, \"Tokens\": {entries}}}"));
    load_tokens(&[(CONFIG_FILE, &path), (variable, value)])
}

fn of(entries: &str) -> Vec<Config> {
    load(entries, ("", "")).unwrap()
}

fn api_token(config: &Config) -> Option<String> {
    let token = config.api_token.as_ref()?.read().unwrap();
    Some(token.expose().to_owned())
}

#[test]
fn a_token_has_what_it_names_and_inherits_the_rest() {
    // Its own settings, then organization, API token, URL, project.
    for (own, expected) in rows! {
        "", ("one", Some("s3cret"), "https://one.example/Api", "app");
        r#", "ProjectSlug": "other""#, ("one", Some("s3cret"), "https://one.example/Api", "other");
        r#", "ApiToken": "own""#, ("one", Some("own"), "https://one.example/Api", "app");
        // The API token is for one server and one organization.
        r#", "OrganizationId": "two""#, ("two", None, "https://one.example/Api", "app");
        r#", "OrganizationId": "one""#, ("one", None, "https://one.example/Api", "app");
        r#", "ApiUrl": "https://two.example/Api""#, ("one", None, "https://two.example/Api", "app");
        r#", "ApiUrl": "https://one.example/Api""#, ("one", None, "https://one.example/Api", "app");
        r#", "ApiUrl": "https://two.example/Api", "ApiToken": "own""#, ("one", Some("own"), "https://two.example/Api", "app");
        r#", "OrganizationId": "two", "ApiToken": "own""#, ("two", Some("own"), "https://one.example/Api", "app");
        r#", "OrganizationId": "two", "ApiUrl": "https://two.example/Api""#, ("two", None, "https://two.example/Api", "app");
    } {
        let tokens = of(&format!(r#"[{{"Label": "A"}}, {{"Label": "B"{own}}}]"#));
        let [_, token] = &tokens[..] else {
            panic!("{own}: {} tokens", tokens.len());
        };
        let seen = (
            token.organization_id.as_deref().unwrap(),
            api_token(token),
            token.client_options.api_url.as_str(),
            token.client_options.project_slug.as_deref().unwrap(),
        );
        let (organization, secret, url, project) = expected;
        assert_eq!(seen, (organization, secret.map(str::to_owned), url, project), "{own}");
        let pin = token.credentials_of_login(b"", b"CONFIG");
        assert_eq!(pin.is_ok(), secret.is_some(), "{own}");
        if let Err(error) = pin {
            assert_eq!(error.kind, ErrorKind::Pin);
            assert!(error.reason.contains("the token B has no API token"), "{}", error.reason);
        }
    }
}

/// Wherever the API token at the top level comes from, it is for the server and the organization there.
#[test]
fn every_form_of_the_shared_api_token_is_inherited_with_url_and_organization_only() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "of the file\n").unwrap();
    let in_file = format!("file:{}", file.path().display());
    let entries = r#"[{"Label": "A"}, {"Label": "B", "OrganizationId": "two"}, {"Label": "C", "ApiUrl": "https://c.example"}]"#;
    for (variable, value, expected) in [
        ("", "", "s3cret"),
        ("SIGNPATH_API_TOKEN", "new", "new"),
        ("SIGNPATH_API_TOKEN", &in_file, "of the file"),
        ("SIGNPATH_CI_USER_TOKEN", "old", "old"),
        // Not a value of the entry.
        ("SIGNPATH_ORGANIZATION_ID", "three", "s3cret"),
        ("SIGNPATH_API_URL", "https://new.example", "s3cret"),
    ] {
        let tokens = load(entries, (variable, value)).unwrap();
        let seen: Vec<_> = tokens.iter().map(api_token).collect();
        assert_eq!(seen, [Some(expected.to_owned()), None, None], "{variable}");
    }
}

#[test]
fn the_setting_token_label_shows_one_token() {
    let entries =
        r#"[{"Label": "A"}, {"Label": "B", "ApiToken": "own", "ApiUrl": "https://b.example"}]"#;
    let label = "SIGNPATH_TOKEN_LABEL";
    let [only] = &load(entries, (label, "B")).unwrap()[..] else {
        panic!("one token");
    };
    // Nothing else about it changes, and the API token of the other one is masked all the same.
    let [_, among_others] = &of(entries)[..] else {
        panic!("two tokens");
    };
    assert_eq!(only.token, among_others.token);
    assert_eq!(only.message_prefix(), "token B: ");
    assert_eq!(only.other_secrets(), among_others.other_secrets());
    let in_file = format!(r#"{entries}, "TokenLabel": "A""#);
    for (value, expected) in [("", "A"), ("B", "B")] {
        let tokens = load(&in_file, (label, value)).unwrap();
        let labels: Vec<_> = tokens.iter().map(|config| &*config.token.label).collect();
        assert_eq!(labels, [expected]);
    }
    let unknown = load(entries, (label, "C")).unwrap_err();
    let expected =
        "environment variable SIGNPATH_TOKEN_LABEL: no token has this label; choose one of A, B";
    assert_eq!(unknown.reason, expected);
}

#[test]
fn variables_override_the_top_level_only() {
    let entries = r#"[{"Label": "A"}, {"Label": "B", "ProjectSlug": "own", "ApiToken": "own",
        "ApiUrl": "https://b.example/Api", "OrganizationId": "two"}]"#;
    for (variable, first, second) in [
        ("SIGNPATH_PROJECT_SLUG", "new", "own"),
        ("SIGNPATH_API_TOKEN", "new", "own"),
        ("SIGNPATH_ORGANIZATION_ID", "new", "two"),
    ] {
        let tokens = load(entries, (variable, "new")).unwrap();
        let value = |token: &Config| match variable {
            "SIGNPATH_API_TOKEN" => api_token(token).unwrap(),
            "SIGNPATH_ORGANIZATION_ID" => token.organization_id.clone().unwrap(),
            _ => token.client_options.project_slug.clone().unwrap(),
        };
        assert_eq!((value(&tokens[0]), value(&tokens[1])), (first.into(), second.into()));
    }
    let url = ("SIGNPATH_API_URL", "https://new.example/Api");
    let tokens = load(entries, url).unwrap();
    let urls: Vec<_> = tokens.iter().map(|token| token.client_options.api_url.as_str()).collect();
    assert_eq!(urls, ["https://new.example/Api", "https://b.example/Api"]);
}

#[test]
fn slots_count_and_serial_numbers_depend_on_label_and_organization() {
    let info =
        |entries: &str| -> Vec<_> { of(entries).into_iter().map(|config| config.token).collect() };
    let [first, second, third] =
        &info(r#"[{"Label": "A"}, {"Label": "B"}, {"Label": "C", "OrganizationId": "two"}]"#)[..]
    else {
        panic!("three tokens");
    };
    assert_eq!((first.slot_id, second.slot_id, third.slot_id), (1, 2, 3));
    assert_eq!((&*first.label, &*first.serial_number), ("A", "1"));
    assert_eq!(second.serial_number.len(), 16);
    // In another slot, with another organization, and with another label.
    let moved = &info(r#"[{"Label": "A"}, {"Label": "X"}, {"Label": "B"}]"#)[2];
    assert_eq!(moved.serial_number, second.serial_number);
    let other = &info(r#"[{"Label": "A"}, {"Label": "B", "OrganizationId": "two"}]"#)[1];
    assert_ne!(other.serial_number, second.serial_number);
    assert_ne!(third.serial_number, other.serial_number);
    // printf 'B\0one' | sha256sum
    assert_eq!(second.serial_number, "fd2952e10ab426ca");
}

#[test]
fn each_token_knows_what_must_not_be_shown_of_the_others() {
    let tokens = of(
        r#"[{"Label": "A"}, {"Label": "B", "ApiToken": "own"}, {"Label": "C", "ApiUrl": "https://c.example"}]"#,
    );
    let others: Vec<_> = tokens.iter().map(|token| token.other_api_tokens.len()).collect();
    assert_eq!(others, [1, 1, 2]);
    // No token uses the one at the top level, but a command line may contain it.
    let [only] = &of(r#"[{"Label": "A", "ApiUrl": "https://a.example", "ApiToken": "own"}]"#)[..]
    else {
        panic!("one token");
    };
    let secrets = only.other_secrets();
    assert_eq!(secrets.iter().map(|secret| secret.expose()).collect::<Vec<_>>(), ["s3cret"]);
}

#[test]
fn unusable_lists_are_refused() {
    let expected = "expected a label of 1 to 32 bytes";
    let many = format!("[{}]", vec![r#"{"Label": "A"}"#; 101].join(","));
    let long = format!(r#"[{{"Label": "{}"}}]"#, "a".repeat(33));
    for (entries, part) in rows! {
        "{}", "setting Tokens: expected a list of 1 to 100 objects";
        &many, "setting Tokens: expected a list of 1 to 100 objects";
        // Otherwise an API token would go to the server or the organization of the top level.
        r#"[{"Label": "A", "Server": "https://a.example"}]"#, "setting Tokens.Server: unknown setting; a token can have OrganizationId, ApiToken, ApiUrl,";
        r#"[{"Label": "A", "CIUserToken": "s3cret"}]"#, "setting Tokens.CIUserToken: unknown setting";
        r#"[{"Label": "A", "ApiUrl": ""}]"#, "setting Tokens.ApiUrl: expected a value";
        r#"[{"Label": "A", "OrganizationId": null}]"#, "setting Tokens.OrganizationId: expected a value";
        r#"[{"Label": "A", "TlsCaFile": "/ca.pem"}]"#, "setting Tokens.TlsCaFile: this setting is the same for all tokens";
        r#"["A"]"#, "setting Tokens: expected a JSON object";
        r#"[{"Label": ""}]"#, expected;
        r#"[{"Label": " A"}]"#, expected;
        r#"[{"Label": "A "}]"#, expected;
        r#"[{"Label": "A\u0007"}]"#, expected;
        &long, expected;
        r#"[{"Label": 1}]"#, "setting Tokens.Label: expected a string";
        r#"[{"Label": "A", "Label": "B"}]"#, "setting Tokens.Label: duplicate setting";
        r#"[{"Label": "A", "ApiUrl": "http://other.example"}]"#, "setting Tokens.ApiUrl: http://other.example/ would send the API token unencrypted";
        r#"[{"Label": "A", "ApiToken": "file:/nonexistent/s3cret"}]"#, "setting Tokens.ApiToken: cannot read";
        r#"[{"Label": "A", "ApiToken": "encrypted:AQAA"}]"#, "setting Tokens.ApiToken: encrypted: (DPAPI) is only supported on Windows";
        r#"[{"Label": "A", "ApiToken": "registry:HKEY_CURRENT_USER\\A"}]"#, "setting Tokens.ApiToken: registry: is only supported on Windows";
        r#"[{"Label": "A", "TokenLabel": "A"}]"#, "setting Tokens.TokenLabel: this setting is the same for all tokens";
    } {
        let error = load(entries, ("", "")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration, "{entries}");
        assert!(error.reason.contains(part), "{entries}: {}", error.reason);
    }
}
