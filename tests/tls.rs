//! Supported TLS versions, client certificates and CA certificates. `failures` has what is refused.

mod common;

use std::path::{Path, PathBuf};

use common::programs::{Program, nginx};
use common::{
    LIST, SIGN, assert_lines, log_in_and_sign, on_stage, options, service, tls_service, with_tls,
};
use cryptoki_sys::CKR_OK;
use pkcs11_test::{Service, TlsOptions, TlsVersions};

const CA_FILE: &str = "SIGNPATH_TLS_CA_FILE";
const CLIENT_CERTIFICATE: &str = "SIGNPATH_TLS_CLIENT_CERTIFICATE";

/// The CA of the local service's certificates.
fn ca() -> PathBuf {
    options().state.join("tls-ca.pem")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A service, perhaps a program in front of it, and variables. Files go to the given folder.
type Way = fn(&Path) -> (Service, Option<Program>, Vec<(&'static str, String)>);

fn with(versions: TlsVersions, client_certificate: bool) -> Service {
    tls_service(TlsOptions { versions, client_certificate, ..TlsOptions::default() })
}

fn client(service: &Service) -> (&'static str, String) {
    let file = text(service.client_certificate().unwrap());
    (CLIENT_CERTIFICATE, format!("file:{file}"))
}

/// Signs once in each way; the lines on stderr.
fn signed(test: &str, more: &[(&str, &str)], ways: &[Way], check: impl Fn(&[String])) {
    on_stage(test, options, more, |stage, module| {
        for way in ways {
            let folder = tempfile::tempdir().unwrap();
            let (service, _program, more) = way(folder.path());
            let usual = service.environment();
            let variables = usual.iter().chain(&more);
            variables.for_each(|(name, value)| stage.set(name, value));
            stage.service = service;
            let seen = stage.see(|| _ = log_in_and_sign(module));
            assert_eq!(seen.requests, [LIST, SIGN]);
            check(&seen.lines);
            assert_eq!(module.finalize(), CKR_OK);
            more.iter().for_each(|(name, _)| stage.set(name, ""));
        }
    });
}

const WAYS: &[Way] = &[
    |_| (with(TlsVersions::Only12, false), None, vec![]),
    |_| (with(TlsVersions::Only13, false), None, vec![]),
    |_| {
        let service = with(TlsVersions::Only12, true);
        let client = client(&service);
        (service, None, vec![client])
    },
    |_| {
        let service = with(TlsVersions::Only13, true);
        let client = client(&service);
        (service, None, vec![client])
    },
    // Files that begin with a byte order mark.
    |folder| {
        let service = with(TlsVersions::All, true);
        let marked = |name: &str, path: &Path| {
            let content = std::fs::read_to_string(path).unwrap();
            let path = folder.join(name);
            std::fs::write(&path, format!("\u{feff}{content}")).unwrap();
            text(&path)
        };
        let client = marked("client.pem", service.client_certificate().unwrap());
        let client = (CLIENT_CERTIFICATE, format!("file:{client}"));
        let ca = (CA_FILE, marked("ca.pem", &ca()));
        (service, None, vec![ca, client])
    },
    // An nginx in front of the service that requires a client certificate.
    |_| {
        let client = client(&with(TlsVersions::All, false));
        let service = service();
        let ca = text(&ca());
        let lines = format!("ssl_client_certificate {ca}; ssl_verify_client on;");
        let nginx = nginx(&service, &lines);
        let url = ("SIGNPATH_API_URL", format!("https://{}/Api", nginx.address));
        (service, Some(nginx), vec![url, (CA_FILE, ca), client])
    },
];

#[test]
fn signs_with_each_version_of_tls_and_client_certificates() {
    signed(test_name!(), &[], WAYS, |lines| assert_lines(lines, &[]));
}

#[test]
fn trusts_the_cas_of_the_system_and_skips_invalid_files() {
    let way: Way = |folder| {
        let good = std::fs::read_to_string(ca()).unwrap();
        let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
        for (name, content) in [
            ("0-empty.pem", ""),
            ("1-broken.pem", broken),
            ("2-cut.pem", &good[..good.len() / 2]),
            ("3-other.pem", &good.replace("MII", "MIJ")),
            ("4-good.pem", &good),
        ] {
            std::fs::write(folder.join(name), content).unwrap();
        }
        (with_tls(), None, vec![("SSL_CERT_DIR", text(folder)), (CA_FILE, String::new())])
    };
    let info = [("SIGNPATH_LOG_CONSOLE_LEVEL", "info")];
    signed(test_name!(), &info, &[way], |lines| {
        for part in [
            "skipped system root certificates: failed to read PEM from file: missing section",
            "skipped system root certificates: failed to read PEM from file: base64",
            "skipped system root certificates that are not valid X.509: 1",
        ] {
            assert!(lines.iter().any(|line| line.contains(part)), "{part}: {lines:#?}");
        }
    });
}
