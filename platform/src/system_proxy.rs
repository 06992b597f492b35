//! Proxies that are configured for the whole system.

pub use crate::system::system_proxy::settings;

/// The proxy settings of Windows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `host:port` for all URLs, or `scheme=host:port` for some, separated by semicolons or blanks.
    pub(crate) proxies: String,
    /// Hosts that are reached directly, separated by semicolons or blanks. They may contain `*`;
    /// `<local>` is every name without a dot.
    pub(crate) exempt: String,
    /// The URL of a script that chooses the proxy.
    pub script: String,
}

impl Settings {
    /// The proxy for URLs with this scheme and host. If there is only one for SOCKS, which is for all
    /// schemes, its URL.
    pub fn proxy(&self, scheme: &str, host: &str) -> Option<String> {
        if words(&self.exempt).any(|pattern| is_exempt(host, pattern)) {
            return None;
        }
        let of = |scheme: &str| {
            words(&self.proxies).find_map(|word| match word.split_once('=') {
                None => Some(word),
                Some((of, proxy)) => of.eq_ignore_ascii_case(scheme).then_some(proxy),
            })
        };
        let socks = || of("socks").map(|proxy| format!("socks://{proxy}"));
        of(scheme).map(str::to_owned).or_else(socks)
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ';' || c.is_whitespace()).filter(|word| !word.is_empty())
}

fn is_exempt(host: &str, pattern: &str) -> bool {
    if pattern.eq_ignore_ascii_case("<local>") {
        return !host.contains(['.', ':']);
    }
    let pattern = pattern.split_once("://").map_or(pattern, |(_, pattern)| pattern);
    matches(&host.to_ascii_lowercase(), &pattern.to_ascii_lowercase())
}

/// Whether the whole text matches a pattern, in which `*` stands for anything.
fn matches(text: &str, pattern: &str) -> bool {
    let Some((start, pattern)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    text.char_indices()
        .map(|(index, _)| index)
        .chain([text.len()])
        .any(|index| text.get(index..).is_some_and(|rest| matches(rest, pattern)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_the_proxy_of_the_scheme_unless_the_host_is_exempt() {
        for (proxies, exempt, host, expected) in [
            ("proxy:3128", "", "app.signpath.io", Some("proxy:3128")),
            ("http=a:1;https=b:2", "", "app.signpath.io", Some("b:2")),
            ("http=a:1", "", "app.signpath.io", None),
            ("socks=s:1;https=b:2", "", "app.signpath.io", Some("b:2")),
            ("http=a:1;socks=s:1", "", "app.signpath.io", Some("socks://s:1")),
            ("proxy:1", "*.example;<local>", "app.signpath.io", Some("proxy:1")),
            ("proxy:1", "*.SignPath.io", "app.signpath.io", None),
            ("proxy:1", "https://app.*", "app.signpath.io", None),
            ("proxy:1", "10.*", "10.1.2.3", None),
            ("proxy:1", "10.*", "110.1.2.3", Some("proxy:1")),
            ("proxy:1", "x <local>", "signpath", None),
        ] {
            let settings = Settings {
                proxies: proxies.to_owned(),
                exempt: exempt.to_owned(),
                script: String::new(),
            };
            let found = settings.proxy("https", host);
            assert_eq!(found.as_deref(), expected, "{exempt} {host}");
        }
    }
}
