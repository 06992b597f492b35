//! The signing policies, and the form that adds one.

use std::sync::Arc;

use super::super::Page;
use super::super::history::hex;
use super::super::policies::{self, CERTIFICATES, FILES, expiry};
use super::{copy, option, percent_encoded, text};
use crate::keys::KeyKind;
use crate::organization::SigningPolicy;
use crate::policies::CertificateKind;

pub(in crate::page) fn policy_list(page: &Page) -> String {
    let cards: String = page
        .api
        .organization
        .policies()
        .iter()
        .enumerate()
        .map(|(index, policy)| policy_card(page, index, policy))
        .collect();
    format!(r#"<ul class="policies">{cards}</ul>"#)
}

fn policy_card(page: &Page, index: usize, policy: &Arc<SigningPolicy>) -> String {
    let label = policy.entry.label();
    let uri = format!("pkcs11:object={};type=private", percent_encoded(&label));
    let file = |name: &str| text(&page.link(&format!("/policies/{label}/{name}")));
    let certificate = match policy.entry.certificate {
        CertificateKind::X509 => "Code signing certificate".to_owned(),
        CertificateKind::Email => "E-mail certificate".to_owned(),
        CertificateKind::Garbage => "Invalid certificate".to_owned(),
        CertificateKind::None => "Type GPG: OpenPGP key, no certificate".to_owned(),
    };
    let expiry = expiry(policy).map(|day| format!(" until <time>{day}</time>")).unwrap_or_default();
    let approval = if policy.entry.approval {
        r#" <span class="tag">approval: refuses to sign</span>"#
    } else {
        ""
    };
    let downloads: String = FILES
        .iter()
        .filter(|(name, _)| policies::file(policy, name).is_some())
        .map(|(name, words)| {
            format!(
                r#"<a href="{}" download>{words}<span class="quiet"> of {label}</span></a>"#,
                file(name),
                label = text(&label)
            )
        })
        .collect();
    let code = |id: &str, name: &str, value: &str| {
        let id = format!("{id}-{index}");
        format!(
            r#"<div><dt>{name}</dt><dd><code id="{id}">{}</code>{}</dd></div>"#,
            text(value),
            copy(&id, &format!("Copy the {name} of {label}"))
        )
    };
    format!(
        r#"<li><h3>{name}</h3><p class="key"><strong>{key}</strong>{approval}<br>{certificate}{expiry}</p>
<dl>{uri}{id}</dl><div class="links">{downloads}<form method="post" action="{remove}" data-send><input type="hidden" name="project" value="{project}"><input type="hidden" name="policy" value="{policy}"><button type="submit" class="link">Remove<span class="quiet"> {name}</span></button></form></div></li>"#,
        name = text(&label),
        key = key_words(policy.entry.key),
        uri = code("uri", "URI", &uri),
        id = code("id", "ID", &hex(label.as_bytes())),
        remove = text(&page.link("/policies/remove")),
        project = text(policy.entry.project.as_str()),
        policy = text(policy.entry.policy.as_str()),
    )
}

/// Such as RSA-2048 or P-256.
fn key_words(key: KeyKind) -> String {
    key.name().to_ascii_uppercase()
}

pub(super) fn form(page: &Page) -> String {
    let keys: String = KeyKind::ALL
        .iter()
        .map(|&key| option(key.name(), &key_words(key), key == KeyKind::P256))
        .collect();
    let certificates: String =
        CERTIFICATES.iter().map(|(name, words)| option(name, words, *name == "X509")).collect();
    format!(
        r#"<details class="add"><summary>Add a signing policy</summary><form method="post" action="{action}" data-send><div class="fields">
<label><span>Project</span><input name="project" required value="demo" pattern="[A-Za-z0-9_\-][A-Za-z0-9_.\-]*" autocomplete="off"></label>
<label><span>Signing policy</span><input name="policy" required placeholder="release" pattern="[A-Za-z0-9_\-][A-Za-z0-9_.\-]*" autocomplete="off"></label>
<label><span>Key</span><select name="key">{keys}</select></label>
<label><span>Type</span><select name="certificate">{certificates}</select></label>
<label class="choice"><input type="checkbox" name="approval" value="true"><span>Needs approval, so hash signing is refused</span></label></div>
<button type="submit" class="primary">Add</button><p class="form-error" role="alert"></p></form></details>"#,
        action = text(&page.link("/policies")),
    )
}
