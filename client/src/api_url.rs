//! Which URLs an API can have, and which of them are on this machine.

use std::net::IpAddr;

use url::Url;

/// Parses the base URL of an API; [`None`] for anything else.
pub fn base_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(is_base_url)
}

/// Whether `url` can be the base URL of an API. Other parts would get lost or go astray: routes are
/// appended to the path, and a user and password would replace the API token.
pub(crate) fn is_base_url(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// Whether the API token would cross the network unencrypted to reach `url`.
pub fn is_unencrypted(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Whether `url` is on this machine: 127.0.0.0/8, also as IPv4-mapped IPv6 addresses, `[::1]`, and
/// `localhost` with its subdomains (RFC 6761, section 6.3).
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let host = host.strip_suffix('.').unwrap_or(host);
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}
