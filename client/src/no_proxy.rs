//! The hosts to reach without a proxy.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

use crate::api_url::is_loopback;

/// The description of a valid entry, for messages.
pub const EXPECTED: &str =
    "a host name, an address or a network such as 10.0.0.0/8, each optionally with a port, or *";

/// The parsed value of `no_proxy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// The port it applies to, or [`None`] for all ports.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// `*`
    All,
    /// An address, or a network (RFC 4632, section 3.1).
    Network(IpNet),
    /// A host name and its subdomains, in lower case.
    Name(String),
}

impl NoProxy {
    /// Parses a list separated by commas or white space, like curl. Also returns the invalid
    /// entries.
    pub fn parse(text: &str) -> (Self, Vec<&str>) {
        let (mut entries, mut invalid) = (Vec::new(), Vec::new());
        let texts = text.split(|c: char| c == ',' || c.is_whitespace());
        for text in texts.filter(|text| !text.is_empty()) {
            match Entry::parse(text) {
                Some(entry) => entries.push(entry),
                None => invalid.push(text),
            }
        }
        (Self(entries), invalid)
    }

    /// Whether to reach `url` without a proxy. This is always the case for this machine.
    pub fn exempts(&self, url: &Url) -> bool {
        is_loopback(url) || self.0.iter().any(|entry| entry.covers(url))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some(hosts) = Hosts::parse(text) {
            return Some(Self { hosts, port: None });
        }
        let (hosts, port) = text.rsplit_once(':')?;
        Some(Self {
            hosts: Hosts::parse(hosts)?,
            port: Some(port.parse().ok().filter(|port| *port != 0)?),
        })
    }

    fn covers(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_port = self.port.is_none() || self.port == url.port_or_known_default();
        is_port && self.hosts.cover(host)
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').map_or(Some(text), |text| text.strip_suffix(']'))?;
        if bare == "*" {
            return Some(Self::All);
        }
        let network = bare.parse().or_else(|_| bare.parse().map(|address: IpAddr| address.into()));
        if let Ok(network) = network {
            return Some(Self::Network(network));
        }
        let name = text.strip_prefix('*').unwrap_or(text);
        let name = match name.strip_prefix('.') {
            Some(name) => name,
            None if name.len() < text.len() => return None,
            None => name,
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        // The start of an IP address, such as `192.168.`, is not a name.
        let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = !name.contains(['/', '?', '#', '@', '\\', ':', '[', '*', '%'])
            && !name.split('.').any(str::is_empty)
            && !name.rsplit('.').next().is_some_and(is_number);
        if !is_name {
            return None;
        }
        // Normalized like the host of a URL: lower case and ASCII.
        let url = Url::parse(&format!("http://{name}")).ok()?;
        let host = url.host_str()?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        host.bytes().all(fits).then(|| Self::Name(host.to_owned()))
    }

