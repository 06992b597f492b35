//! Which requests are answered at all.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Page;

static HEADERS: [(HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Without a referrer, browsers send `Origin: null` with forms.
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Checks Host, Origin and key, and adds the headers that keep other sites out.
pub(super) async fn check(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&page, &request) {
        Some(reason) => (StatusCode::FORBIDDEN, format!("{reason}\n")).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in &HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a request is refused.
fn refusal(page: &Page, request: &Request) -> Option<&'static str> {
    let Some(host) = header(request.headers(), HOST).filter(|host| is_own_host(page, host)) else {
        return Some(
            "The Host header is not an address of this page. Open the address that pkcs11-test printed.",
        );
    };
    let is_own_origin =
        |origin: &str| origin.strip_prefix("http://").is_some_and(|rest| rest == host);
    if request.headers().contains_key(ORIGIN)
        && !header(request.headers(), ORIGIN).is_some_and(is_own_origin)
    {
        return Some("Requests from other sites are refused.");
    }
    let has_key = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.strip_prefix("key="))
        .any(|key| is_equal(key, &page.key));
    (!has_key).then_some(
        "The key is missing or wrong. Open the address that pkcs11-test printed: it ends in `?key=` and a key that is new \
         at each start.",
    )
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// On loopback the address and `localhost`, with the port. Elsewhere any address, but no name, since another site could
/// make its name lead here.
fn is_own_host(page: &Page, host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, "80"),
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if !page.listening.ip().is_loopback() {
        return address.is_ok() || name == "localhost";
    }
    port == page.listening.port().to_string()
        && (name == "localhost" || address.is_ok_and(|address| address == page.listening.ip()))
}

/// Takes as long for any key.
fn is_equal(given: &str, key: &str) -> bool {
    given.len() == key.len()
        && given.bytes().zip(key.bytes()).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}
