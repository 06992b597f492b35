//! Host names, the proxy, connections and TLS.

use pkcs11_test::{ServerCertificate, TlsOptions};

use super::{assert_finds, doctor, finding, finds};
use crate::common::programs::{ONLY_NTLM, answering, tinyproxy};
use crate::common::{another_machine, tls_service};
use crate::program::Bench;

fn with_certificate(certificate: ServerCertificate) -> Bench {
    Bench::with(tls_service(TlsOptions { certificate, ..TlsOptions::default() }))
}

#[test]
fn a_host_that_cannot_be_reached_or_trusted_is_a_failure() {
    let bench = Bench::new();
    let tls = bench.service.api_url().replace("http:", "https:");
    let [good, expired, other] =
        [ServerCertificate::Good, ServerCertificate::Expired, ServerCertificate::OtherName]
            .map(with_certificate);
    finds! {
        bench, [SIGNPATH_API_URL = "http://127.0.0.1:1/Api"]
            => "connection" failed: "cannot connect to 127.0.0.1:1 (connection refused)", "check ApiUrl and firewalls", "service" skipped: "", "";
        bench, [SIGNPATH_API_URL = "https://signpath.invalid/Api"]
            => "name" failed: "cannot resolve signpath.invalid", "spelling", "service" skipped: "", "";
        bench, [SIGNPATH_API_URL = &tls] => "TLS" failed: "does not speak TLS", "scheme", "service" skipped: "", "";
        good, [SIGNPATH_TLS_CA_FILE = ""] => "TLS" failed: "from an unknown CA", "TlsCaFile", "service" skipped: "", "";
        other, [] => "TLS" failed: "another host name", "ApiUrl", "service" skipped: "", "";
        expired, [] => "TLS" failed: "expired", "check the clock", "service" skipped: "", "";
    }
    let details = &finding(&doctor(&expired, &[]), "TLS")["details"];
    let subject = details[0]["subject"].as_str().unwrap();
    assert!(subject.contains("Local SignPath Service"), "{details:#}");
}

#[test]
fn connects_through_the_proxy() {
    let bench = with_certificate(ServerCertificate::Good);
    let proxy = tinyproxy("BasicAuth ci pr0xy-passw0rd");
    let url = format!("http://ci:pr0xy-passw0rd@{}", proxy.address);
    let [(name, api_url), _] = another_machine(&bench.service);
    let run = doctor(&bench, &[("https_proxy", &url), (name, &api_url)]);
    assert_finds(&run, &[("proxy", "ok", "connected through", "")]);
    assert!(!run.stdout.contains("pr0xy-passw0rd"), "{run:?}");
    assert!(proxy.has_led_to("0.0.0.0"), "{}", proxy.log());
}

#[test]
fn a_proxy_that_refuses_to_connect_is_a_failure() {
    const REFUSED: &str = "refused to connect to 0.0.0.0";
    const ADMINISTRATOR: &str = "ask the administrator of the proxy";
    const CREDENTIALS: &str = "set user and password in HttpProxy";
    let (server, bench) = (Bench::new(), with_certificate(ServerCertificate::Good));
    let server = server.service.api_url().trim_end_matches("/Api");
    let (closed, strict) = (tinyproxy("ConnectPort 1"), tinyproxy("BasicAuth ci pr0xy-passw0rd"));
    let closed = format!("http://{}", closed.address);
    let ntlm = &format!("http://{}", answering(ONLY_NTLM));
    let [none, wrong] = ["", "ci:other@"].map(|user| format!("http://{user}{}", strict.address));
    let [(_, url), _] = &another_machine(&bench.service);
    finds! {
        bench, [https_proxy = "http://127.0.0.1:1", SIGNPATH_API_URL = url] => "proxy" failed: "cannot be reached", "no_proxy";
        bench, [https_proxy = "http://proxy.invalid:3128", SIGNPATH_API_URL = url] => "name" failed: "cannot resolve", "HttpProxy";
        bench, [https_proxy = server, SIGNPATH_API_URL = url] => "proxy" failed: REFUSED, ADMINISTRATOR;
        bench, [https_proxy = &closed, SIGNPATH_API_URL = url] => "proxy" failed: REFUSED, ADMINISTRATOR;
        bench, [https_proxy = &none, SIGNPATH_API_URL = url] => "proxy" failed: "rejected the credentials (407)", CREDENTIALS;
        bench, [https_proxy = ntlm, SIGNPATH_API_URL = url]
            => "proxy" failed: "offers only authentication with Negotiate, NTLM (407)", "Basic";
        bench, [https_proxy = &wrong, SIGNPATH_API_URL = url] => "proxy" failed: "rejected the credentials (401)", CREDENTIALS;
    }
}
