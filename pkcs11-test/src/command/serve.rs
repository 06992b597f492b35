//! `serve`: runs the service until a signal.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use clap::ValueEnum;
use pkcs11_test::{KeyStoreKind, Log, Options, PolicyFile, Service, TlsOptions};
use signpath_platform::os_error::describe;

const STATE_HELP: &str = "\
Files in the state directory, created on first start:
  code-signing-ca.pem                     the CA certificate of the signing policies
  certificates/{project}/{policy}.pem     the certificate of a signing policy
  keys/{project}/{policy}.pem             its private key (key store software)
  softhsm/                                the token, its softhsm2.conf and pins.json (key store softhsm)
  tls-ca.pem                              the CA certificate to trust (--tls)
  token                                   the first user's API token, for SIGNPATH_API_TOKEN=file:...
  identities.json                         generated organization ID, API tokens and policy IDs

Policies file (JSON; only project, policy and key are required):
  { \"organizationId\": \"UUID\",
    \"users\":    [ { \"name\": \"ci\", \"token\": \"text\", \"submitterOf\": [ \"demo/release\" ] } ],
    \"policies\": [ { \"project\": \"demo\", \"policy\": \"release\", \"key\": \"rsa-3072\", \"keyName\": \"shared\",
                    \"approval\": false, \"certificate\": \"X509\" } ] }
  key:          rsa-2048, rsa-3072, rsa-4096, p-256, p-384, p-521
  keyName:      policies with the same name share one key and certificate
  approval:     the policy is listed, but refuses to sign
  certificate:  X509, Email (X.509 for S/MIME), None (a policy of type GPG, with an OpenPGP key), Garbage
Without a file: project demo with the policies rsa-2048, rsa-3072, rsa-4096, p-256, p-384, p-521.

The first line of the output is the address of the page, as a comment. Its key is new at each start.

In a shell:
  pkcs11-test serve --state state --log requests.log --env signpath.env &
  until [ -e signpath.env ]; do sleep 0.1; done
  . ./signpath.env";

#[derive(clap::Args)]
#[command(after_help = STATE_HELP)]
pub struct Serve {
    /// Address and port to listen on; port 0 selects a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Directory for keys, certificates and generated identifiers
    #[arg(long, value_name = "DIR", default_value = "signpath-service")]
    state: PathBuf,

    /// JSON file with the organization's users and signing policies
    #[arg(long, value_name = "FILE")]
    policies: Option<PathBuf>,

    /// Serve HTTPS with a certificate for localhost, 127.0.0.1, ::1 and 0.0.0.0
    #[arg(long)]
    tls: bool,

    /// Demand a client certificate issued by tls-ca.pem; the state directory has one, tls-client.pem
    #[arg(long, requires = "tls")]
    client_certificate: bool,

    /// Where to keep the private keys
    #[arg(long, value_name = "STORE", value_enum, default_value_t = KeyStore::Software)]
    key_store: KeyStore,

    /// SoftHSM library [default: search the usual locations]
    #[arg(long, value_name = "PATH")]
    softhsm_module: Option<PathBuf>,

    /// File to append the request log to, one JSON line per request [default: standard error]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Address and port for the page with requests, signing policies and faults; port 0 selects a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    page: SocketAddr,

    /// Open the page in a browser, with xdg-open
    #[arg(long)]
    open: bool,

    /// File to write the export lines to once the service is ready (mode 0600)
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KeyStore {
    /// PKCS #8 files
    Software,
    /// A SoftHSM token, through its PKCS #11 module
    Softhsm,
}

pub fn run(arguments: Serve) -> Result<(), Box<dyn Error>> {
    let env = arguments.env.clone();
    let open = arguments.open.then(|| arguments.state.join("page.html"));
    if let Some(path) = &env {
        // A file from a previous run would give a waiting script the wrong port. A pipe or /dev/stdout is not from one.
        let is_file =
            std::fs::symlink_metadata(path).map(|found| found.is_file() || found.is_dir());
        let removed = match is_file {
            Ok(false) => Err(io::Error::other("not a regular file")),
            _ => std::fs::remove_file(path),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(
                    format!("cannot replace {}: {}", path.display(), describe(&error)).into()
                );
            }
            _ => {}
        }
    }
    let mut service = Service::start(arguments.options()?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let end = end()?;
        let url = service.page_url().unwrap_or_default();
        let lines = format!("# {url}\n{}", export_lines(&service.environment()));
        if let Some(path) = &env {
            pkcs11_test::write_secret(path, &lines)?;
        }
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(lines.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|error| format!("cannot write to stdout: {}", describe(&error)))?;
        drop(stdout);
        if let Some(file) = &open {
            open_page(url, file)?;
        }
        end.await;
        Ok::<_, Box<dyn Error>>(())
    })?;
    service.stop();
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
#[cfg(unix)]
fn end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Waits for Ctrl-C.
#[cfg(windows)]
fn end() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

impl Serve {
    fn options(self) -> Result<Options, pkcs11_test::Error> {
        Ok(Options {
            listen: self.listen,
            policies: self
                .policies
                .as_deref()
                .map(PolicyFile::read)
                .transpose()?
                .unwrap_or_default(),
            tls: self.tls,
            tls_options: TlsOptions {
                client_certificate: self.client_certificate,
                ..TlsOptions::default()
            },
            key_store: match self.key_store {
                KeyStore::Software => KeyStoreKind::Software,
                KeyStore::Softhsm => KeyStoreKind::SoftHsm,
            },
            softhsm_module: self.softhsm_module,
            log: self.log.map_or(Log::Stderr, Log::File),
            // Nothing here reads them, and the service may run for days.
            keep_requests: false,
            page: Some(self.page),
            ..Options::new(self.state)
        })
    }
}

/// Opens the page in a browser. Other users can read the arguments of a process, but not a file of mode 0600, so that is
/// what leads to the address with the key.
fn open_page(url: &str, file: &Path) -> Result<(), pkcs11_test::Error> {
    let content = format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"0; url={url}\">\n<a href=\"{url}\">The page of the local SignPath service</a>\n"
    );
    pkcs11_test::write_secret(file, &content)?;
    let opened = Command::new("xdg-open")
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match opened {
        Ok(mut child) => {
            // Some browsers run until they are closed.
            thread::spawn(move || child.wait());
        }
        Err(error) => {
            eprintln!("pkcs11-test: cannot run xdg-open: {}; open {url}", describe(&error))
        }
    }
    Ok(())
}

/// Lines for a POSIX shell. Within single quotes, only the single quote is special.
fn export_lines(environment: &[(&'static str, String)]) -> String {
    environment
        .iter()
        .map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''")))
        .collect()
}
