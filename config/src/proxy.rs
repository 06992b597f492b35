//! Chooses the proxy from the variables and the configuration file.

use signpath_client::{EXPECTED_NO_PROXY, MASK, NoProxy, Proxy};
use url::Url;

use super::settings::{HTTPS_PROXY, NO_PROXY, SettingType, setting};
use super::sources::Sources;
use crate::error::Result;
use signpath_platform::system_proxy::{self, Settings};

/// Proxy schemes that other programs support, and the errors for them.
const UNSUPPORTED: [(&str, &str); 6] = [
    ("https://", OVER_TLS),
    ("socks://", SOCKS),
    ("socks4://", SOCKS),
    ("socks4a://", SOCKS),
    ("socks5://", SOCKS),
    ("socks5h://", SOCKS),
];

const OVER_TLS: &str = "HTTPS proxies are not supported";

const SOCKS: &str = "SOCKS proxies are not supported";

/// How many invalid entries of `no_proxy` are shown.
const MAX_SHOWN: usize = 3;

/// Which proxy is used for an API, if one is.
#[derive(Default)]
pub(crate) struct ProxyChoice {
    pub(crate) proxy: Option<Proxy>,
    pub(crate) no_proxy: NoProxy,
    /// Warnings about values that are not used, one line each.
    pub(crate) notices: Vec<String>,
}

impl ProxyChoice {
    /// Checks `no_proxy` first. Unless it exempts `api_url`, the first valid one of `https_proxy`
    /// (for an https API), `http_proxy` and `HttpProxy` in the file is used, and then the proxy of
    /// the system. An invalid variable is only a notice, since programs that support other kinds of
    /// proxies share it.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Configuration`] for a value in the file that is not an HTTP
    /// proxy.
    pub(crate) fn to(api_url: &Url, sources: &Sources) -> Result<Self> {
        let listed = sources.other(&NO_PROXY);
        let list = match &listed {
            Ok(Some(found)) => found.text.as_str(),
            _ => "",
        };
        let (no_proxy, invalid) = NoProxy::parse(list);
        if no_proxy.exempts(api_url) {
            return Ok(Self { no_proxy, ..Self::default() });
        }
        let mut unusable = Vec::new();
        let named = named(api_url, sources, &mut unusable)?;
        let of_system = || of_system(system_proxy::settings(), api_url, &mut unusable);
        let (proxy, instead) = match named.or_else(of_system) {
            Some((place, proxy)) => {
                let instead = format!("using the proxy from {place}");
                (Some(proxy), instead)
            }
            None => {
                let expected = SettingType::Proxy.expected();
                let instead = format!(
                    "using no proxy; set HttpProxy or http_proxy to {expected}, or add the API host \
                     to no_proxy"
                );
                (None, instead)
            }
        };
        let unusable = unusable.iter();
        let mut notices: Vec<_> =
            unusable.map(|reason| format!("{reason}, ignored; {instead}")).collect();
        // The list does not matter without a proxy.
        if proxy.is_some() {
            match &listed {
                Err(error) => notices.push(format!("{}, ignored", error.reason)),
                Ok(found) => notices.extend(found.iter().filter_map(|found| {
                    let entries = describe_invalid(&invalid)?;
                    Some(format!("{}: {entries}", found.place()))
                })),
            }
        }
        Ok(Self { proxy, no_proxy, notices })
    }
}

/// `no_proxy` as written, with secrets masked.
pub(crate) fn masked_no_proxy(text: &str) -> String {
    let ends = |c: char| c == ',' || c.is_whitespace();
    text.split_inclusive(ends).map(masked_entry).collect()
}

/// An entry of `no_proxy`. A URL may contain a password.
fn masked_entry(entry: &str) -> String {
    let host = entry.rsplit_once('@').map(|(_, host)| host);
    host.map_or_else(|| entry.to_owned(), |host| format!("{MASK}@{host}"))
}

