//! The address and the credentials of an HTTP proxy.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;
use zeroize::Zeroizing;

use crate::secret::{MASK, Secret};

/// An HTTP proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The URL, without credentials.
    pub url: Url,
    /// User and password, percent-decoded.
    pub credentials: Option<(String, Secret)>,
    /// The same as the value of Proxy-Authorization (RFC 7617, section 2). They need not be UTF-8 there.
    pub(crate) authorization: Option<Secret>,
}

impl Proxy {
    /// Parses `host:port` or `http://[user:password@]host:port`. [`None`] for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let with_scheme =
            if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme).ok()?;
        // Anything beyond host and port may be a misplaced secret.
        let is_origin = url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if url.scheme() != "http" || !is_origin {
            return None;
        }
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let (user, password) = (url.username(), url.password().unwrap_or_default());
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = has_credentials.then(|| (decoded(user), Secret::new(decoded(password))));
        let authorization = has_credentials.then(|| basic(user, password));
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        Some(Self { url, credentials, authorization })
    }

    /// The URL with the user and a masked password.
    pub fn masked(&self) -> String {
        let mut url = self.url.clone();
        if let Some((user, _)) = &self.credentials {
            // Cannot fail for an http URL.
            let _ = url.set_username(user);
            let _ = url.set_password(Some(MASK));
        }
        url.into()
    }
}

/// The value of Proxy-Authorization for a percent-encoded user and password.
fn basic(user: &str, password: &str) -> Secret {
    let pair = percent_decode_str(user).chain(b":".iter().copied());
    let pair = pair.chain(percent_decode_str(password)).collect::<Vec<_>>();
    let encoded = Zeroizing::new(STANDARD.encode(Zeroizing::new(pair)));
    Secret::new(format!("Basic {}", encoded.as_str()))
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_credentials_from_the_url_and_hides_the_password() {
        for (text, user, password, masked) in [
            (
                "http://us%40er:s3cr%2fet@proxy:3128",
                "us@er",
                "s3cr/et",
                "http://us%40er:***@proxy:3128/",
            ),
            ("http://:s3cret@proxy:3128", "", "s3cret", "http://:***@proxy:3128/"),
            ("http://user:s3cr@et@proxy:3128", "user", "s3cr@et", "http://user:***@proxy:3128/"),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.url.as_str(), "http://proxy:3128/");
            let credentials = proxy.credentials.clone().unwrap();
            assert_eq!((credentials.0.as_str(), credentials.1.expose()), (user, password));
            assert_eq!(proxy.masked(), masked);
            assert!(!format!("{proxy:?} {proxy}").contains("s3cr"));
        }
    }

    #[test]
    fn accepts_the_usual_forms_of_a_proxy() {
        for text in [
            "proxy:3128",
            "proxy:3128/",
            "http://proxy:3128",
            "HTTP://Proxy:3128/",
            " http://proxy:3128\r\n",
            " proxy:3128 ",
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.url.as_str(), "http://proxy:3128/", "{text}");
            assert!(proxy.credentials.is_none(), "{text}");
        }
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
}
