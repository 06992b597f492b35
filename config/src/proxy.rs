//! Which of the proxies that are named is used.

use signpath_client::{EXPECTED_NO_PROXY, MASK, NoProxy, Proxy};
use url::Url;

use super::settings::{HTTPS_PROXY, NO_PROXY, SettingType, setting};
use super::sources::{Found, Sources};
use crate::error::Result;

/// The schemes of proxies that other programs take, and why the module does not.
const UNSUPPORTED: [(&str, &str); 6] = [
    ("https://", OVER_TLS),
    ("socks://", SOCKS),
    ("socks4://", SOCKS),
    ("socks4a://", SOCKS),
    ("socks5://", SOCKS),
    ("socks5h://", SOCKS),
];

const OVER_TLS: &str = "https:// in front of a proxy is TLS to the proxy itself, which is not supported (http:// proxies \
    take https URLs too)";

const SOCKS: &str = "SOCKS proxies are not supported";

/// Entries of `no_proxy` that are shown when they cannot be read.
const MAX_SHOWN: usize = 3;

/// Which proxy is used for an API, if one is.
#[derive(Default)]
pub(crate) struct ProxyChoice {
    pub(crate) proxy: Option<Proxy>,
    pub(crate) no_proxy: NoProxy,
    /// What was named and is not used, a line each.
    pub(crate) notices: Vec<String>,
}

impl ProxyChoice {
    /// Looks at `no_proxy` first: where it exempts `api_url`, nothing else is read. Then the first of
    /// `https_proxy` (for an https API), `http_proxy` and `HttpProxy` in the file that can be used is
    /// in force. The variables are shared with programs that know other kinds of proxies, so what
    /// cannot be used in them is a notice.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Configuration`] for a value in the file that is not an HTTP proxy.
    pub(crate) fn to(api_url: &Url, sources: &Sources) -> Result<Self> {
        let listed = sources.other(&NO_PROXY);
        let list = match &listed {
            Ok(Some(found)) => found.text.as_str(),
            _ => "",
        };
        let (no_proxy, unreadable) = NoProxy::parse(list);
        if no_proxy.exempts(api_url) {
            return Ok(Self {
                no_proxy,
                ..Self::default()
            });
        }
        let mut unusable = Vec::new();
        let (proxy, instead) = match named(api_url, sources, &mut unusable)? {
            Some((found, proxy)) => {
                let instead = format!("the proxy of {} is used", found.place());
                (Some(proxy), instead)
            }
            None => {
                let expected = SettingType::Proxy.expected();
                let instead = format!(
                    "no proxy is used; set HttpProxy or http_proxy to {expected}, or exempt the API \
                     host with no_proxy"
                );
                (None, instead)
            }
        };
        let unusable = unusable.iter();
        let mut notices: Vec<_> = unusable
            .map(|reason| format!("{reason}, ignored; {instead}"))
            .collect();
        // The list does not matter where there is no proxy.
        if proxy.is_some() {
            match &listed {
                Err(error) => notices.push(format!("{}, ignored", error.reason)),
                Ok(found) => notices.extend(found.iter().filter_map(|found| {
                    let entries = unreadable_entries(&unreadable)?;
                    Some(format!("{}: {entries}", found.place()))
                })),
            }
        }
        Ok(Self {
            proxy,
            no_proxy,
            notices,
        })
    }
}

/// What to tell a user of entries that cannot be read, if there are any.
fn unreadable_entries(entries: &[&str]) -> Option<String> {
    // A URL may have a password in it.
    let shown = entries.iter().take(MAX_SHOWN).map(|entry| {
        let host = entry.rsplit_once('@').map(|(_, host)| host);
        host.map_or_else(|| (*entry).to_owned(), |host| format!("{MASK}@{host}"))
    });
    let shown = shown.collect::<Vec<_>>().join(" ");
    let more = match entries.len() {
        0 => return None,
        1..=MAX_SHOWN => String::new(),
        number => format!(" and {} more", number - MAX_SHOWN),
    };
    let expected = EXPECTED_NO_PROXY;
    Some(format!(
        "cannot read {shown}{more}, ignored; expected {expected}"
    ))
}

/// The proxy in force, with where it was found. Variables that are not usable are added to `unusable`,
/// each with the reason.
fn named(
    api_url: &Url,
    sources: &Sources,
    unusable: &mut Vec<String>,
) -> Result<Option<(Found, Proxy)>> {
    let setting = setting("HttpProxy");
    let for_https = HTTPS_PROXY
        .into_iter()
        .filter(|_| api_url.scheme() == "https");
    for name in for_https.chain(setting.variables()) {
        match sources.variable(name) {
            Err(error) => unusable.push(error.reason.into_owned()),
            Ok(None) => {}
            Ok(Some(found)) => match Proxy::parse(&found.text) {
                Some(proxy) => return Ok(Some((found, proxy))),
                None => unusable.push(format!("{}: {}", found.place(), why_not(&found.text))),
            },
        }
    }
    let Some(found) = sources.in_file(setting) else {
        return Ok(None);
    };
    match Proxy::parse(&found.text) {
        Some(proxy) => Ok(Some((found, proxy))),
        None => Err(found.not_expected(setting.form)),
    }
}

/// Why a text is not a proxy, without the text.
fn why_not(text: &str) -> &'static str {
    let text = text.trim_start();
    let starts_with = |scheme: &str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let unsupported = UNSUPPORTED.iter().find(|(scheme, _)| starts_with(scheme));
    unsupported.map_or("not the URL of an HTTP proxy", |(_, reason)| *reason)
}
