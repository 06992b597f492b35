//! The JSON Schema of the configuration file and the table in docs/configuration.md say what the code does.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::SETTINGS;
use super::settings::{SettingType, TOKEN_LABEL, TOKEN_SETTINGS, TOKENS};
use super::tests::{file, load_tokens, rows};

const SCHEMA: &str = include_str!("../../docs/signpath-config.schema.json");

const PAGE: &str = include_str!("../../docs/configuration.md");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// The dotted paths and schemas of all properties that are not levels.
fn leaves(level: &str, properties: &Map<String, Value>) -> Vec<(String, Value)> {
    let path = |name: &str| match level {
        "" => name.to_owned(),
        level => format!("{level}.{name}"),
    };
    properties
        .iter()
        .flat_map(|(name, schema)| match &schema["properties"] {
            Value::Object(below) => {
                assert_eq!(schema["additionalProperties"], false, "{name}");
                leaves(&path(name), below)
            }
            _ => vec![(path(name), schema.clone())],
        })
        .collect()
}

/// Whether C_Initialize would accept a file with this content.
fn is_accepted(document: &Value) -> bool {
    let (_folder, path) = file(&document.to_string());
    load_tokens(&[("SIGNPATH_CONFIG_FILE", &path)]).is_ok()
}

#[test]
fn schema_has_all_settings_with_types_and_defaults() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["additionalProperties"], false);
    let mut leaves = leaves("", schema["properties"].as_object().unwrap());
    let mut take = |path: &str| {
        let index = leaves.iter().position(|(known, _)| known == path);
        leaves.remove(index.unwrap_or_else(|| panic!("{path} is not in the schema"))).1
    };
    take("$schema");
    let token = take(TOKENS);
    let of_token = token["items"]["properties"].as_object().unwrap().keys();
    let of_token: BTreeSet<_> = of_token.map(String::as_str).collect();
    assert_eq!(of_token, TOKEN_SETTINGS.into_iter().chain([TOKEN_LABEL]).collect());
    for setting in SETTINGS {
        let leaf = take(setting.json);
        let default = setting.default.map_or(Value::Null, |default| match setting.form {
            SettingType::Flag | SettingType::Seconds(_) => serde_json::from_str(default).unwrap(),
            _ => default.into(),
        });
        assert_eq!(leaf["default"], default, "{}", setting.json);
        let (type_, names) = match setting.form {
            SettingType::Flag => (json!("boolean"), Value::Null),
            SettingType::Seconds(_) => (json!("integer"), Value::Null),
            SettingType::Object => (json!("object"), Value::Null),
            form if !form.names().is_empty() => (Value::Null, json!(form.names())),
            _ => (json!("string"), Value::Null),
        };
        assert_eq!(leaf["type"], type_, "{}", setting.json);
        assert_eq!(leaf["enum"], names, "{}", setting.json);
        if let SettingType::Seconds(least) = setting.form {
            assert_eq!(leaf["minimum"], least, "{}", setting.json);
        }
        let description = leaf["description"].as_str().unwrap();
        assert!(description.contains(setting.variable), "{description}");
        if let Some((older, _)) = setting.older {
            assert_eq!(take(older)["deprecated"], true);
        }
    }
    assert_eq!(leaves, []);
}

