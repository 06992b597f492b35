//! Reads the CA certificates in `ChainCertificatesFile`.

use signpath_crypto::Certificate;
use signpath_platform::file;
use signpath_platform::os_error::describe;

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
        let unusable = |reason: String| Error::new(ErrorKind::Configuration, reason);
        let shown = format!("ChainCertificatesFile {}", path.display());
        let pem = file::read(path).map_err(|error| {
            file::shortage_or(&error, || {
                unusable(format!("cannot read {shown}: {}", describe(&error)))
            })
        })?;
        let certificates = Certificate::from_pem(&pem)
            .map_err(|reason| unusable(format!("cannot use {shown}: {reason}")))?;
        if certificates.is_empty() {
            return Err(unusable(format!("{shown} contains no PEM certificate")));
        }
        Ok(certificates)
    }
}
