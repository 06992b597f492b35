//! The templates of `setup`: the path of the module and the name of the file in two lines, and then names of signing policies.
//! No value adds a line to a configuration.

#![no_main]

#[allow(dead_code, reason = "used by the command")]
#[path = "../../cli/src/failure.rs"]
mod failure;
#[allow(dead_code, reason = "used by the command")]
#[path = "../../cli/src/policy.rs"]
mod policy;
#[allow(dead_code, reason = "used by the command")]
#[path = "../../cli/src/program.rs"]
mod program;
#[allow(dead_code, reason = "used by the command")]
#[path = "../../cli/src/setup"]
mod setup {
    mod place;
    pub mod template;
}

use std::path::Path;

use serde_json::json;
use setup::template::{self, Template, Values};
use signpath_client::{PolicyName, Secret, SigningPolicy, fuzzing};
use signpath_config::token_info::{MAX_LABEL_LENGTH, TokenInfo};
use signpath_fuzz::first_line;
use signpath_platform::escape::is_harmful;

signpath_fuzz::target!(check);

const TEMPLATES: [Template; 9] = [
    template::ENGINE,
    template::PROVIDER,
    template::SUNPKCS11,
    template::OSSLSIGNCODE,
    template::GPG_AGENT,
    template::GNUPG_PKCS11_SCD,
    template::GPG_KEY,
    template::P11_KIT,
    template::NSS,
];

fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (module, rest) = first_line(&text);
    let (file, names) = first_line(rest);
    let names = names.split('\n').take(5).filter_map(|name| name.parse().ok());
    let mut names: Vec<PolicyName> = names.collect();
    names.sort_by_key(ToString::to_string);
    names.dedup();
    let named = names.first();
    let token = token(file);
    for policies in [policies(&names), Vec::new()] {
        let usual: Vec<_> =
            (0..policies.len()).filter_map(|number| format!("p/{number}").parse().ok()).collect();
        let usual = values(self::policies(&usual), usual.first());
        let Ok(values) = Values::new(Path::new(module), &token, policies, named) else {
            continue;
        };
        for template in &TEMPLATES {
            let Ok(Some(filled)) = values.fill(template, file) else {
                continue;
            };
            let usual = usual.fill(template, "file").ok().flatten();
            let usual = usual.expect("usual values fit everywhere");
            assert_same_lines(&filled, &usual);
        }
    }
}

/// A token that has the name of the file for its label, if that is one that the configuration accepts.
fn token(file: &str) -> TokenInfo {
    let usual = TokenInfo::default();
    let end = (0..=MAX_LABEL_LENGTH.min(file.len())).rev().find(|end| file.is_char_boundary(*end));
    let label = file.get(..end.unwrap_or_default()).unwrap_or_default().trim();
    match label.is_empty() || label.chars().any(is_harmful) {
        true => usual,
        false => TokenInfo { label: label.to_owned(), ..usual },
    }
}

/// Checks that every line is of the same kind as the one with usual values.
fn assert_same_lines(filled: &str, usual: &str) {
    let (filled, usual): (Vec<_>, Vec<_>) = (filled.lines().collect(), usual.lines().collect());
    assert_eq!(filled.len(), usual.len(), "{filled:#?}");
    for (line, usual) in filled.iter().zip(&usual) {
        assert!(!line.chars().any(char::is_control), "{line}");
        let is_comment = |line: &str| line.starts_with('#');
        assert_eq!(is_comment(line), is_comment(usual), "{line}");
    }
}

/// What makes no trouble anywhere.
fn values(policies: Vec<SigningPolicy>, named: Option<&PolicyName>) -> Values {
    match Values::new(Path::new("/lib/module.so"), &TokenInfo::default(), policies, named) {
        Ok(values) => values,
        Err(_) => panic!("usual values were refused"),
    }
}

/// Signing policies with these names.
fn policies(names: &[PolicyName]) -> Vec<SigningPolicy> {
    let entry = |name: &PolicyName| {
        json!({
            "projectSlug": name.project_slug(),
            "signingPolicySlug": name.signing_policy_slug(),
            "keyType": "Rsa",
            "publicKeyBytes": KEY,
        })
    };
    let list: Vec<_> = names.iter().map(entry).collect();
    let list = json!({"signingPolicies": list}).to_string();
    let list = fuzzing::policies(list.as_bytes(), &Secret::new(String::new()));
    list.expect("a list").usable()
}

/// An RSA key, so that each template has one that it can use.
const KEY: &str = include_str!("../src/rsa-2048.txt");
