//! The HTML. All text from requests is escaped, and the Content-Security-Policy allows no inline script or style.

mod details;
mod faults;
mod policies;
mod requests;
mod try_it;

use std::time::SystemTime;

use super::history::Filter;
use super::{Page, chart};

pub(super) use details::{details, request_page};
pub(super) use faults::active_faults;
pub(super) use policies::policy_list;
pub(super) use requests::{requests, row};
pub(super) use try_it::try_it;

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
<section id="try" aria-labelledby="try-title"><h2 id="try-title">Try it</h2><div id="try-it">{try_it}</div></section>
</main>"##,
        url = text(&page.api.url),
        copy = copy("api-url", "Copy the API URL"),
        summary = summary(page),
        chart = chart::render(&page.history, SystemTime::now()),
        filter = requests::filter_form(page, filter),
        requests = requests(page, filter, before),
        active_faults = active_faults(page),
        fault_form = faults::form(page),
        policy_list = policy_list(page),
        policy_form = policies::form(page),
        try_it = try_it(page),
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

/// How lines are shown that are longer than the window.
#[derive(Clone, Copy)]
enum Lines {
    Kept,
    Wrapped,
}

/// Text with a title and a button that copies it.
fn block(id: &str, title: &str, lines: Lines, content: &str) -> String {
    format!(
        r#"<div class="block"><div class="block-title"><h3>{title}</h3>{copy}</div><pre id="{id}"{class} tabindex="0" role="region" aria-label="{title}">{content}</pre></div>"#,
        title = text(title),
        class = match lines {
            Lines::Kept => r#" class="lines""#,
            Lines::Wrapped => "",
        },
        copy = copy(id, &format!("Copy: {title}")),
        content = text(content),
    )
}
