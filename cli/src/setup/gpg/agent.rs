//! Runs gpg and gpg-agent with a time limit: gpg 2.4 asks for a card without end if its daemon fails.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use signpath_client::PolicyName;
use signpath_platform::os_error::describe;
use tempfile::TempDir;

use super::home::Home;
use crate::doctor::child::{self, End, Outcome};
use crate::failure::Failure;
use crate::program;
use crate::progress::Progress;
use crate::temporary;

/// The longest that one program may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How long the module may try to reach SignPath, in seconds.
const SERVICE_LIMIT: &str = "30";

/// The maximum length of the name of a Unix domain socket, in bytes: one less than unix(7) allows, as in GnuPG.
const MAX_SOCKET: usize = 106;

const LOG: &str = "SignPath.CryptoProviders.Cryptoki.txt";

/// The programs, and a directory for what they read and write.
pub struct Gnupg<'a> {
    home: &'a Home,
    programs: [PathBuf; 3],
    folder: TempDir,
}

/// An OpenPGP key as downloaded.
pub struct Key {
    file: PathBuf,
    /// The fingerprint of its primary key.
    pub primary: String,
    /// What `gpg --local-user` takes: the fingerprint of the key that signs.
    pub id: String,
}

/// A gpg-agent that this command has started, and that ends with it: the next one has the user's own environment.
pub struct Agent<'a> {
    gnupg: &'a Gnupg<'a>,
}

const GPG: usize = 0;
const CONNECT: usize = 1;
const CONF: usize = 2;

impl<'a> Gnupg<'a> {
    pub fn installed(home: &'a Home) -> Result<Self, Failure> {
        let find = |name: &str| {
            program::find(name)
                .ok_or_else(|| format!("{name} is not installed; on Debian: apt install gnupg"))
        };
        Ok(Self {
            home,
            programs: [find("gpg")?, find("gpg-connect-agent")?, find("gpgconf")?],
            folder: temporary::folder()?,
        })
    }

