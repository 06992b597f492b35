//! `sign`: a single signature, for scripts.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{ArgGroup, ValueEnum};
use signpath_client::{PolicyName, has_supported_size};
use signpath_crypto::{
    Digest, HashAlgorithm, Hasher, PublicKey, SignatureAlgorithm, asn1_from_ieee,
};

use signpath_platform::file::is_same;
use signpath_platform::os_error::describe;

use crate::failure::Failure;
use crate::organization::{Organization, TokenChoice};
use crate::output::Target;
use crate::progress::Progress;

/// How much of a file is read at a time, in bytes.
const PART: usize = 64 << 10;

const EXAMPLES: &str = "\
Examples:
  signpath-pkcs11 sign app/release --file app.bin --output app.sig
  openssl dgst -sha256 -verify app.pub -signature app.sig app.bin

  digest=$(sha512sum app.bin | cut -d ' ' -f 1)
  signpath-pkcs11 sign app/release --digest \"$digest\" --pss --output app.sig
  openssl dgst -sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -verify app.pub ...

  tar -c build | signpath-pkcs11 sign app/release --file - --base64";

/// Sign a file or digest
///
/// Sends one signing request, which counts in SignPath, and writes the signature after verifying it with the public
/// key of the signing policy. Local problems are reported before the request: an output file that is not writable, a
/// digest of the wrong length, an option that does not match the key.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("input").required(true).args(["file", "digest"]))]
pub struct Arguments {
    /// Signing policy, as shown by `list`; optional if there is exactly one
    #[arg(value_name = "PROJECT/POLICY")]
    policy: Option<PolicyName>,

    /// File to sign, or `-` for standard input; only its digest is sent
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Digest to sign, in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = Hexadecimal::parse)]
    digest: Option<Hexadecimal>,

    /// Hash algorithm [default: SHA-256 for a file; for a digest, depends on its length]
    #[arg(long, value_enum)]
    hash: Option<Hash>,

    /// Use RSASSA-PSS instead of PKCS #1 v1.5, with MGF1 of the same hash algorithm and a salt as long as the digest
    #[arg(long)]
    pss: bool,

    /// Encoding of an ECDSA signature [default: der]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Write the signature as one line of base64 instead of binary
    #[arg(long)]
    base64: bool,

    /// File to write to, instead of standard output; unchanged if there is no signature
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    choice: TokenChoice,
}

#[derive(Clone)]
struct Hexadecimal(Vec<u8>);

