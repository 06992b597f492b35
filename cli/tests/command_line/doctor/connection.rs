//! Host names, the proxy, connections and TLS.

use pkcs11_test::{ServerCertificate, TlsOptions};

use super::{assert_failed, assert_finds, doctor, finding};
use crate::common::programs::{ONLY_NTLM, answering, tinyproxy};
use crate::common::{another_machine, tls_service};
use crate::program::{Bench, rows};

fn tls_bench() -> Bench {
    Bench::with(tls_service(TlsOptions::default()))
}

#[test]
fn a_host_that_cannot_be_reached_is_a_failure() {
    let bench = Bench::new();
    let tls = bench.service.api_url().replace("http:", "https:");
    for (url, check, message, remedy) in rows! {
        "http://127.0.0.1:1/Api", "connection", "cannot connect to 127.0.0.1:1 (connection refused)", "check ApiUrl and firewalls";
        "https://signpath.invalid/Api", "name", "cannot resolve signpath.invalid", "spelling";
        &tls, "TLS", "does not speak TLS", "scheme";
    } {
        let run = doctor(&bench, &[("SIGNPATH_API_URL", url)]);
        assert_failed(&run, check, message, remedy);
        assert_eq!(finding(&run, "service")["status"], "skipped");
    }
}

#[test]
fn a_server_certificate_that_is_refused_is_shown_with_the_reason() {
    const NO_CA: &[(&str, &str)] = &[("SIGNPATH_TLS_CA_FILE", "")];
    for (certificate, more, message, remedy) in rows! {
        ServerCertificate::Good, NO_CA, "from an unknown CA", "TlsCaFile";
        ServerCertificate::Expired, &[], "expired", "check the clock";
        ServerCertificate::OtherName, &[], "another host name", "ApiUrl";
    } {
        let bench = Bench::with(tls_service(TlsOptions { certificate, ..TlsOptions::default() }));
        let run = doctor(&bench, more);
        assert_failed(&run, "TLS", message, remedy);
        let details = &finding(&run, "TLS")["details"];
        let subject = details[0]["subject"].as_str().unwrap();
        assert!(subject.contains("Local SignPath Service"), "{details:#}");
        assert_eq!(finding(&run, "service")["status"], "skipped");
    }
}

#[test]
fn connects_through_the_proxy() {
    let bench = tls_bench();
    let proxy = tinyproxy("BasicAuth ci pr0xy-passw0rd");
    let url = format!("http://ci:pr0xy-passw0rd@{}", proxy.address);
    let [(name, api_url), _] = another_machine(&bench.service);
    let run = doctor(&bench, &[("https_proxy", &url), (name, &api_url)]);
    assert_finds(&run, "proxy", "ok", "connected through", "");
    assert!(!run.stdout.contains("pr0xy-passw0rd"), "{run:?}");
    assert!(proxy.has_led_to("0.0.0.0"), "{}", proxy.log());
}

#[test]
fn a_proxy_that_refuses_to_connect_is_a_failure() {
    const REFUSED: &str = "refused to connect to 0.0.0.0";
    const ADMINISTRATOR: &str = "ask the administrator of the proxy";
    const CREDENTIALS: &str = "set user and password in HttpProxy";
    let (web_server, bench) = (Bench::new(), tls_bench());
    let web_server = web_server.service.api_url().trim_end_matches("/Api");
    let (closed, strict) = (tinyproxy("ConnectPort 1"), tinyproxy("BasicAuth ci pr0xy-passw0rd"));
    let [(name, api_url), _] = another_machine(&bench.service);
    for (proxy, check, message, remedy) in rows! {
        "http://127.0.0.1:1", "proxy", "cannot be reached", "no_proxy";
        "http://proxy.invalid:3128", "name", "cannot resolve", "HttpProxy";
        web_server, "proxy", REFUSED, ADMINISTRATOR;
        &format!("http://{}", closed.address), "proxy", REFUSED, ADMINISTRATOR;
        &format!("http://{}", strict.address), "proxy", "rejected the credentials (407)", CREDENTIALS;
        &format!("http://{}", answering(ONLY_NTLM)), "proxy", "offers only authentication with Negotiate, NTLM (407)", "Basic";
        &format!("http://ci:other@{}", strict.address), "proxy", "rejected the credentials (401)", CREDENTIALS;
    } {
        let run = doctor(&bench, &[("https_proxy", proxy), (name, &api_url)]);
        assert_failed(&run, check, message, remedy);
    }
}
