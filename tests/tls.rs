//! TLS that works: versions, client certificates, and whom the module trusts. What does not work is in `failures`.

mod common;

use std::path::Path;

use common::programs::nginx;
use common::{
    Run, environment, in_child, initialized, logged_in, options, private_key, service, tls_service,
    traffic,
};
use cryptoki::mechanism::Mechanism;
use pkcs11_test::{Service, TlsOptions, TlsVersions};

/// Runs a child that signs, in the environment for the service with `more` over it.
fn signed<S>(
    test: &str,
    prepare: impl FnOnce() -> (Service, S, Vec<(&'static str, String)>),
) -> Option<(Service, S, Run)> {
    let prepare = || {
        let (service, state, more) = prepare();
        let mut environment = environment(&service, &[]);
        environment.extend(
            more.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        ((service, state), environment)
    };
    let child = || {
        let session = logged_in(&initialized());
        let key = private_key(&session, "demo/p-256");
        session.sign(&Mechanism::Ecdsa, key, &[7; 32]).unwrap();
    };
    let ((service, state), run) = in_child(test, prepare, child)?;
    let traffic = traffic(&service.requests());
    assert_eq!((traffic.lists, traffic.signatures), (1, 1));
    Some((service, state, run))
}

/// The authority of the local service's certificates.
fn authority() -> String {
    let path = options().state.join("tls-ca.pem");
    path.to_str().unwrap().to_owned()
}

#[test]
fn servers_with_one_version_of_tls_are_reached() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let prepare = || {
            let service = tls_service(TlsOptions {
                versions,
                ..TlsOptions::default()
            });
            (service, (), Vec::new())
        };
        let Some((_, (), run)) = signed(test_name!(), prepare) else {
            return;
        };
        run.assert_silent();
    }
}

#[test]
fn the_client_certificate_opens_a_service_that_wants_one() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let prepare = || {
            let service = tls_service(TlsOptions {
                versions,
                client_certificate: true,
                ..TlsOptions::default()
            });
            let file = service.client_certificate().unwrap().display().to_string();
            let certificate = ("SIGNPATH_TLS_CLIENT_CERTIFICATE", format!("file:{file}"));
            (service, (), vec![certificate])
        };
        let Some((_, (), run)) = signed(test_name!(), prepare) else {
            return;
        };
        run.assert_silent();
    }
}

#[test]
fn a_byte_order_mark_hides_no_certificate() {
    let prepare = || {
        let service = tls_service(TlsOptions {
            client_certificate: true,
            ..TlsOptions::default()
        });
        let folder = tempfile::tempdir().unwrap();
        let marked = |name: &str, path: &Path| {
            let content = std::fs::read_to_string(path).unwrap();
            let path = folder.path().join(name);
            std::fs::write(&path, format!("\u{feff}{content}")).unwrap();
            path.display().to_string()
        };
        let certificate = marked("client.pem", service.client_certificate().unwrap());
        let more = vec![
            (
                "SIGNPATH_TLS_CA_FILE",
                marked("ca.pem", Path::new(&authority())),
            ),
            (
                "SIGNPATH_TLS_CLIENT_CERTIFICATE",
                format!("file:{certificate}"),
            ),
        ];
        (service, folder, more)
    };
    let Some((_, _, run)) = signed(test_name!(), prepare) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn the_client_certificate_opens_an_nginx_in_front_of_the_service() {
    let prepare = || {
        let with_tls = tls_service(TlsOptions::default());
        let certificate = with_tls.client_certificate().unwrap().display().to_string();
        let service = service();
        let wants_clients = format!(
            "ssl_client_certificate {}; ssl_verify_client on;",
            authority()
        );
        let nginx = nginx(&service, &wants_clients);
        let more = vec![
            ("SIGNPATH_API_URL", format!("https://{}/Api", nginx.address)),
            ("SIGNPATH_TLS_CA_FILE", authority()),
            (
                "SIGNPATH_TLS_CLIENT_CERTIFICATE",
                format!("file:{certificate}"),
            ),
        ];
        (service, nginx, more)
    };
    let Some((_, _, run)) = signed(test_name!(), prepare) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn the_authorities_of_the_system_are_trusted_and_a_bad_file_among_them_is_skipped() {
    let prepare = || {
        let service = tls_service(TlsOptions::default());
        let folder = tempfile::tempdir().unwrap();
        let good = std::fs::read_to_string(authority()).unwrap();
        let begin = "-----BEGIN CERTIFICATE-----\n";
        let files = [
            ("0-empty.pem", String::new()),
            (
                "1-broken.pem",
                format!("{begin}%%%\n-----END CERTIFICATE-----\n"),
            ),
            ("2-cut.pem", good[..good.len() / 2].to_owned()),
            ("3-other.pem", good.replace("MII", "MIJ")),
            ("4-good.pem", good),
        ];
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let more = vec![
            ("SSL_CERT_DIR", folder.path().to_str().unwrap().to_owned()),
            ("SIGNPATH_TLS_CA_FILE", String::new()),
            ("SIGNPATH_LOG_CONSOLE_LEVEL", "info".to_owned()),
        ];
        (service, folder, more)
    };
    let Some((_, _folder, run)) = signed(test_name!(), prepare) else {
        return;
    };
    for part in [
        "skipped system root certificates: failed to read PEM from file: missing section",
        "skipped system root certificates: failed to read PEM from file: base64",
        "skipped system root certificates that are not valid X.509: 1",
    ] {
        let lines = run.lines();
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part}: {lines:#?}"
        );
    }
}
