//! The HTML. All text from requests is escaped, and the Content-Security-Policy allows no inline script or style.

use std::sync::Arc;
use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use x509_cert::der::Encode;

use super::chart::{self, duration};
use super::faults::{DEFAULT_SECONDS, KINDS};
use super::handlers::ROWS;
use super::history::{Exchange, Filter, Outcome, Signing, hex, status_text};
use super::{Page, faults, policies, try_it};
use crate::keys::{KeyKind, Scheme};
use crate::organization::SigningPolicy;
use crate::policies::CertificateKind;
use crate::signing::ecdsa_sig_value;

/// Text as HTML, also within a quoted attribute.
fn text(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // A form feed, or a character that reorders text, would show something else than was sent.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                html.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            '\n' | '\t' => html.push(character),
            other if other.is_control() => html.push_str(&format!("\\x{:02x}", u32::from(other))),
            other => html.push(other),
        }
    }
    html
}

/// A whole page around its content.
fn document(page: &Page, title: &str, content: &str) -> String {
    let style = text(&page.link("/style.css"));
    let script = text(&page.link("/script.js"));
    let icon = text(&page.link("/icon.svg"));
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" type="image/svg+xml" href="{icon}">
<link rel="stylesheet" href="{style}">
<script src="{script}" defer></script>
</head>
<body data-key="{key}">
{content}
<p id="said" class="said" role="status"></p>
</body>
</html>
"#,
        title = text(title),
        key = text(&page.key),
    )
}

