//! A file of certificates: the chain, CA certificates, and a client certificate with its key.

#![no_main]

use std::time::SystemTime;

use signpath_client::{ClientCertificate, DEFAULT_API_URL, Options, tls};
use signpath_crypto::Certificate;
use signpath_fuzz::{set_variable, write};

signpath_fuzz::target!(check);

fn check(data: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(data) {
        assert_eq!(certificate.der(), data);
        look_at(&certificate);
    }
    let chain = Certificate::from_pem(data).unwrap_or_default();
    for certificate in &chain {
        look_at(certificate);
        for other in chain.iter().take(3) {
            let _ = certificate.issued(other);
        }
    }
    let path = write("certificates.pem", data);
    // The system's root certificates would take most of the time.
    set_variable("SSL_CERT_FILE", write("empty.pem", b""));
    set_variable("SSL_CERT_DIR", "/nonexistent");
    let url = DEFAULT_API_URL.parse().expect("a URL");
    let options = Options {
        tls_ca_file: Some(path.clone()),
        tls_client_certificate: Some(ClientCertificate::File(path)),
        ..Options::new(url)
    };
    if let Err(error) = tls::client_config(&options) {
        // A file that holds a private key is not quoted.
        assert!(error.reason.len() < 500, "{}", error.reason);
    }
}

fn look_at(certificate: &Certificate) {
    let _ = certificate.has_expired(SystemTime::UNIX_EPOCH);
    let _ = certificate.title().len();
    assert!(!certificate.key_identifier().is_empty() || certificate.der().len() > 4);
    assert!(!certificate.serial_number().is_empty());
}
