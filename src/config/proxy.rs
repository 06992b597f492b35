//! The HTTP proxy, and for which URLs it is used.

use std::fmt;

use reqwest::Url;

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
        if url.scheme() != "http" || !url.has_host() {
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

/// Whether `no_proxy`, a list with commas, names the host of `url`: `*`, a name with all below it,
/// or an address.
pub(super) fn is_exempt(no_proxy: &str, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    no_proxy
        .split(',')
        .map(|entry| {
            entry
                .trim()
                .trim_start_matches("*.")
                .trim_start_matches('.')
        })
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let below = host
                .len()
                .checked_sub(entry.len())
                .and_then(|start| host.get(..start).zip(host.get(start..)));
            entry == "*"
                || below.is_some_and(|(before, end)| {
                    end.eq_ignore_ascii_case(entry) && (before.is_empty() || before.ends_with('.'))
                })
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
        for text in ["https://proxy", "socks5://proxy", "http://", ":", ""] {
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
        let local = Url::parse("http://[::1]:80/").unwrap();
        assert!(is_exempt("127.0.0.1,::1", &local));
    }
}