/// The page. `error` says why a form was refused.
pub(super) fn index(
    page: &Page,
    filter: &Filter,
    before: Option<u64>,
    error: Option<&str>,
) -> String {
    let error = error.map_or_else(String::new, |error| {
        format!(r#"<p class="error" role="alert">{}</p>"#, text(error))
    });
    let content = format!(
        r##"<a class="skip" href="#requests">Skip to the signing requests</a>
<header class="top">
<div class="name"><h1>Local SignPath service</h1>
<p class="address"><code id="api-url">{url}</code>{copy}</p></div>
<nav aria-label="Sections"><a href="#requests">Requests</a><a href="#policies">Signing policies</a><a href="#faults">Faults</a><a href="#try">Try it</a></nav>
</header>
<main>
{error}
<div class="board">
<div class="watch">
<section class="overview" aria-labelledby="overview-title"><h2 id="overview-title" class="quiet">Overview</h2>
<div id="summary" class="summary">{summary}</div>
<div id="chart">{chart}</div></section>
<section id="requests" aria-labelledby="requests-title">
<div class="bar"><h2 id="requests-title">Requests</h2>{filter}</div>
<div id="request-table">{requests}</div></section>
</div>
<section id="faults" class="faults" aria-labelledby="faults-title"><h2 id="faults-title">Faults</h2>
<div id="active-faults">{active_faults}</div>{fault_form}</section>
</div>
<section id="policies" aria-labelledby="policies-title"><h2 id="policies-title">Signing policies</h2>
<div id="policy-list">{policy_list}</div>{policy_form}</section>
<section id="try" aria-labelledby="try-title"><h2 id="try-title">Try it</h2>{try_it}</section>
</main>"##,
        url = text(&page.api.url),
        copy = copy("api-url", "Copy the API URL"),
        summary = summary(page),
        chart = chart::render(&page.history, SystemTime::now()),
        filter = filter_form(page, filter),
        requests = requests(page, filter, before),
        active_faults = active_faults(page),
        fault_form = fault_form(page),
        policy_list = policy_list(page),
        policy_form = policy_form(page),
        try_it = try_it_section(page),
    );
    document(page, "Local SignPath service", &content)
}

/// A button that copies the text of an element. The script shows it.
fn copy(element: &str, label: &str) -> String {
    format!(
        r#"<button type="button" class="copy" data-copy="{element}" hidden><span aria-hidden="true">Copy</span><span class="quiet">{}</span></button>"#,
        text(label)
    )
}

pub(super) fn summary(page: &Page) -> String {
    let totals = page.history.totals();
    let active = page.faults.active().len();
    let health = match active {
        0 => r##"<p class="health"><i class="dot"></i>Healthy</p>"##.to_owned(),
        1 => {
            r##"<p class="health ill"><i class="dot"></i><a href="#faults">1 fault is on</a></p>"##
                .to_owned()
        }
        _ => format!(
            r##"<p class="health ill"><i class="dot"></i><a href="#faults">{active} faults are on</a></p>"##
        ),
    };
    format!(
        r#"<p class="figure"><strong>{}</strong> signed</p><p class="figure{}"><strong>{}</strong> failed</p>{health}"#,
        grouped(totals.signed),
        if totals.failed > 0 { " bad" } else { "" },
        grouped(totals.failed),
    )
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

fn option(value: &str, words: &str, selected: bool) -> String {
    format!(
        r#"<option value="{}"{}>{}</option>"#,
        text(value),
        if selected { " selected" } else { "" },
        text(words)
    )
}

fn filter_form(page: &Page, filter: &Filter) -> String {
    let mut labels: Vec<String> = page
        .api
        .organization
        .policies()
        .iter()
        .map(|policy| policy.entry.label())
        .collect();
    // A policy may have been removed since.
    if let Some(policy) = &filter.policy {
        if !labels.contains(policy) {
            labels.push(policy.clone());
        }
    }
    let policies: String = labels
        .iter()
        .map(|label| option(label, label, filter.policy.as_ref() == Some(label)))
        .collect();
    let outcomes: String = [
        (Outcome::Signed, "Signed"),
        (Outcome::Failed, "Failed"),
        (Outcome::Other, "Lists and certificates"),
    ]
    .into_iter()
    .map(|(outcome, words)| option(outcome.name(), words, filter.outcome == Some(outcome)))
    .collect();
    format!(
        r#"<form id="filter" class="tools" method="get" action="/"><input type="hidden" name="key" value="{key}">
<label><span>Signing policy</span><select name="policy"><option value="">all</option>{policies}</select></label>
<label><span>Outcome</span><select name="outcome"><option value="">all</option>{outcomes}</select></label>
<button type="submit" class="without-script">Filter</button>
<button type="button" id="pause" aria-pressed="false" hidden>Pause</button>
<a class="button" id="export" href="{export}" download="requests.jsonl">Export</a>
<button type="submit" formmethod="post" formaction="{clear}" data-send>Clear</button></form>"#,
        key = text(&page.key),
        export = text(&page.link(&query("/requests.jsonl", filter, None))),
        clear = text(&page.link("/requests/clear")),
    )
}

/// A path with a filter.
fn query(path: &str, filter: &Filter, before: Option<u64>) -> String {
    let mut parts = Vec::new();
    if let Some(policy) = &filter.policy {
        parts.push(format!("policy={}", percent_encoded(policy)));
    }
    if let Some(outcome) = filter.outcome {
        parts.push(format!("outcome={}", outcome.name()));
    }
    if let Some(before) = before {
        parts.push(format!("before={before}"));
    }
    if parts.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", parts.join("&"))
    }
}

/// For a URI: RFC 3986, section 2.1.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

const COLUMNS: [&str; 8] = [
    "Time",
    "Tool",
    "User",
    "Signing policy",
    "Mechanism",
    "Digest",
    "Duration",
    "Outcome",
];

/// The table of requests, newest first, with a link to older ones.
pub(super) fn requests(page: &Page, filter: &Filter, before: Option<u64>) -> String {
    // Before the table is read, so that the stream goes on without a gap.
    let (newest, _) = page.history.position();
    let end = before.unwrap_or(newest + 1);
    let shown = page.history.select(filter, 0, Some(end), ROWS + 1);
    let rows: String = shown
        .iter()
        .take(ROWS)
        .map(|exchange| row(page, exchange))
        .collect();
    let head: String = COLUMNS
        .iter()
        .map(|column| format!(r#"<th scope="col" role="columnheader">{column}</th>"#))
        .collect();
    let mut pager = String::new();
    if before.is_some() {
        pager.push_str(&format!(
            r#"<a class="button" href="{}">Newest</a>"#,
            text(&page.link(&query("/", filter, None)))
        ));
    }
    if let Some(last) = shown.get(ROWS - 1).filter(|_| shown.len() > ROWS) {
        pager.push_str(&format!(
            r#"<a class="button" rel="next" href="{}">Older</a>"#,
            text(&page.link(&query("/", filter, Some(last.number))))
        ));
    }
    let empty = if before.is_none() && filter.policy.is_none() && filter.outcome.is_none() {
        r##"<strong>No requests yet.</strong> Sign something: <a href="#try">Try it</a> has the commands."##
    } else {
        "No request fits the filter."
    };
    format!(
        r#"<table role="table" class="requests" data-newest="{newest}" data-limit="{ROWS}"{follows}><caption class="quiet">Requests to the service, newest first</caption>
<thead role="rowgroup"><tr role="row">{head}</tr></thead><tbody role="rowgroup" id="rows">{rows}</tbody></table>
<p class="empty">{empty}</p><p class="pager">{pager}</p>"#,
        follows = if before.is_none() {
            " data-follows"
        } else {
            ""
        },
    )
}

fn cell(column: usize, content: &str) -> String {
    let label = COLUMNS.get(column).copied().unwrap_or_default();
    format!(r#"<td role="cell" data-label="{label}">{content}</td>"#)
}

/// A row of the table.
pub(super) fn row(page: &Page, exchange: &Exchange) -> String {
    let record = &exchange.record;
    let link = text(&page.link(&format!("/requests/{}", exchange.number)));
    let time = record.time.get(11..19).unwrap_or(&record.time);
    let fraction = record.time.get(19..23).unwrap_or_default();
    let tool = match (exchange.tool(), exchange.command_line()) {
        (Some(tool), Some(command)) => format!(
            r#"<span class="tool">{}</span><span class="sub command">{}</span>"#,
            text(tool),
            text(command)
        ),
        _ => format!(
            r#"<span class="tool">{}</span><span class="sub command">{}</span>"#,
            text(record.user_agent.as_deref().unwrap_or("unknown")),
            text(&record.route)
        ),
    };
    let user = format!(
        r#"{}<span class="sub">{}</span>"#,
        text(record.user.as_deref().unwrap_or("none")),
        text(exchange.process_user().unwrap_or_default())
    );
    let (mechanism, digest) = match &exchange.signing {
        Some(signing) => {
            let hash = hex(&signing.data.hash);
            (
                format!(
                    r#"<code>{}</code><span class="sub">{}</span>"#,
                    text(&signing.mechanism()),
                    text(&signing.spelled)
                ),
                format!(
                    r#"<code>{}…</code><span class="sub">{}</span>"#,
                    hash.get(..8).unwrap_or(&hash),
                    digest_name(signing)
                ),
            )
        }
        None => (String::new(), String::new()),
    };
    let outcome = exchange.outcome();
    let sign = match outcome {
        Outcome::Signed => "✓",
        Outcome::Failed => "✕",
        Outcome::Other => "·",
    };
    let cells = [
        format!(
            r#"<a class="open" href="{link}" data-number="{number}"><time datetime="{full}">{time}<span class="sub">{fraction}</span></time><span class="quiet"> UTC, details of request {number}</span></a>"#,
            number = exchange.number,
            full = text(&record.time),
            time = text(time),
            fraction = text(fraction),
        ),
        tool,
        user,
        text(&exchange.policy().unwrap_or_default()),
        mechanism,
        digest,
        duration(record.duration_ms),
        format!(
            r#"<span class="outcome"><span aria-hidden="true">{sign}</span> {}</span>"#,
            outcome_words(exchange)
        ),
    ];
    let cells: String = cells
        .iter()
        .enumerate()
        .map(|(column, content)| cell(column, content))
        .collect();
    format!(
        r#"<tr role="row" id="request-{}" class="{}">{cells}</tr>"#,
        exchange.number,
        outcome.name()
    )
}

/// The outcome, with the reason of a status below it.
fn outcome_words(exchange: &Exchange) -> String {
    let words = exchange.outcome_text();
    match words.split_once(' ') {
        Some((status, reason)) if status.parse::<u16>().is_ok() => {
            format!(r#"{status} <span class="sub">{}</span>"#, text(reason))
        }
        _ => text(&words),
    }
}

/// Such as SHA-256.
fn digest_name(signing: &Signing) -> String {
    let digest = signing.digest().unwrap_or_default().to_ascii_uppercase();
    match digest.strip_prefix("SHA") {
        Some(bits) => format!("SHA-{bits}"),
        None => digest,
    }
}

/// A page for one request, for browsers without script.
pub(super) fn request_page(page: &Page, exchange: &Exchange, details: &str) -> String {
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
pub(super) fn details(page: &Page, exchange: &Exchange) -> String {
    let record = &exchange.record;
    let number = exchange.number;
    let code = |value: &str| format!("<code>{}</code>", text(value));
    let optional = |value: Option<&str>| value.map(text).unwrap_or_default();
    let mut facts = vec![
        fact("Request", &code(&record.route)),
        fact("Time", &text(&record.time)),
        fact(
            "Duration",
            &format!(
                "{}, on connection {}",
                duration(record.duration_ms),
                record.connection
            ),
        ),
        fact("Outcome", &text(&exchange.outcome_text())),
        fact(
            "Command line",
            &exchange.command_line().map(code).unwrap_or_default(),
        ),
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
                None => format!(
                    "Signature, {} bytes, made but not delivered",
                    signature.len()
                ),
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

/// Commands are shown line by line; anything else is wrapped.
const LINES: &str = r#" class="lines""#;

fn block(number: u64, name: &str, title: &str, content: &str) -> String {
    let id = format!("{name}-{number}");
    format!(
        r#"<div class="block"><div class="block-title"><h3>{title}</h3>{copy}</div><pre id="{id}"{lines} tabindex="0" role="region" aria-label="{title}">{content}</pre></div>"#,
        title = text(title),
        lines = if name == "verify" { LINES } else { "" },
        copy = copy(&id, &format!("Copy: {title}")),
        content = text(content),
    )
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
        Scheme::RsaPkcs1(_) => (
            signature.to_vec(),
            format!(" -pkeyopt digest:{}", signing.digest()?),
        ),
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

pub(super) fn active_faults(page: &Page) -> String {
    let active = page.faults.active();
    if active.is_empty() {
        return r#"<p class="calm">None. The service answers as SignPath does.</p>"#.to_owned();
    }
    let list: String = active
        .iter()
        .map(|fault| {
            let (what, which) = faults::words(fault);
            format!(
                r#"<li><strong>{}</strong><span>{}</span></li>"#,
                text(&what),
                text(&which)
            )
        })
        .collect();
    format!(
        r#"<ul class="active">{list}</ul><form method="post" action="{}" data-send><input type="hidden" name="fault" value="heal"><button type="submit" class="heal">Heal</button></form>"#,
        text(&page.link("/faults"))
    )
}

fn fault_form(page: &Page) -> String {
    let kinds: String = KINDS
        .iter()
        .enumerate()
        .map(|(index, kind)| {
            let seconds = kind.seconds.map_or_else(String::new, |what| {
                format!(r#" <small>({what}: seconds)</small>"#)
            });
            format!(
                r#"<label class="choice"><input type="radio" name="fault" value="{}"{}><span>{}{seconds}</span></label>"#,
                kind.name,
                if index == 1 { " checked" } else { "" },
                text(kind.words)
            )
        })
        .collect();
    format!(
        r#"<form method="post" action="{action}" class="fault-form" data-send><fieldset><legend>Switch on</legend>{kinds}</fieldset>
<div class="fields"><label><span>Next requests</span><input name="times" type="number" min="1" max="1000000" placeholder="until healed" inputmode="numeric"></label>
<label><span>Seconds</span><input name="seconds" type="number" min="0" max="86400" value="{DEFAULT_SECONDS}" inputmode="numeric"></label></div>
<button type="submit" class="primary">Switch on</button><p class="form-error" role="alert"></p></form>"#,
        action = text(&page.link("/faults")),
    )
}

pub(super) fn policy_list(page: &Page) -> String {
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
        _ => "No certificate".to_owned(),
    };
    let expiry = policies::expiry(policy)
        .map(|day| format!(" until <time>{day}</time>"))
        .unwrap_or_default();
    let approval = if policy.entry.approval {
        r#" <span class="tag">approval: refuses to sign</span>"#
    } else {
        ""
    };
    let mut downloads = String::new();
    if policy.certificate.is_some() {
        downloads.push_str(&format!(
            r#"<a href="{}" download>Certificate<span class="quiet"> of {label}</span></a>"#,
            file("certificate.pem"),
            label = text(&label)
        ));
    }
    downloads.push_str(&format!(
        r#"<a href="{}" download>Public key<span class="quiet"> of {label}</span></a>"#,
        file("public-key.pem"),
        label = text(&label)
    ));
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

fn policy_form(page: &Page) -> String {
    let keys: String = KeyKind::ALL
        .iter()
        .map(|&key| option(key.name(), &key_words(key), key == KeyKind::P256))
        .collect();
    let certificates: String = policies::CERTIFICATES
        .iter()
        .map(|(name, words)| option(name, words, *name == "X509"))
        .collect();
    format!(
        r#"<details class="add"><summary>Add a signing policy</summary><form method="post" action="{action}" data-send><div class="fields">
<label><span>Project</span><input name="project" required value="demo" pattern="[A-Za-z0-9_\-][A-Za-z0-9_.\-]*" autocomplete="off"></label>
<label><span>Signing policy</span><input name="policy" required placeholder="release" pattern="[A-Za-z0-9_\-][A-Za-z0-9_.\-]*" autocomplete="off"></label>
<label><span>Key</span><select name="key">{keys}</select></label>
<label><span>Certificate</span><select name="certificate">{certificates}</select></label>
<label class="choice"><input type="checkbox" name="approval" value="true"><span>Needs approval, so hash signing is refused</span></label></div>
<button type="submit" class="primary">Add</button><p class="form-error" role="alert"></p></form></details>"#,
        action = text(&page.link("/policies")),
    )
}

fn try_it_section(page: &Page) -> String {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let mut first = format!(
        "export SIGNPATH_API_URL={}\nexport SIGNPATH_ORGANIZATION_ID={}\nexport SIGNPATH_API_TOKEN={}\n",
        quoted(&page.api.url),
        quoted(&page.api.organization.id.to_string()),
        quoted(&format!("file:{}", page.token_file.display())),
    );
    if let Some(file) = &page.tls_ca_file {
        first.push_str(&format!(
            "export SIGNPATH_TLS_CA_FILE={}\n",
            quoted(&file.display().to_string())
        ));
    }
    if let Some(folder) = try_it::command_folder() {
        first.push_str(&format!("export PATH={}:$PATH\n", quoted(&folder)));
    }
    first.push_str(&format!(
        "cd \"$(mktemp -d)\"\necho 'Hello, SignPath' >file\ncp {} ca.pem\n",
        quoted(&page.state.path("code-signing-ca.pem").display().to_string())
    ));
    let policies = page.api.organization.policies();
    let Some(policy) = try_it::policy(&policies) else {
        return "<p>The commands need a signing policy with an RSA key and a certificate.</p>"
            .to_owned();
    };
    let label = policy.entry.label();
    let command = |id: &str, title: &str, content: &str| {
        format!(
            r#"<div class="block"><div class="block-title"><h3>{title}</h3>{copy}</div><pre id="{id}"{LINES} tabindex="0" role="region" aria-label="{title}">{content}</pre></div>"#,
            copy = copy(id, &format!("Copy: {title}")),
            content = text(content),
        )
    };
    let tools: String = try_it::commands(&label, &try_it::module())
        .iter()
        .enumerate()
        .map(|(index, commands)| {
            let id = format!("commands-{index}");
            format!(
                r#"<details name="tool"{open}><summary>{tool} <small>docs/{page}</small></summary>{block}</details>"#,
                open = if index == 0 { " open" } else { "" },
                tool = commands.tool,
                page = commands.page,
                block = command(&id, &format!("Sign and verify with {}", commands.tool), &commands.text),
            )
        })
        .collect();
    format!(
        r#"<p>The commands of the documentation, which its tests run, for <strong>{label}</strong> of this service. Tools that sign programs and archives need an <code>app.exe</code> or <code>app.jar</code> of yours.</p>
<div class="try"><div>{first}</div><div class="tool-list">{tools}</div></div>"#,
        label = text(&label),
        first = command("commands-first", "First, in a shell", &first),
    )
}
