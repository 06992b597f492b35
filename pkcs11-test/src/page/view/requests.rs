//! The table of requests, and its filter.

use super::super::Page;
use super::super::chart::duration;
use super::super::handlers::ROWS;
use super::super::history::{Exchange, Filter, Outcome, hex};
use super::details::digest_name;
use super::{option, percent_encoded, text};

pub(super) fn filter_form(page: &Page, filter: &Filter) -> String {
    let mut labels: Vec<String> =
        page.api.organization.policies().iter().map(|policy| policy.entry.label()).collect();
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
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

const COLUMNS: [&str; 8] =
    ["Time", "Tool", "User", "Signing policy", "Mechanism", "Digest", "Duration", "Outcome"];

/// The table of requests, newest first, with a link to older ones.
pub(in crate::page) fn requests(page: &Page, filter: &Filter, before: Option<u64>) -> String {
    // Before the table is read, so that the stream goes on without a gap.
    let (newest, _) = page.history.position();
    let end = before.unwrap_or(newest + 1);
    let shown = page.history.select(filter, 0, Some(end), ROWS + 1);
    let rows: String = shown.iter().take(ROWS).map(|exchange| row(page, exchange)).collect();
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
        follows = if before.is_none() { " data-follows" } else { "" },
    )
}

fn cell(column: usize, content: &str) -> String {
    let label = COLUMNS.get(column).copied().unwrap_or_default();
    format!(r#"<td role="cell" data-label="{label}">{content}</td>"#)
}

/// A row of the table.
pub(in crate::page) fn row(page: &Page, exchange: &Exchange) -> String {
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
    let cells: String =
        cells.iter().enumerate().map(|(column, content)| cell(column, content)).collect();
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
