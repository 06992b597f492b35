//! Server-sent events: new requests, and the parts of the page that changed.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use tokio::time::{sleep, timeout};

use super::handlers::{ROWS, Selection};
use super::history::Filter;
use super::{Page, chart, view};

/// Changes within this time are sent together, so that a burst costs a browser ten updates per second at most.
const PAUSE: Duration = Duration::from_millis(100);
/// The chart moves on, and a browser that has gone is noticed.
const TICK: Duration = Duration::from_secs(5);

pub(super) async fn events(
    State(page): State<Arc<Page>>,
    Query(selection): Query<Selection>,
    headers: HeaderMap,
) -> Response {
    let resumed = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    let (newest, clearings) = page.history.position();
    let follower = Follower {
        after: resumed.or(selection.after).unwrap_or(newest),
        clearings,
        filter: selection.filter(),
        shown: Default::default(),
        page,
    };
    let (sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(follower.follow(sender));
    ([(CONTENT_TYPE, "text/event-stream")], Body::new(body)).into_response()
}

struct Follower {
    page: Arc<Page>,
    filter: Filter,
    /// The number of the last request that was sent.
    after: u64,
    clearings: u64,
    /// The parts as they were sent last.
    shown: [String; 5],
}

impl Follower {
    /// Until the browser disconnects.
    async fn follow(mut self, mut sender: Sender<Bytes, Infallible>) {
        let mut changes = self.page.history.changes();
        loop {
            let mut events = self.news();
            if events.is_empty() {
                events.push_str(":\n\n");
            }
            if sender.send_data(events.into()).await.is_err() {
                return;
            }
            sleep(PAUSE).await;
            // The history outlives the stream.
            let _ = timeout(TICK, changes.changed()).await;
        }
    }

    fn news(&mut self) -> String {
        let history = &self.page.history;
        let mut events = String::new();
        let (newest, clearings) = history.position();
        if clearings != self.clearings || newest < self.after {
            (self.clearings, self.after) = (clearings, newest);
            event(&mut events, "reset", "", newest);
        } else if newest > self.after {
            let news = history.select(&self.filter, self.after, Some(newest + 1), ROWS);
            if !news.is_empty() {
                let rows: String =
                    news.iter().map(|exchange| view::row(&self.page, exchange)).collect();
                event(&mut events, "rows", &rows, newest);
            }
            self.after = newest;
        }
        let parts = [
            ("summary", view::summary(&self.page)),
            ("chart", chart::render(history, SystemTime::now())),
            ("active-faults", view::active_faults(&self.page)),
            ("policy-list", view::policy_list(&self.page)),
            ("try-it", view::try_it(&self.page)),
        ];
        for ((name, part), shown) in parts.into_iter().zip(&mut self.shown) {
            if part != *shown {
                event(&mut events, name, &part, newest);
                *shown = part;
            }
        }
        events
    }
}

fn event(events: &mut String, name: &str, data: &str, id: u64) {
    // Writing to a String does not fail.
    let _ = writeln!(events, "event: {name}\nid: {id}");
    // Without a line of data browsers drop the event.
    for line in data.split(['\n', '\r']) {
        let _ = writeln!(events, "data: {line}");
    }
    events.push('\n');
}
