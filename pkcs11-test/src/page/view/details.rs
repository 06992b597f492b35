//! One request: what was sent and answered, and how to verify the signature.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use x509_cert::der::Encode;

use super::super::Page;
use super::super::chart::duration;
use super::super::history::{Exchange, Signing, hex, status_text};
use super::{Lines, document, text};
use crate::keys::Scheme;
use crate::organization::SigningPolicy;
use crate::signing::ecdsa_sig_value;

/// A page for one request, for browsers without script.
pub(in crate::page) fn request_page(page: &Page, exchange: &Exchange, details: &str) -> String {
    let content = format!(
        r#"<header class="top"><div class="name"><h1>Request {number}</h1></div><nav aria-label="Sections"><a href="{back}">All requests</a></nav></header>
<main><section aria-label="Details">{details}</section></main>"#,
        number = exchange.number,
        back = text(&page.link("/")),
    );
    document(page, &format!("Request {}", exchange.number), &content)
}

fn fact(name: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    format!("<div><dt>{name}</dt><dd>{value}</dd></div>")
}

/// What was sent and answered, and how to verify the signature.
pub(in crate::page) fn details(page: &Page, exchange: &Exchange) -> String {
    let record = &exchange.record;
    let number = exchange.number;
    let code = |value: &str| format!("<code>{}</code>", text(value));
    let optional = |value: Option<&str>| value.map(text).unwrap_or_default();
    let mut facts = vec![
        fact("Request", &code(&record.route)),
        fact("Time", &text(&record.time)),
        fact(
            "Duration",
            &format!("{}, on connection {}", duration(record.duration_ms), record.connection),
        ),
        fact("Outcome", &text(&exchange.outcome_text())),
        fact("Command line", &exchange.command_line().map(code).unwrap_or_default()),
        fact("Run by", &optional(exchange.process_user())),
        fact("API token of", &optional(record.user.as_deref())),
        fact("User-Agent", &optional(record.user_agent.as_deref())),
        fact("Signing policy", &optional(exchange.policy().as_deref())),
        fact("Description", &optional(record.description.as_deref())),
    ];
    let mut blocks = String::new();
    if let Some(signing) = &exchange.signing {
        facts.push(fact(
            "Mechanism",
            &format!(
                "<code>{}</code>, or <code>{}</code> if the tool hashes; to SignPath <code>{}</code>",
                signing.mechanism(),
                signing.bare_mechanism(),
                text(&signing.spelled)
            ),
        ));
        blocks.push_str(&block(
            number,
            "digest",
            &format!("Digest, {}", digest_name(signing)),
            &hex(&signing.data.hash),
        ));
        if let Some(signature) = &signing.signature {
            let title = match record.status {
                Some(_) => format!("Signature, {} bytes", signature.len()),
                None => format!("Signature, {} bytes, made but not delivered", signature.len()),
            };
            blocks.push_str(&block(number, "signature", &title, &hex(signature)));
        }
        let policy = record
            .project
            .as_deref()
            .zip(record.policy.as_deref())
            .and_then(|(project, policy)| page.api.organization.policy(project, policy));
        if let Some(command) = policy.and_then(|policy| verification(signing, &policy)) {
            blocks.push_str(&block(number, "verify", "Verify with openssl", &command));
        }
    }
    let sent = readable(&exchange.sent);
    if !sent.is_empty() {
        blocks.push_str(&block(number, "sent", "Sent", &sent));
    }
    let answered = readable(&exchange.answered);
    let title = match record.status {
        Some(status) => format!("Answered: {}", status_text(status)),
        None => "Not delivered".to_owned(),
    };
    if !answered.is_empty() {
        blocks.push_str(&block(number, "answered", &title, &answered));
    }
    format!(
        r#"<div class="details"><dl>{}</dl><div class="blocks">{blocks}</div></div>"#,
        facts.concat()
    )
}

fn block(number: u64, name: &str, title: &str, content: &str) -> String {
    // Commands are shown line by line; anything else is wrapped.
    let lines = match name {
        "verify" => Lines::Kept,
        _ => Lines::Wrapped,
    };
    super::block(&format!("{name}-{number}"), title, lines, content)
}

/// Such as SHA-256.
pub(super) fn digest_name(signing: &Signing) -> String {
    let digest = signing.digest().unwrap_or_default().to_ascii_uppercase();
    match digest.strip_prefix("SHA") {
        Some(bits) => format!("SHA-{bits}"),
        None => digest,
    }
}

/// JSON with line breaks; anything else as it is.
fn readable(body: &str) -> String {
    match serde_json::from_str::<Value>(body) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        Err(_) => body.trim_end().replace('\r', ""),
    }
}

/// A command that verifies a signature with nothing but openssl.
fn verification(signing: &Signing, policy: &SigningPolicy) -> Option<String> {
    let signature = signing.signature.as_deref()?;
    let hash = &signing.data.hash;
    let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let (signature, options) = match signing.data.scheme {
        Scheme::RsaPkcs1(_) => {
            (signature.to_vec(), format!(" -pkeyopt digest:{}", signing.digest()?))
        }
        Scheme::RsaPss(_) => (
            signature.to_vec(),
            format!(
                " \\\n    -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest -pkeyopt digest:{}",
                signing.digest()?
            ),
        ),
        // openssl expects a DER sequence.
        Scheme::Ecdsa if signing.data.asn1 => (signature.to_vec(), String::new()),
        Scheme::Ecdsa => (ecdsa_sig_value(signature).ok()?, String::new()),
    };
    let key = policy.key.public_key().to_der().ok()?;
    Some(format!(
        "printf %s {} | base64 -d >digest\nprintf %s {} | base64 -d >signature\nprintf %s {} | base64 -d >key.der\n\
         openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -in digest -sigfile signature{options}\n",
        encoded(hash),
        encoded(&signature),
        encoded(&key),
    ))
}
