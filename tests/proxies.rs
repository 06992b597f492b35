//! The way through an HTTP proxy, a tinyproxy.

mod common;

use std::io::ErrorKind;
use std::net::TcpListener;

use common::programs::tinyproxy;
use common::{
    ONE_ATTEMPT, another_machine, beyond_loopback, environment, in_child, initialized, logged_in,
    private_key, service, tls_service, traffic,
};
use cryptoki::mechanism::Mechanism;
use pkcs11_test::{Service, TlsOptions};

const AUTHENTICATION: &str = "BasicAuth ci pr0xy-passw0rd";

/// The same as in a URL, some of it percent-encoded.
const CREDENTIALS: &str = "ci:pr0xy%2Dpassw%30rd@";

/// What the environment says of proxies, in front of which service, and what the proxy, with these lines in
/// its configuration, logs of it: a text, and how often.
struct Row {
    what: &'static str,
    service: fn() -> Service,
    configuration: &'static str,
    environment: fn(&str) -> Vec<(&'static str, String)>,
    logs: fn(&Service) -> String,
    times: std::ops::RangeInclusive<usize>,
}

macro_rules! rows {
    ($proxy:ident; $(
        $what:literal: $service:ident, $configuration:expr, [$($name:literal $value:expr),*] => $logs:ident, $times:expr;
    )*) => {
        &[$(Row {
            what: $what,
            service: $service,
            configuration: $configuration,
            environment: |$proxy| vec![$(($name, $value)),*],
            logs: $logs,
            times: $times,
        }),*]
    };
}

const ROWS: &[Row] = rows! { proxy;
    "an https API is reached through a tunnel": with_tls, "", ["http_proxy" proxy.to_owned()] => connect, 1..=1;
    "a proxy gets its credentials": with_tls, AUTHENTICATION, ["http_proxy" with_credentials(proxy)] => connect, 1..=99;
    "an http API is asked for by the proxy itself":
        service, AUTHENTICATION, ["http_proxy" with_credentials(proxy)] => post, 1..=99;
    "https_proxy wins over http_proxy":
        with_tls, "", ["http_proxy" "http://127.0.0.1:1".to_owned(), "https_proxy" proxy.to_owned()] => connect, 1..=99;
    "no_proxy exempts the service":
        with_tls, "", ["http_proxy" proxy.to_owned(), "no_proxy" "signpath.example 10.0.0.0/99 0.0.0.0".to_owned()]
        => connect, 0..=0;
};

fn with_tls() -> Service {
    tls_service(TlsOptions::default())
}

fn with_credentials(proxy: &str) -> String {
    format!("http://{CREDENTIALS}{proxy}")
}

/// How the proxy's log names a tunnel to the service.
fn connect(service: &Service) -> String {
    let url = beyond_loopback(service.api_url());
    let address = url.trim_start_matches("https://").trim_end_matches("/Api");
    format!("CONNECT {address} HTTP/1.1")
}

/// How the proxy's log names a signing request that it sends itself.
fn post(service: &Service) -> String {
    format!("POST {}/v1/", beyond_loopback(service.api_url()))
}

#[test]
fn requests_go_through_the_proxy_that_the_environment_names() {
    let child = || {
        let session = logged_in(&initialized());
        let key = private_key(&session, "demo/p-256");
        session.sign(&Mechanism::Ecdsa, key, &[7; 32]).unwrap();
    };
    for row in ROWS {
        let prepare = || {
            let service = (row.service)();
            let proxy = tinyproxy(row.configuration);
            let verbose = [("SIGNPATH_LOG_CONSOLE_LEVEL", "verbose")];
            let mut environment = environment(&service, &verbose);
            let more = another_machine(&service).into_iter();
            let more = more.chain((row.environment)(&proxy.address));
            environment.extend(more.map(|(name, value)| (name.to_owned(), value)));
            ((service, proxy), environment)
        };
        let Some(((service, proxy), run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        let (what, log) = (row.what, proxy.log());
        assert_eq!(traffic(&service.requests()).signatures, 1, "{what}");
        for secret in ["passw0rd", "passw%30rd", service.token(), "no_proxy"] {
            assert!(!run.stderr.contains(secret), "{what}: {}", run.stderr);
        }
        let times = log.matches(&(row.logs)(&service)).count();
        assert!(row.times.contains(&times), "{what}: {log}");
    }
}

#[test]
fn a_service_on_this_machine_is_reached_without_a_proxy() {
    for start in [service, with_tls] {
        let prepare = || {
            let service = start();
            let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
            proxy.set_nonblocking(true).unwrap();
            let address = proxy.local_addr().unwrap().to_string();
            let [http, https] = ["http_proxy", "https_proxy"].map(|name| (name, &*address));
            let environment = environment(&service, &[http, https, ONE_ATTEMPT]);
            ((service, proxy), environment)
        };
        let child = || {
            logged_in(&initialized());
        };
        let Some(((service, proxy), run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        run.assert_silent();
        assert_eq!(traffic(&service.requests()).lists, 1);
        let connection = proxy.accept().map_err(|error| error.kind());
        assert_eq!(connection.unwrap_err(), ErrorKind::WouldBlock);
    }
}