/// The warning about invalid entries, if there are any.
fn describe_invalid(entries: &[&str]) -> Option<String> {
    let shown = entries.iter().take(MAX_SHOWN).map(|entry| masked_entry(entry));
    let shown = shown.collect::<Vec<_>>().join(" ");
    let more = match entries.len() {
        0 => return None,
        1..=MAX_SHOWN => String::new(),
        number => format!(" and {} more", number - MAX_SHOWN),
    };
    let expected = EXPECTED_NO_PROXY;
    Some(format!("invalid entries {shown}{more}, ignored; expected {expected}"))
}

/// The proxy to use and where it was found. The reasons for variables that cannot be used are added
/// to `unusable`.
fn named(
    api_url: &Url,
    sources: &Sources,
    unusable: &mut Vec<String>,
) -> Result<Option<(String, Proxy)>> {
    let setting = setting("HttpProxy");
    let for_https = HTTPS_PROXY.into_iter().filter(|_| api_url.scheme() == "https");
    for name in for_https.chain(setting.variables()) {
        match sources.variable(name) {
            Err(error) => unusable.push(error.reason.into_owned()),
            Ok(None) => {}
            Ok(Some(found)) => match Proxy::parse(&found.text) {
                Some(proxy) => return Ok(Some((found.place(), proxy))),
                None => {
                    unusable.push(format!("{}: {}", found.place(), explain_invalid(&found.text)))
                }
            },
        }
    }
    let Some(found) = sources.in_file(setting) else {
        return Ok(None);
    };
    match Proxy::parse(&found.text) {
        Some(proxy) => Ok(Some((found.place(), proxy))),
        None => Err(found.unexpected(setting.form)),
    }
}

/// The proxy in the settings of the system, and what a message calls it.
fn of_system(
    settings: Option<Settings>,
    api_url: &Url,
    unusable: &mut Vec<String>,
) -> Option<(String, Proxy)> {
    const PLACE: &str = "the proxy settings of the system";
    let settings = settings?;
    let host = api_url.host_str().unwrap_or_default();
    let Some(text) = settings.proxy(api_url.scheme(), host) else {
        if !settings.script.is_empty() {
            unusable.push(format!(
                "{PLACE}: a script{} chooses the proxy, which is not supported",
                place_of_script(&settings.script)
            ));
        }
        return None;
    };
    match Proxy::parse(&text) {
        Some(proxy) => Some((PLACE.to_owned(), proxy)),
        None => {
            unusable.push(format!("{PLACE}: {}", explain_invalid(&text)));
            None
        }
    }
}

/// Where a script is, to be used after "a script". The user information, the path and the query of its URL may
/// contain a password.
fn place_of_script(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str);
    host.map_or_else(String::new, |host| format!(" at {host}"))
}

/// Why a value is not an HTTP proxy, without quoting it.
fn explain_invalid(text: &str) -> &'static str {
    let text = text.trim_start();
    let starts_with = |scheme: &str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let unsupported = UNSUPPORTED.iter().find(|(scheme, _)| starts_with(scheme));
    unsupported.map_or("not the URL of an HTTP proxy", |(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_script_is_named_by_its_host_alone() {
        for (script, place) in [
            ("http://wpad.example/proxy.pac", "a script at wpad.example chooses"),
            ("http://ada:s3cret@wpad.example:8080/", "a script at wpad.example chooses"),
            ("https://[::1]/s3cret/p.pac?token=s3cret#s3cret", "a script at [::1] chooses"),
            ("file:///C:/s3cret.pac", "a script chooses"),
            ("ada:s3cret@wpad.example/proxy.pac", "a script chooses"),
            (r"\\server\s3cret", "a script chooses"),
        ] {
            let mut settings = Settings::default();
            settings.script = script.to_owned();
            let mut unusable = Vec::new();
            let api_url = Url::parse("https://signpath.example/Api").unwrap();
            assert!(of_system(Some(settings), &api_url, &mut unusable).is_none());
            let expected = format!(
                "the proxy settings of the system: {place} the proxy, which is not supported"
            );
            assert_eq!(unusable, [expected]);
        }
    }
}