impl Hexadecimal {
    fn parse(text: &str) -> Result<Self, String> {
        base16ct::mixed::decode_vec(text)
            .map(Self)
            .map_err(|_| "expected an even number of hexadecimal digits".to_owned())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
    /// Insecure; only for systems that support nothing else
    Sha1,
}

impl Hash {
    fn algorithm(self) -> HashAlgorithm {
        match self {
            Self::Sha1 => HashAlgorithm::Sha1,
            Self::Sha256 => HashAlgorithm::Sha256,
            Self::Sha384 => HashAlgorithm::Sha384,
            Self::Sha512 => HashAlgorithm::Sha512,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// r and s concatenated, each as long as the order of the curve (IEEE P1363), as in PKCS #11 and JWS
    Raw,
    /// ECDSA-Sig-Value (RFC 3279), as used by openssl and X.509
    Der,
}

/// Makes a signature. Requests the list of signing policies, unless it is cached on disk, and sends one signing
/// request.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let organization = Organization::configured(&arguments.choice)?;
    if let (Some(file), Some(output)) = (&arguments.file, &arguments.output) {
        if is_same(file, output) {
            return Err("--output would overwrite the input file".into());
        }
    }
    let output = Target::open(arguments.output.as_deref(), arguments.base64)?;
    let digest = arguments.digest()?;
    let policy = organization.policy_to_sign(arguments.policy.as_ref())?;
    let name = policy.name.to_string();
    if let Some(reason) = policy.why_not_signing() {
        return Err(format!("signing policy {name}: {reason}").into());
    }
    let key = policy
        .public_key
        .as_ref()
        .filter(|key| has_supported_size(key))
        .ok_or_else(|| format!("the key of signing policy {name} is not supported"))?;
    let algorithm = arguments.algorithm(&name, key)?;
    let signature = {
        let _progress = Progress::start(format!("Waiting for the signature by {name}"));
        organization.sign(&policy, algorithm, &digest)?
    };
    let signature = match algorithm {
        SignatureAlgorithm::Ecdsa if arguments.format != Some(Format::Raw) => {
            asn1_from_ieee(&signature).map(Cow::from).ok_or("cannot encode the signature as DER")?
        }
        _ => Cow::from(signature),
    };
    let content = match arguments.base64 {
        true => Cow::from(format!("{}\n", STANDARD.encode(&signature)).into_bytes()),
        false => signature,
    };
    output.write(&content)?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// The given digest, or that of the file.
    fn digest(&self) -> Result<Digest, Failure> {
        let Some(Hexadecimal(value)) = &self.digest else {
            let path = self.file.as_deref().unwrap_or(Path::new("-"));
            let algorithm = self.hash.unwrap_or(Hash::Sha256).algorithm();
            let digests = digests_of_file(path, &[algorithm])?;
            let value = digests.into_iter().next().unwrap_or_default();
            return Ok(Digest { algorithm: Some(algorithm), value });
        };
        let fits = |hash: &Hash| hash.algorithm().digest_length() == value.len();
        let possible = match &self.hash {
            Some(hash) => std::slice::from_ref(hash),
            None => Hash::value_variants(),
        };
        let Some(hash) = possible.iter().find(|hash| fits(hash)) else {
            let lengths = possible.iter().map(|hash| {
                let length = hash.algorithm().digest_length();
                format!("{length} ({})", hash.name())
            });
            let lengths = lengths.collect::<Vec<_>>().join(", ");
            return Err(
                format!("the digest is {} bytes long; expected {lengths}", value.len()).into()
            );
        };
        let algorithm = hash.algorithm();
        Ok(Digest { algorithm: Some(algorithm), value: value.clone() })
    }

    fn algorithm(&self, name: &str, key: &PublicKey) -> Result<SignatureAlgorithm, Failure> {
        match (key.is_rsa(), self.pss, self.format) {
            (true, _, Some(Format::Der)) => {
                Err(format!("--format der requires an EC key, but {name} has an RSA key").into())
            }
            (false, true, _) => {
                Err(format!("--pss requires an RSA key, but {name} has an EC key").into())
            }
            (true, true, _) => Ok(SignatureAlgorithm::RsaPss),
            (true, false, _) => Ok(SignatureAlgorithm::RsaPkcs1),
            (false, false, _) => Ok(SignatureAlgorithm::Ecdsa),
        }
    }
}

/// The digests of a file, or of standard input if it is `-`, which is read once.
pub fn digests_of_file(path: &Path, hashes: &[HashAlgorithm]) -> Result<Vec<Vec<u8>>, Failure> {
    let cannot_read =
        |error: io::Error| format!("cannot read {}: {}", display_name(path), describe(&error));
    let mut file: Box<dyn Read> = match path {
        path if path == Path::new("-") => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(cannot_read)?),
    };
    let _progress = Progress::start(format!("Reading {}", display_name(path)));
    let mut hashers: Vec<_> = hashes.iter().map(|hash| hash.hasher()).collect();
    let mut part = vec![0; PART];
    loop {
        match file.read(&mut part) {
            Ok(0) => return Ok(hashers.into_iter().map(Hasher::finish).collect()),
            Ok(length) => {
                let part = part.get(..length).unwrap_or_default();
                hashers.iter_mut().for_each(|hasher| hasher.update(part));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cannot_read(error).into()),
        }
    }
}

fn display_name(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}
