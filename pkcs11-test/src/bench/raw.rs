//! The client to compare with: a connection with rustls and ring that sends a finished request and reads the answer. It does not know the
//! system's root certificates, has no timeouts, and looks at nothing but the length of the answer.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::message;

/// A connection that is kept.
pub(super) struct Raw {
    stream: StreamOwned<ClientConnection, TcpStream>,
    answer: Vec<u8>,
}

/// The configuration for a service whose certificate comes from the CA in this file.
pub(super) fn configuration(ca_file: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let configuration = builder.with_root_certificates(roots).with_no_client_auth();
    Arc::new(configuration)
}

impl Raw {
    pub fn connect(address: SocketAddr, configuration: &Arc<ClientConfig>) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::from(address.ip());
        let tls = ClientConnection::new(configuration.clone(), name).unwrap();
        Self { stream: StreamOwned::new(tls, stream), answer: Vec::new() }
    }

    /// Sends a request, and waits for the whole answer.
    pub fn exchange(&mut self, request: &[u8]) {
        self.stream.write_all(request).unwrap();
        self.stream.flush().unwrap();
        message::read(&mut self.stream, &mut self.answer).unwrap();
        assert!(self.answer.starts_with(b"HTTP/1.1 200"));
    }
}
