//! `certificate`: exports the certificate of a signing policy.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use pem_rfc7468::LineEnding;
use signpath_client::PolicyName;
use signpath_crypto::Certificate;

use crate::failure::Failure;
use crate::organization::{Organization, TokenChoice};
use crate::output::Target;
use crate::policy::PolicySummary;

const EXAMPLES: &str = "\
Examples:
  signpath-pkcs11 certificate app/release --output app.pem
  openssl cms -sign -signer app.pem ...
  signpath-pkcs11 certificate app/release --chain --output chain.pem
  osslsigncode sign -certs chain.pem ...";

/// Export the certificate of a signing policy
///
/// Writes the certificate in the form required by `openssl cms -signer` and `osslsigncode -certs`. Nothing is signed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Signing policy, as shown by `list`; optional if there is exactly one
    #[arg(value_name = "PROJECT/POLICY")]
    policy: Option<PolicyName>,

    /// Encoding of the certificate
    #[arg(long, value_enum, default_value_t = Format::Pem)]
    format: Format,

    /// Add the CA certificates from the file named by the setting ChainCertificatesFile
    /// (SIGNPATH_CHAIN_CERTIFICATES_FILE); PEM only
    #[arg(long)]
    chain: bool,

    /// File to write to, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    choice: TokenChoice,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text (RFC 7468)
    Pem,
    /// Binary
    Der,
}

/// Exports a certificate. Sends one request.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let is_text = arguments.format == Format::Pem;
    if arguments.chain && !is_text {
        return Err(
            "--chain requires --format pem, since DER files contain a single certificate".into()
        );
    }
    let organization = Organization::configured(&arguments.choice)?;
    let output = Target::open(arguments.output.as_deref(), is_text)?;
    let bundle = organization.config.chain_certificates()?;
    if arguments.chain && bundle.is_empty() {
        return Err("--chain requires CA certificates; name a PEM file with SIGNPATH_CHAIN_CERTIFICATES_FILE or \
             ChainCertificatesFile"
            .into());
    }
    let policy = organization.policy(arguments.policy.as_ref())?;
    let Some(certificate) = &policy.certificate else {
        let name = &policy.name;
        return Err(format!("signing policy {name} has no X.509 certificate").into());
    };
    let mut chain = vec![certificate];
    if arguments.chain {
        chain.extend(issuers(certificate, &bundle));
        if chain.len() == 1 {
            let issuer = PolicySummary::of(&organization.config.token.label, &policy)
                .certificate
                .map(|summary| summary.issuer);
            return Err(format!(
                "ChainCertificatesFile lacks the issuer of the certificate of {}: {}",
                policy.name,
                issuer.unwrap_or_default()
            )
            .into());
        }
    }
    let content = match arguments.format {
        Format::Pem => {
            let texts = chain.into_iter().map(pem).collect::<Result<Vec<_>, _>>()?;
            texts.concat().into_bytes()
        }
        Format::Der => certificate.der().to_vec(),
    };
    output.write(&content)?;
    Ok(ExitCode::SUCCESS)
}

/// The certificate chain of `certificate`, from its issuer upwards.
fn issuers<'a>(certificate: &'a Certificate, bundle: &'a [Certificate]) -> Vec<&'a Certificate> {
    let mut chain: Vec<&Certificate> = Vec::new();
    let mut top = certificate;
    while let Some(issuer) = bundle.iter().find(|issuer| issuer.issued(top)) {
        let is_known = |known: &&Certificate| known.der() == issuer.der();
        if issuer.der() == certificate.der() || chain.iter().any(is_known) {
            break;
        }
        chain.push(issuer);
        top = issuer;
    }
    chain
}

fn pem(certificate: &Certificate) -> Result<String, Failure> {
    pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, certificate.der())
        .map_err(|error| format!("cannot encode the certificate as PEM: {error}").into())
}