    fn cover(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| network.contains(&address)),
            Self::Name(name) => {
                let host = host.strip_suffix('.').unwrap_or(host);
                host.strip_suffix(name.as_str())
                    .is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::same_cases;

    #[test]
    fn entries_exempt_hosts_networks_and_ports() {
        for (url, list, expected) in [
            ("https://app.signpath.io/Api", "", false),
            ("https://app.signpath.io/Api", "*", true),
            ("https://app.signpath.io/Api", "signpath.io", true),
            ("https://app.signpath.io/Api", "signpath.io.", true),
            ("https://app.signpath.io./Api", "signpath.io", true),
            ("https://app.signpath.io/Api", ".SignPath.io", true),
            ("https://app.signpath.io/Api", "*.signpath.io", true),
            ("https://app.signpath.io/Api", "x, app.signpath.io", true),
            ("https://app.signpath.io/Api", "x app.signpath.io y", true),
            ("https://app.signpath.io/Api", "x\tapp.signpath.io\n", true),
            ("https://app.signpath.io/Api", " ,, app.signpath.io,", true),
            ("https://app.signpath.io/Api", "path.io", false),
            ("https://app.signpath.io/Api", "other", false),
            ("https://m\u{fc}nchen.example/", "M\u{fc}nchen.example", true),
            ("https://my_host/", "my_host", true),
            ("https://10.1.2.3/", "10.0.0.0/8", true),
            ("https://10.1.2.3/", "10.1.2.3", true),
            ("https://10.1.2.3/", "10.1.2.3:443", true),
            ("https://11.1.2.3/", "10.0.0.0/8", false),
            ("https://110.1.2.3/", "10.1.2.3", false),
            ("https://[fd00::1]/", "fd00::/8", true),
            ("https://[fd00::1]/", "[fd00::1]", true),
            ("https://[fd00::1]/", "[fd00::1]:443", true),
            ("https://[fd00::1]/", "[fd00::1]:444", false),
            ("https://ten.example/", "10.0.0.0/8", false),
            ("https://sign.example/", "sign.example:443", true),
            ("https://sign.example/", "example:8443", false),
            ("https://sign.example:8443/", ".example:8443", true),
            ("https://sign.example:8443/", "*:8443", true),
            // This machine is always exempt.
            ("http://127.0.0.1:8080/Api", "", true),
            ("https://localhost/Api", "", true),
            ("http://[::1]:8080/Api", "other", true),
            ("http://[::ffff:127.0.0.1]/Api", "", true),
            ("http://0.0.0.0/Api", "", false),
        ] {
            let (no_proxy, invalid) = NoProxy::parse(list);
            assert_eq!(invalid, Vec::<&str>::new(), "{list}");
            let url = Url::parse(url).unwrap();
            assert_eq!(no_proxy.exempts(&url), expected, "{url} {list}");
        }
    }

    #[test]
    fn reports_an_invalid_entry_and_uses_the_others() {
        for entry in [
            "10.0.0.0/99",
            "10.0.0.0/",
            "10.0.0",
            "192.168.",
            "[::1",
            "::1]",
            "[::1]:x",
            "http://host",
            "host/path",
            "host:https",
            "host:0",
            "host:65536",
            "host;other",
            "host|other",
            "*host",
            "ho*st",
            "10.*",
            "user@host",
            "a..b",
            ".",
            "..",
            "*.",
            "**",
        ] {
            let list = format!("first.example,{entry} last.example");
            let (no_proxy, invalid) = NoProxy::parse(&list);
            assert_eq!(invalid, [entry]);
            for host in ["first.example", "last.example"] {
                let url = Url::parse(&format!("https://{host}/")).unwrap();
                assert!(no_proxy.exempts(&url), "{list}");
            }
        }
    }

    proptest! {
        #![proptest_config(same_cases())]

        #[test]
        fn a_listed_name_exempts_itself_and_its_subdomains_and_nothing_else(
            name in "[a-z]{1,8}(\\.[a-z]{2,5}){1,2}",
            label in "[a-z]{1,6}",
            noise in "[ -~]{0,30}",
        ) {
            prop_assume!(!name.ends_with("localhost"));
            let exempts = |list: &str, host: &str| {
                let url = Url::parse(&format!("https://{host}/")).unwrap();
                NoProxy::parse(list).0.exempts(&url)
            };
            let subdomain = format!("{label}.{name}");
            for list in [name.clone(), format!(".{name}"), format!("*.{name}"), format!("x.example, {name}.")] {
                prop_assert!(exempts(&list, &name), "{list}");
                prop_assert!(exempts(&list, &subdomain), "{list}");
                prop_assert!(!exempts(&list, &format!("{label}{name}")), "{list}");
                prop_assert!(!exempts(&list, &format!("{name}.{label}")) || format!("{name}.{label}").ends_with("example"), "{list}");
            }
            // Whatever else is in the list, the name in it counts.
            let list = format!("{} {name}", noise.replace('*', ""));
            prop_assert!(exempts(&list, &name));
        }
    }
}
