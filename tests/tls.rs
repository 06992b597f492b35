//! Supported TLS versions, client certificates and CA certificates. `failures` has what is refused.

mod common;

use std::path::{Path, PathBuf};

use common::programs::{Program, nginx};
use common::{
    Run, environment, in_child, load, log_in_and_sign, options, service, tls_service, traffic,
    with_tls,
};
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

/// Signs once. Returns [`None`] in the child.
fn signed(test: &str, way: Way) -> Option<Run> {
    let prepare = || {
        let folder = tempfile::tempdir().unwrap();
        let (service, program, more) = way(folder.path());
        let mut environment = environment(&service, &[]);
        let more = more.into_iter();
        environment.extend(more.map(|(name, value)| (name.to_owned(), value)));
        ((service, program, folder), environment)
    };
    let child = || _ = log_in_and_sign(&load());
    let ((service, ..), run) = in_child(test, prepare, child)?;
    let traffic = traffic(&service.requests());
    assert_eq!((traffic.lists, traffic.signatures), (1, 1));
    Some(run)
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
    for way in WAYS {
        let run = in_parent!(signed(test_name!(), *way));
        run.assert_silent();
    }
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
        let level = ("SIGNPATH_LOG_CONSOLE_LEVEL", "info".to_owned());
        let system = [("SSL_CERT_DIR", text(folder)), (CA_FILE, String::new()), level];
        (with_tls(), None, system.into())
    };
    let run = in_parent!(signed(test_name!(), way));
    for part in [
        "skipped system root certificates: failed to read PEM from file: missing section",
        "skipped system root certificates: failed to read PEM from file: base64",
        "skipped system root certificates that are not valid X.509: 1",
    ] {
        let is_said = run.lines().iter().any(|line| line.contains(part));
        assert!(is_said, "{part}: {:#?}", run.lines());
    }
}
