//! Reads the CA certificates in `ChainCertificatesFile`.

use rustls_pki_types::pem::{PemObject, SectionKind};
use signpath_crypto::Certificate;
use signpath_platform::file;

use crate::Config;
use crate::error::{Error, ErrorKind, Result};

impl Config {
    /// The certificates in `ChainCertificatesFile`. Empty if it is not set.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a file that cannot be read, contains no certificate, or
    /// contains anything else. [`ErrorKind::Shortage`] if the process has run out of a resource.
    pub fn chain_certificates(&self) -> Result<Vec<Certificate>> {
        let Some(path) = &self.chain_certificates_file else {
            return Ok(Vec::new());
        };
        let unusable = |reason: String| {
            Error::new(
                ErrorKind::Configuration,
                format!("ChainCertificatesFile {}: {reason}", path.display()),
            )
        };
        let pem = file::read(path).map_err(|error| {
            file::shortage_or(&error, || unusable(format!("cannot be read ({error})")))
        })?;
        let mut certificates = Vec::new();
        for (index, section) in <(SectionKind, Vec<u8>)>::pem_slice_iter(&pem).enumerate() {
            let certificate = section
                .map_err(|_| "it is not valid PEM".to_owned())
                .and_then(|(_, der)| Certificate::from_der(&der))
                .map_err(|reason| {
                    let number = index + 1;
                    unusable(format!(
                        "PEM block {number} is no X.509 certificate ({reason})"
                    ))
                })?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(unusable("holds no PEM certificate".to_owned()));
        }
        Ok(certificates)
    }
}