    fn run<A: AsRef<OsStr>>(
        &self,
        program: usize,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Outcome, Failure> {
        let program = self.programs.get(program).ok_or("no such program")?;
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("GNUPGHOME", self.home.path())
            .env("LC_ALL", "C.UTF-8")
            .env("SIGNPATH_LOG_FILE_DIRECTORY", self.folder.path())
            .env("SIGNPATH_LOG_FILE_LEVEL", "info")
            .env("SIGNPATH_LOG_CONSOLE_LEVEL", "none")
            // Nobody is asked for a PIN here, whatever the wrapper says later.
            .env("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false")
            .env("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", SERVICE_LIMIT);
        // Nothing may wait for an answer in a window or a terminal.
        for variable in ["DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY"] {
            command.env_remove(variable);
        }
        let outcome = child::run(&mut command, TIME_LIMIT)
            .map_err(|error| format!("cannot run {name}: {}", describe(&error)))?;
        match outcome.end {
            End::TooLong => Err(format!(
                "{name} did not end within {} s{}",
                TIME_LIMIT.as_secs(),
                self.reason().map(|reason| format!(": {reason}")).unwrap_or_default()
            )
            .into()),
            _ => Ok(outcome),
        }
    }

    /// Runs a program that must succeed, for what a message calls `purpose`.
    fn succeed<A: AsRef<OsStr>>(
        &self,
        purpose: &str,
        program: usize,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, Failure> {
        let outcome = self.run(program, arguments)?;
        match outcome.end {
            End::Status(0) => Ok(outcome.output),
            _ => Err(format!("{purpose}: {}", self.reason_or(&outcome.output)).into()),
        }
    }

    /// The last error in the log of the module, or else the last warning.
    fn reason(&self) -> Option<String> {
        let log = self.log();
        let last = |level| {
            let mut lines = log.lines().rev();
            lines.find_map(|line| Some(line.split_once(level)?.1.to_owned()))
        };
        last("] error: ").or_else(|| last("] warning: "))
    }

    fn reason_or(&self, output: &str) -> String {
        let last = || {
            let lines = output.lines().rev().map(str::trim);
            lines.filter(|line| !line.is_empty()).map(str::to_owned).next()
        };
        self.reason().or_else(last).unwrap_or_else(|| "it says nothing".to_owned())
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder.path().join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Ends what runs in the directory, so that the next program starts it with the new configuration.
    pub fn stop(&self) {
        // Fails if nothing runs.
        let _ = self.run(CONF, ["--kill", "all"]);
    }

    /// Starts gpg-agent anew.
    pub fn start(&'a self) -> Result<Agent<'a>, Failure> {
        // The longest of the names with which it listens.
        let socket = self.succeed("gpgconf", CONF, ["--list-dirs", "agent-browser-socket"])?;
        let socket = socket.trim();
        if socket.len() > MAX_SOCKET {
            let shown = self.home.path().display();
            return Err(format!("the path {shown} is too long for the socket of gpg-agent; name a shorter one with --home").into());
        }
        self.stop();
        let running = self.run(CONNECT, ["--no-autostart", "GETINFO pid", "/bye"])?;
        if let Some(pid) = running.output.lines().find_map(|line| line.strip_prefix("D ")) {
            let shown = self.home.path().display();
            return Err(format!(
                "gpg-agent runs in {shown} with another configuration and does not end; end process {pid} and try again"
            )
            .into());
        }
        Ok(Agent { gnupg: self })
    }

    /// Reads a transferable public key, which must be of the signing policy's key.
    pub fn read_key(
        &self,
        content: Vec<u8>,
        policy: &PolicyName,
        keygrip: &str,
    ) -> Result<Key, Failure> {
        let file = self.folder.path().join("key");
        fs::write(&file, content).map_err(|error| Failure::write("a temporary file", &error))?;
        let show = ["--batch", "--with-colons", "--with-keygrip", "--show-keys"].map(OsStr::new);
        // gpg insists on a home directory, even to look at a file.
        let output = {
            let outside = self.folder.path().as_os_str();
            let arguments = [OsStr::new("--homedir"), outside];
            let arguments = arguments.into_iter().chain(show).chain([file.as_os_str()]);
            self.succeed(
                &format!("gpg cannot read the OpenPGP key of the signing policy {policy}"),
                GPG,
                arguments,
            )?
        };
        let (mut primary, mut fingerprint, mut status) = (None, "", "");
        for line in output.lines() {
            let fields: Vec<_> = line.split(':').collect();
            let field = |index: usize| fields.get(index).copied().unwrap_or_default();
            match field(0) {
                "pub" | "sub" => status = field(1),
                "fpr" => {
                    fingerprint = field(9);
                    primary.get_or_insert_with(|| fingerprint.to_owned());
                }
                "grp" if field(9) == keygrip => {
                    let problem = match status {
                        "e" => Some("has expired"),
                        "r" => Some("is revoked"),
                        "i" => Some("has no valid self-signature"),
                        _ => None,
                    };
                    if let Some(problem) = problem {
                        return Err(format!("the OpenPGP key of the signing policy {policy} {problem}; ask the administrator of the organization for another one").into());
                    }
                    let primary = primary.clone().unwrap_or_default();
                    // gpg would choose another subkey without the exclamation mark.
                    let id = match fingerprint == primary {
                        true => primary.clone(),
                        false => format!("{fingerprint}!"),
                    };
                    return Ok(Key { file, primary, id });
                }
                _ => {}
            }
        }
        Err(format!("the OpenPGP key of the signing policy {policy} is of another key than the policy's; ask the administrator of the organization").into())
    }

    /// Whether there is any public key.
    pub fn has_keys(&self) -> Result<bool, Failure> {
        let keys = self.succeed("gpg", GPG, ["--batch", "--with-colons", "--list-keys"])?;
        Ok(keys.lines().any(|line| line.starts_with("pub:")))
    }

    /// Deletes a public key, if it is there.
    pub fn delete_key(&self, fingerprint: &str) -> Result<(), Failure> {
        let known = self.run(GPG, ["--batch", "--list-keys", fingerprint])?;
        if known.end == End::Status(0) {
            let delete = ["--batch", "--yes", "--delete-keys", fingerprint];
            self.succeed("gpg cannot delete the OpenPGP key", GPG, delete)?;
        }
        self.stop();
        Ok(())
    }
}

impl Agent<'_> {
    /// Imports the public key.
    pub fn import(&self, key: &Key) -> Result<(), Failure> {
        let arguments = ["--batch", "--import"].map(OsStr::new);
        let arguments = arguments.into_iter().chain([key.file.as_os_str()]);
        let purpose = "gpg cannot import the OpenPGP key";
        self.gnupg.succeed(purpose, GPG, arguments).map(drop)
    }

    /// Tells gpg-agent which card has the private key.
    pub fn learn(&self, policy: &PolicyName, keygrip: &str) -> Result<(), Failure> {
        let _progress = Progress::start("Waiting for gpg-agent");
        let gnupg = self.gnupg;
        let listed = gnupg.run(CONNECT, ["SCD LEARN", "/bye"])?;
        // gnupg-pkcs11-scd shows the bytes of CKA_ID: as they are, or in hexadecimal.
        if !listed.output.contains(keygrip) {
            let home = gnupg.home.path().display();
            let reason = match gnupg.reason() {
                Some(reason) => reason,
                None => format!(
                    "{}; if gpg-agent runs with another configuration or environment, end it: gpgconf --homedir {home} --kill all",
                    gnupg.reason_or(&listed.output)
                ),
            };
            return Err(
                format!("gnupg-pkcs11-scd does not show the key of {policy}: {reason}").into()
            );
        }
        gnupg.succeed("gpg-agent cannot learn the key", CONNECT, ["LEARN", "/bye"])?;
        let arguments = ["--batch", "--with-colons", "--with-keygrip", "--list-secret-keys"];
        let keys = gnupg.succeed("gpg cannot list the private key", GPG, arguments)?;
        match keys.contains(keygrip) {
            true => Ok(()),
            false => {
                Err("gpg does not know the private key after it was learnt; run the command again"
                    .into())
            }
        }
    }

    /// Signs and verifies a file. Returns how many signing requests that was.
    pub fn sign(&self, key: &Key) -> Result<usize, Failure> {
        let _progress = Progress::start("Waiting for gpg to sign");
        let gnupg = self.gnupg;
        let path = |name: &str| gnupg.folder.path().join(name);
        let (file, signature) = (path("file"), path("file.sig"));
        fs::write(&file, "signpath-pkcs11 setup gpg --test\n")
            .map_err(|error| Failure::write("a temporary file", &error))?;
        // gpg 2.4 asks for a card without end if signing fails, unless nobody answers.
        let sign = ["--batch", "--yes", "--pinentry-mode", "cancel"];
        let sign = sign.into_iter().chain(["--local-user", &key.id, "--output"]);
        let sign = sign.map(OsStr::new).chain([
            signature.as_os_str(),
            OsStr::new("--detach-sign"),
            file.as_os_str(),
        ]);
        gnupg.succeed("gpg cannot sign", GPG, sign)?;
        let verify = [OsStr::new("--batch"), OsStr::new("--verify")];
        let verify = verify.into_iter().chain([signature.as_os_str(), file.as_os_str()]);
        gnupg.succeed("gpg cannot verify its signature", GPG, verify)?;
        let log = gnupg.log();
        let requests = log.lines().filter(|line| line.contains("POST SigningRequests"));
        Ok(requests.count())
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        self.gnupg.stop();
    }
}
