//! Names, the proxy, connections and TLS.

use pkcs11_test::{ServerCertificate, TlsOptions};

use super::{assert_failed, assert_says, doctor, finding};
use crate::common::programs::tinyproxy;
use crate::common::{another_machine, service, tls_service};

#[test]
fn a_host_that_cannot_be_reached_is_a_failure() {
    let service = service();
    for (url, check, message, remedy) in [
        (
            "http://127.0.0.1:1/Api",
            "connection",
            "cannot connect to 127.0.0.1:1 (connection refused)",
            "check ApiUrl and firewalls",
        ),
        (
            "https://signpath.invalid/Api",
            "name",
            "cannot resolve signpath.invalid",
            "spelling",
        ),
    ] {
        let run = doctor(&service, &[("SIGNPATH_API_URL", url)]);
        assert_failed(&run, check, message, remedy);
        assert_eq!(finding(&run, "service")["status"], "skipped");
    }
}

#[test]
fn what_is_wrong_with_the_certificate_of_the_server_is_said_and_the_certificate_shown() {
    let with = |certificate| {
        tls_service(TlsOptions {
            certificate,
            ..TlsOptions::default()
        })
    };
    for (service, more, message, remedy) in [
        (
            with(ServerCertificate::Good),
            &[("SIGNPATH_TLS_CA_FILE", "")][..],
            "from an unknown CA",
            "TlsCaFile",
        ),
        (
            with(ServerCertificate::Expired),
            &[],
            "expired",
            "check the clock",
        ),
        (
            with(ServerCertificate::OtherName),
            &[],
            "another host name",
            "ApiUrl",
        ),
    ] {
        let run = doctor(&service, more);
        assert_failed(&run, "TLS", message, remedy);
        let details = &finding(&run, "TLS")["details"];
        let subject = details[0]["subject"].as_str().unwrap();
        assert!(subject.contains("Local SignPath Service"), "{details:#}");
        assert_eq!(finding(&run, "service")["status"], "skipped");
    }
}

#[test]
fn a_server_without_tls_is_a_failure() {
    let service = service();
    let url = service.api_url().replace("http:", "https:");
    let run = doctor(&service, &[("SIGNPATH_API_URL", &url)]);
    assert_failed(&run, "TLS", "does not speak TLS", "scheme");
}

#[test]
fn the_way_leads_through_the_proxy() {
    let service = tls_service(TlsOptions::default());
    let proxy = tinyproxy("BasicAuth ci pr0xy-passw0rd");
    let url = format!("http://ci:pr0xy-passw0rd@{}", proxy.address);
    let [(name, api_url), _] = another_machine(&service);
    let run = doctor(&service, &[("https_proxy", &url), (name, &api_url)]).assert_ok();
    assert_says(&run, "proxy", "ok", "connected through", "");
    assert!(!run.stdout.contains("pr0xy-passw0rd"), "{}", run.stdout);
    assert!(proxy.log().contains("CONNECT"), "{}", proxy.log());
}

#[test]
fn a_proxy_that_does_not_let_requests_through_is_a_failure() {
    let web_server = service();
    let service = tls_service(TlsOptions::default());
    let no_proxy = web_server.api_url().trim_end_matches("/Api").to_owned();
    let closed_proxy = tinyproxy("ConnectPort 1");
    let closed = format!("http://{}", closed_proxy.address);
    let strict_proxy = tinyproxy("BasicAuth ci pr0xy-passw0rd");
    let nobody = format!("http://{}", strict_proxy.address);
    let stranger = format!("http://ci:other@{}", strict_proxy.address);
    for (proxy, message, remedy) in [
        ("http://127.0.0.1:1", "cannot be reached", "no_proxy"),
        ("http://proxy.invalid:3128", "cannot resolve", "HttpProxy"),
        (
            &no_proxy,
            "refused to connect to 0.0.0.0",
            "ask the administrator of the proxy",
        ),
        (
            &closed,
            "refused to connect to 0.0.0.0",
            "ask the administrator of the proxy",
        ),
        (
            &nobody,
            "rejected the credentials (407)",
            "set user and password in HttpProxy",
        ),
        (
            &stranger,
            "rejected the credentials (401)",
            "set user and password in HttpProxy",
        ),
    ] {
        let [(name, api_url), _] = another_machine(&service);
        let run = doctor(&service, &[("https_proxy", proxy), (name, &api_url)]);
        let check = match proxy.contains("invalid") {
            true => "name",
            false => "proxy",
        };
        assert_failed(&run, check, message, remedy);
    }
}