#[test]
fn schema_accepts_only_files_that_the_code_accepts() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (document, by_schema, by_code) in rows! {
        json!({}), true, true;
        json!({"$schema": "signpath-config.schema.json"}), true, true;
        json!({"OrganizationId": "o", "ApiToken": "t/+="}), true, true;
        json!({"CIUserToken": "t"}), true, true;
        json!({"ApiToken": 1}), false, false;
        json!({"ApiToken": "encrypted:AQAA"}), false, false;
        json!({"ApiToken": "registry:HKCU"}), false, false;
        json!({"ApiUrl": "https://host:8443/Api"}), true, true;
        json!({"ApiUrl": "http://[::1]:80"}), true, true;
        json!({"ApiUrl": "host/Api"}), false, false;
        json!({"ApiUrl": "ftp://host/Api"}), false, false;
        json!({"ApiUrl": "https://user:password@host/Api"}), false, false;
        json!({"ApiUrl": "https://host/Api?x"}), false, false;
        json!({"ApiUrl": "https://host/Api#x"}), false, false;
        json!({"HttpProxy": "host:3128"}), true, true;
        json!({"HttpProxy": "[::1]:3128"}), true, true;
        json!({"HttpProxy": "http://us%40er:p@host:3128/"}), true, true;
        json!({"HttpProxy": "https://host"}), false, false;
        json!({"HttpProxy": "socks5://host"}), false, false;
        json!({"HttpProxy": 3128}), false, false;
        json!({"TlsClientCertificate": "file:/c.pem"}), true, true;
        json!({"TlsClientCertificate": "thumbprint:00"}), false, false;
        json!({"Metadata": {"build": {"number": 7}}}), true, true;
        json!({"Metadata": "{}"}), false, false;
        json!({"Metadata": []}), false, false;
        json!({"SigningApi": "SignHash"}), true, true;
        json!({"SigningApi": "sign"}), false, false;
        json!({"PolicyCacheSeconds": 0}), true, true;
        json!({"PolicyCacheSeconds": -1}), false, false;
        json!({"HttpRequestTimeoutInSeconds": 1}), true, true;
        json!({"HttpRequestTimeoutInSeconds": 0}), false, false;
        json!({"HttpRequestTimeoutInSeconds": 1.5}), false, false;
        json!({"HttpRequestTimeoutInSeconds": 4_294_967_296_u64}), false, false;
        json!({"HttpRequestTimeoutInSeconds": true}), false, false;
        json!({"AllowInsecureHttp": true}), true, true;
        json!({"AllowInsecureHttp": "yes"}), false, false;
        json!({"AllowInsecureHttp": 1}), false, false;
        json!({"Cryptoki": {"LoginRequired": false}}), true, true;
        json!({"Cryptoki": false}), false, false;
        json!({"Log": {"File": {"Level": "none"}, "Console": {}}}), true, true;
        json!({"Log": {"File": {"Level": "loud"}}}), false, false;
        json!({"Tokens": [{"Label": "A"}, {"Label": "B", "ApiUrl": "https://b.example"}]}), true, true;
        json!({"Tokens": []}), false, false;
        json!({"Tokens": {"Label": "A"}}), false, false;
        json!({"Tokens": [{}]}), false, false;
        json!({"Tokens": [{"Label": ""}]}), false, false;
        json!({"Tokens": [{"Label": "A", "ApiToken": 1}]}), false, false;
        json!([]), false, false;
        // The code ignores unknown settings with a warning; the schema lets editors mark them.
        json!({"Cryptoki": {"Login": false}}), false, true;
        json!({"Log": {"Level": "info"}}), false, true;
        json!({"Log.File.Level": "info"}), false, true;
        json!({"apitoken": "t"}), false, true;
        json!({"Timeouts": {"RetryCount": 3}}), false, true;
        json!({"Timeouts": 3}), false, true;
        json!({"Tokens": [{"Label": "A", "TlsCaFile": "/ca.pem"}]}), false, false;
        json!({"Tokens": [{"Label": " A"}]}), false, false;
        json!({"Tokens": [{"Label": "A", "ApiUrl": ""}]}), false, false;
        // JSON Schema counts characters.
        json!({"Tokens": [{"Label": "ä".repeat(17)}]}), true, false;
        json!({"OfTheFuture": {"Some": [1]}}), false, true;
        // The code is lenient, like the official library; the schema wants the canonical form.
        json!({"AllowInsecureHttp": "True"}), false, true;
        json!({"PolicyCacheSeconds": "60"}), false, true;
        json!({"Log": {"File": {"Level": "Info"}}}), false, true;
        json!({"ProjectSlug": null}), false, true;
    } {
        assert_eq!(validator.is_valid(&document), by_schema, "{document}");
        assert_eq!(is_accepted(&document), by_code, "{document}");
    }
}

#[test]
fn the_page_lists_every_setting_with_its_variable_and_default() {
    for setting in SETTINGS {
        let begin = format!("| `{}`", setting.json);
        let row = PAGE.lines().find(|line| line.starts_with(&begin));
        let row = row.unwrap_or_else(|| panic!("{} is not in docs/configuration.md", setting.json));
        let cells: Vec<_> = row.split(" | ").collect();
        for (cell, names) in
            [(0, setting.paths().collect::<Vec<_>>()), (1, setting.variables().collect())]
        {
            for name in names {
                assert!(cells[cell].contains(&format!("`{name}`")), "{row}");
            }
        }
        let default = setting.default.map_or("none".to_owned(), |default| format!("`{default}`"));
        assert_eq!(cells[2], default, "{row}");
    }
}
