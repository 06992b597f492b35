//! The way through an HTTP proxy, a tinyproxy.

mod common;

use std::io::ErrorKind;
use std::net::TcpListener;

use common::programs::{Program, tinyproxy};
use common::{
    ONE_ATTEMPT, Run, another_machine, beyond_loopback, environment, in_child, initialized,
    logged_in, private_key, service, tls_service, traffic,
};
use cryptoki::mechanism::Mechanism;
use pkcs11_test::{Service, TlsOptions};

const AUTHENTICATION: &str = "BasicAuth ci pr0xy-passw0rd";

/// The same as in a URL, some of it percent-encoded.
const CREDENTIALS: &str = "ci:pr0xy%2Dpassw%30rd@";

/// Runs a child that signs, with `proxies` in its environment, and logs all it does to stderr.
fn signed_through(
    test: &str,
    service: impl FnOnce() -> Service,
    configuration: &str,
    proxies: fn(&Program) -> Vec<(&'static str, String)>,
) -> Option<(Service, Program, Run)> {
    let prepare = || {
        let service = service();
        let proxy = tinyproxy(configuration);
        let mut environment = environment(&service, &[("SIGNPATH_LOG_CONSOLE_LEVEL", "verbose")]);
        let more = another_machine(&service).into_iter().chain(proxies(&proxy));
        environment.extend(more.map(|(name, value)| (name.to_owned(), value)));
        ((service, proxy), environment)
    };
    let child = || {
        let session = logged_in(&initialized());
        let key = private_key(&session, "demo/p-256");
        session.sign(&Mechanism::Ecdsa, key, &[7; 32]).unwrap();
    };
    let ((service, proxy), run) = in_child(test, prepare, child)?;
    assert_eq!(traffic(&service.requests()).signatures, 1);
    for secret in ["passw0rd", "passw%30rd", service.token()] {
        assert!(!run.stderr.contains(secret), "{}", run.stderr);
    }
    Some((service, proxy, run))
}

fn with_tls() -> Service {
    tls_service(TlsOptions::default())
}

/// How the proxy's log names a tunnel to the service.
fn connect(service: &Service) -> String {
    let url = beyond_loopback(service.api_url());
    let address = url.trim_start_matches("https://").trim_end_matches("/Api");
    format!("CONNECT {address} HTTP/1.1")
}

#[test]
fn an_https_api_is_reached_through_a_tunnel() {
    let proxies = |proxy: &Program| vec![("http_proxy", proxy.address.clone())];
    let Some((service, proxy, _)) = signed_through(test_name!(), with_tls, "", proxies) else {
        return;
    };
    let log = proxy.log();
    assert_eq!(log.matches(&connect(&service)).count(), 1, "{log}");
}

#[test]
fn a_proxy_gets_its_credentials() {
    let proxies = |proxy: &Program| {
        let url = format!("http://{CREDENTIALS}{}", proxy.address);
        vec![("http_proxy", url)]
    };
    let Some((service, proxy, _)) = signed_through(test_name!(), with_tls, AUTHENTICATION, proxies)
    else {
        return;
    };
    assert!(proxy.log().contains(&connect(&service)), "{}", proxy.log());
}

#[test]
fn an_http_api_is_asked_for_by_the_proxy_itself() {
    let proxies = |proxy: &Program| {
        let url = format!("http://{CREDENTIALS}{}", proxy.address);
        vec![("http_proxy", url)]
    };
    let Some((service, proxy, _)) = signed_through(test_name!(), service, AUTHENTICATION, proxies)
    else {
        return;
    };
    let log = proxy.log();
    let request = format!("POST {}/v1/", beyond_loopback(service.api_url()));
    assert!(log.contains(&request), "{log}");
}

#[test]
fn https_proxy_wins_over_http_proxy() {
    let proxies = |proxy: &Program| {
        let nobody = "http://127.0.0.1:1".to_owned();
        vec![
            ("http_proxy", nobody),
            ("https_proxy", proxy.address.clone()),
        ]
    };
    let Some((service, proxy, _)) = signed_through(test_name!(), with_tls, "", proxies) else {
        return;
    };
    assert!(proxy.log().contains(&connect(&service)), "{}", proxy.log());
}

#[test]
fn no_proxy_exempts_the_service() {
    let proxies = |proxy: &Program| {
        let exempt = "signpath.example 10.0.0.0/99 0.0.0.0".to_owned();
        vec![("http_proxy", proxy.address.clone()), ("no_proxy", exempt)]
    };
    let Some((service, proxy, run)) = signed_through(test_name!(), with_tls, "", proxies) else {
        return;
    };
    assert!(!proxy.log().contains(&connect(&service)), "{}", proxy.log());
    assert!(!run.stderr.contains("no_proxy"), "{}", run.stderr);
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
