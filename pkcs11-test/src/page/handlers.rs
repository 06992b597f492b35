//! The routes of the page.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::{self, Wish};
use super::history::{Filter, Outcome};
use super::{Fields, Page, guard, policies, stream, view};

/// How many requests a table shows.
pub(super) const ROWS: usize = 100;

pub(super) fn router(page: Arc<Page>) -> Router {
    let asset = |content_type: &'static str, content: &'static str| {
        get(move || async move { ([(CONTENT_TYPE, content_type)], content) })
    };
    Router::new()
        .route("/", get(index))
        .route("/requests", get(rows))
        .route("/requests.jsonl", get(export))
        .route("/requests/clear", post(clear))
        .route("/requests/{number}", get(request))
        .route("/events", get(stream::events))
        .route("/policies", post(add_policy))
        .route("/policies/remove", post(remove_policy))
        .route("/policies/{project}/{policy}/{file}", get(download))
        .route("/faults", get(active_faults).post(change_faults).delete(heal))
        .route("/style.css", asset("text/css; charset=utf-8", include_str!("style.css")))
        .route("/script.js", asset("text/javascript; charset=utf-8", include_str!("script.js")))
        .route("/icon.svg", asset("image/svg+xml", include_str!("icon.svg")))
        .layer(from_fn_with_state(Arc::clone(&page), guard::check))
        .with_state(page)
}

/// Which requests to show, as in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Selection {
    policy: String,
    outcome: String,
    pub before: Option<u64>,
    pub after: Option<u64>,
}

impl Selection {
    pub fn filter(&self) -> Filter {
        Filter {
            policy: Some(self.policy.clone()).filter(|policy| !policy.is_empty()),
            outcome: [Outcome::Signed, Outcome::Failed, Outcome::Other]
                .into_iter()
                .find(|outcome| outcome.name() == self.outcome),
        }
    }
}

async fn index(State(page): State<Arc<Page>>, Query(selection): Query<Selection>) -> Html<String> {
    Html(view::index(&page, &selection.filter(), selection.before, None))
}

/// The table alone, for the script.
async fn rows(State(page): State<Arc<Page>>, Query(selection): Query<Selection>) -> Html<String> {
    Html(view::requests(&page, &selection.filter(), selection.before))
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    part: bool,
}

async fn request(
    State(page): State<Arc<Page>>,
    Path(number): Path<u64>,
    Query(form): Query<Form>,
) -> Result<Html<String>, (StatusCode, &'static str)> {
    let exchange = page.history.get(number).ok_or((
        StatusCode::NOT_FOUND,
        "This request is no longer kept; the request log has it.\n",
    ))?;
    let details = view::details(&page, &exchange);
    Ok(Html(if form.part { details } else { view::request_page(&page, &exchange, &details) }))
}

/// The requests that are kept, oldest first, one JSON object per line.
async fn export(State(page): State<Arc<Page>>, Query(selection): Query<Selection>) -> Response {
    let lines: String = page
        .history
        .select(&selection.filter(), 0, None, usize::MAX)
        .iter()
        .rev()
        .map(|exchange| format!("{}\n", exchange.json()))
        .collect();
    let headers = [
        (CONTENT_TYPE, "application/jsonl; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"requests.jsonl\""),
    ];
    (headers, lines).into_response()
}

async fn clear(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    page.history.clear();
    done(&page, &headers, "requests", json!({}))
}

async fn active_faults(State(page): State<Arc<Page>>) -> Json<Value> {
    Json(faults::json(&page.faults.active()))
}

async fn change_faults(
    State(page): State<Arc<Page>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let wish = match Fields::read(request).await {
        Ok(fields) => Wish::of(&fields),
        Err(error) => Err(error),
    };
    let changed = match wish {
        Ok(Wish::Heal) => {
            page.faults.clear();
            Ok(())
        }
        Ok(Wish::Inject(fault)) => page.faults.push(fault).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    page.history.touch();
    match changed {
        Ok(()) => done(&page, &headers, "faults", faults::json(&page.faults.active())),
        Err(error) => refused(&page, &headers, &error),
    }
}

async fn heal(State(page): State<Arc<Page>>) -> Json<Value> {
    page.faults.clear();
    page.history.touch();
    Json(faults::json(&[]))
}

async fn add_policy(
    State(page): State<Arc<Page>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let added = match Fields::read(request).await {
        Ok(fields) => policies::add(&page, &fields).await,
        Err(error) => Err(error),
    };
    page.history.touch();
    match added {
        Ok(label) => done(&page, &headers, "policies", json!({ "added": label })),
        Err(error) => refused(&page, &headers, &error),
    }
}

async fn remove_policy(
    State(page): State<Arc<Page>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let removed = match Fields::read(request).await {
        Ok(fields) => policies::remove(&page, &fields),
        Err(error) => Err(error),
    };
    page.history.touch();
    match removed {
        Ok(label) => done(&page, &headers, "policies", json!({ "removed": label })),
        Err(error) => refused(&page, &headers, &error),
    }
}

async fn download(
    State(page): State<Arc<Page>>,
    Path((project, policy, file)): Path<(String, String, String)>,
) -> Result<Response, (StatusCode, &'static str)> {
    let missing = (StatusCode::NOT_FOUND, "There is no such file.\n");
    let found = page.api.organization.policy(&project, &policy).ok_or(missing)?;
    let content = policies::file(&found, &file).ok_or(missing)?;
    let name = format!("attachment; filename=\"{project}-{policy}-{file}\"");
    let content_type = match file.ends_with(".asc") {
        true => "application/pgp-keys",
        false => "application/x-pem-file",
    };
    let headers = [(CONTENT_TYPE, content_type.to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, content).into_response())
}

/// Browsers without script go back to the page; everyone else gets JSON.
fn done(page: &Page, headers: &HeaderMap, section: &str, answer: Value) -> Response {
    if wants_page(headers) {
        let location = format!("{}#{section}", page.link("/"));
        (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
    } else {
        Json(answer).into_response()
    }
}

fn refused(page: &Page, headers: &HeaderMap, error: &str) -> Response {
    let status = StatusCode::BAD_REQUEST;
    if wants_page(headers) {
        let index = view::index(page, &Filter::default(), None, Some(error));
        (status, Html(index)).into_response()
    } else {
        (status, Json(json!({ "error": error }))).into_response()
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"))
}
