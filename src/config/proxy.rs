//! The HTTP proxy, and for which URLs it is used.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

use crate::secret::{MASK, Secret};

/// An HTTP proxy.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Where it listens, without credentials.
    pub url: Url,
    /// User and password, percent-decoded.
    pub credentials: Option<(String, Secret)>,
}

impl Proxy {
    /// Reads `host:port` or `http://[user:password@]host:port`.
    ///
    /// [`None`] for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let mut url = Url::parse(&with_scheme).ok()?;
        // What is more than that may be a secret that went astray.
        let is_origin = url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if url.scheme() != "http" || !is_origin {
            return None;
        }
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let credentials = (!url.username().is_empty()).then(|| {
            let password = url.password().map(decoded).unwrap_or_default();
            (decoded(url.username()), Secret::new(password))
        });
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        Some(Self { url, credentials })
    }

    /// Its URL with the user and a mask for the password.
    pub(super) fn masked(&self) -> String {
        let mut url = self.url.clone();
        match &self.credentials {
            Some((user, _)) if url.set_username(user).is_ok() => {
                url.as_str().replacen('@', &format!(":{MASK}@"), 1)
            }
            _ => url.into(),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(formatter)
    }
}

/// Whether `no_proxy`, a list with commas, names the host of `url`: `*`; a name with all below it; an
/// address; a network (RFC 4632, section 3.1); each of them perhaps with the port that is meant.
pub(super) fn is_exempt(no_proxy: &str, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default();
    no_proxy.split(',').map(str::trim).any(|entry| {
        covers(entry, host)
            || entry.rsplit_once(':').is_some_and(|(entry, only)| {
                only.parse().ok() == port && port.is_some() && covers(entry, host)
            })
    })
}

fn covers(entry: &str, host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    if let Ok(network) = bare
        .parse::<IpNet>()
        .or_else(|_| bare.parse::<IpAddr>().map(IpNet::from))
    {
        return address.is_ok_and(|address| network.contains(&address));
    }
    let name = entry.trim_start_matches("*.").trim_start_matches('.');
    let below = host
        .len()
        .checked_sub(name.len())
        .and_then(|start| host.get(..start).zip(host.get(start..)));
    entry == "*"
        || !name.is_empty()
            && below.is_some_and(|(before, end)| {
                end.eq_ignore_ascii_case(name) && (before.is_empty() || before.ends_with('.'))
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_url_and_are_not_shown() {
        let proxy = Proxy::parse("http://us%40er:s3cr%2fet@proxy:3128").unwrap();
        assert_eq!(proxy.url.as_str(), "http://proxy:3128/");
        let (user, password) = proxy.credentials.clone().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("us@er", "s3cr/et"));
        assert!(!format!("{proxy:?} {proxy}").contains("s3cr"));
        assert!(Proxy::parse("proxy:3128").unwrap().credentials.is_none());
        for text in [
            "https://proxy",
            "socks5://proxy",
            "http://",
            ":",
            "",
            "a/b+c=",
            "proxy/?a",
            "proxy/#a",
        ] {
            assert!(Proxy::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_with_all_below_them() {
        let url = Url::parse("https://app.signpath.io/Api").unwrap();
        for (list, expected) in [
            ("", false),
            ("*", true),
            ("signpath.io", true),
            (".SignPath.io", true),
            ("x, app.signpath.io", true),
            ("path.io", false),
            ("other", false),
        ] {
            assert_eq!(is_exempt(list, &url), expected, "{list}");
        }
    }

    #[test]
    fn no_proxy_names_addresses_networks_and_ports() {
        for (url, list, expected) in [
            ("http://[::1]:80/", "127.0.0.1,::1", true),
            ("http://[::1]:80/", "[::1]", true),
            ("http://[::1]:80/", "[::1]:80", true),
            ("http://[::1]:80/", "[::1]:81", false),
            ("https://10.1.2.3/", "10.0.0.0/8", true),
            ("https://10.1.2.3/", "10.1.2.3", true),
            ("https://11.1.2.3/", "10.0.0.0/8", false),
            ("https://110.1.2.3/", "10.1.2.3", false),
            ("https://[fd00::1]/", "fd00::/8", true),
            ("https://ten.example/", "10.0.0.0/8", false),
            ("https://sign.example/", "sign.example:443", true),
            ("https://sign.example/", "example:8443", false),
            ("https://sign.example:8443/", ".example:8443", true),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(is_exempt(list, &url), expected, "{url} {list}");
        }
    }
}
