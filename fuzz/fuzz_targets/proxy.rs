//! A proxy, the URL of an API, and no_proxy, in three lines, or a proxy's response to CONNECT.

#![no_main]

use signpath_client::{
    NoProxy, Proxy, base_url, connect_request, connect_response, is_unencrypted,
};
use signpath_fuzz::first_line;

signpath_fuzz::target!(check);

fn check(data: &[u8]) {
    if let Some(Ok(response)) = connect_response(data) {
        let schemes = response.unsupported_schemes.unwrap_or_default();
        let is_shown = |c: char| c.is_ascii_alphanumeric() || "-, ".contains(c);
        assert!(schemes.chars().all(is_shown), "{schemes:?}");
    }
    let text = String::from_utf8_lossy(data);
    let (proxy, rest) = first_line(&text);
    let (url, list) = first_line(rest);
    let url = base_url(url);
    let (no_proxy, invalid) = NoProxy::parse(list);
    assert!(invalid.iter().all(|entry| list.contains(entry)));
    if let Some(url) = &url {
        let _ = (is_unencrypted(url), no_proxy.exempts(url));
    }
    let (Some(proxy), Some(url)) = (Proxy::parse(proxy), url) else {
        return;
    };
    // Nothing in a setting can add a line to the request.
    let request = connect_request(&proxy, &url);
    let request = str::from_utf8(&request).expect("ASCII");
    let lines: Vec<_> = request.split("\r\n").collect();
    let credentials = usize::from(proxy.credentials.is_some());
    assert_eq!(lines.len(), 5 + credentials, "{request:?}");
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])));
    assert!(request.is_ascii(), "{request:?}");
    if let Some((_, password)) = &proxy.credentials {
        let masked = proxy.masked();
        let password = password.expose();
        assert!(
            password.len() < 8
                || proxy.to_string().contains(password)
                || !masked.contains(password),
            "{masked}"
        );
    }
}
