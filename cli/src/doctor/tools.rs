//! The signing tools on this machine, and whether each of them can load the module.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use signpath_client::SigningPolicy;
use signpath_config::Config;
use tempfile::TempDir;

use super::child::{self, End, Outcome};
use super::finding::Finding;
use super::report::Report;
use Script::{Program, Sh};
use signpath_platform::child::KILLED;
use signpath_platform::os_error::describe;

use crate::failure::Failure;
use crate::policy::percent;
use crate::progress::Progress;
use crate::setup::template::{self, Template, Values};

/// The time limit for a tool to load the module and list its contents.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Since this version, gpg-agent asks its daemon for the key before each signature.
const WAITS_SINCE: [u32; 2] = [2, 4];
/// Up to this version, the answer is an error if the first certificate is not for an RSA key.
const FAILS_UP_TO: [u32; 3] = [0, 11, 0];

/// What a shell adds to the number of the signal that killed a program.
const AFTER_SIGNAL: i32 = 128;

/// Settings for the tools: only log errors, on stderr, and do not wait for SignPath if it does not respond.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("SIGNPATH_LOG_CONSOLE_LEVEL", "error"),
    ("SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM", "stderr"),
    ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "10"),
    ("LC_ALL", "C.UTF-8"),
];

/// A tool and how to try it: with the module in `$MODULE`, a directory with the configurations written by `setup` in
/// `$FOLDER`, and the URI of a public key in `$PUBLIC_KEY`. Nothing is signed.
struct Tool {
    name: &'static str,
    /// Fails if the tool is not installed; otherwise the first line of its output is the version.
    version: Script,
    /// Loads the module; [`None`] if another row does this for the same tool.
    load: Option<Load>,
}

/// How a program is started.
#[derive(Clone, Copy)]
enum Script {
    /// By `sh`.
    Sh(&'static str),
    /// Directly, with these arguments, where there is no `sh`.
    Program(&'static str, &'static [&'static str]),
}

impl Script {
    fn contains(self, text: &str) -> bool {
        match self {
            Sh(script) => script.contains(text),
            Program(_, arguments) => arguments.iter().any(|argument| argument.contains(text)),
        }
    }
}

struct Load {
    script: Script,
    /// What it prints on success.
    expected: &'static str,
    /// Whether it needs a key of a signing policy, and so a request to SignPath.
    needs_policy: bool,
}

/// The tools on systems with `sh`.
const TOOLS: &[Tool] = &[
    Tool {
        name: "openssl",
        version: Sh("openssl version"),
        load: None,
    },
    Tool {
        name: "openssl engine",
        version: Sh("openssl engine pkcs11"),
        load: Some(Load {
            script: Sh("export OPENSSL_CONF=\"$FOLDER/signpath-engine.cnf\"
                openssl pkey -engine pkcs11 -pubin -inform engine -in \"$PUBLIC_KEY\" -pubout"),
            expected: "BEGIN PUBLIC KEY",
            needs_policy: true,
        }),
    },
    Tool {
        name: "openssl provider",
        version: Sh(
            "test -e \"$(openssl version -m | sed 's/.*\"\\(.*\\)\"/\\1/')/pkcs11.so\" && echo pkcs11-provider",
        ),
        load: Some(Load {
            script: Sh("export OPENSSL_CONF=\"$FOLDER/signpath-provider.cnf\"
                openssl pkey -pubin -in \"$PUBLIC_KEY\" -pubout"),
            expected: "BEGIN PUBLIC KEY",
            needs_policy: true,
        }),
    },
    Tool {
        name: "osslsigncode",
        version: Sh(
            "command -v osslsigncode >/dev/null && { osslsigncode --version 2>&1 || true; }",
        ),
        // No key has this name: those of signing policies contain a slash.
        load: Some(Load {
            script: Sh(
                "SIGNPATH_LOG_CONSOLE_LEVEL=debug osslsigncode sign -pkcs11module \"$MODULE\" -pass CONFIG \
                -key 'pkcs11:object=none;type=private' -pkcs11cert 'pkcs11:object=none;type=cert' \
                -in \"$MODULE\" -out \"$FOLDER/signed\" 2>&1 || true",
            ),
            expected: "C_OpenSession(",
            needs_policy: false,
        }),
    },
    Tool {
        name: "keytool, jarsigner",
        version: Sh("command -v keytool >/dev/null && java -version 2>&1"),
        load: Some(Load {
            script: Sh(
                "keytool -list -storetype PKCS11 -keystore NONE -storepass CONFIG \
                -providerClass sun.security.pkcs11.SunPKCS11 -providerArg \"$FOLDER/signpath-sunpkcs11.cfg\"",
            ),
            expected: "Keystore type: PKCS11",
            needs_policy: true,
        }),
    },
    Tool {
        name: "pkcs11-tool",
        version: Sh(
            "command -v pkcs11-tool >/dev/null && { opensc-tool --version 2>/dev/null || echo OpenSC; }",
        ),
        load: Some(Load {
            script: Sh("pkcs11-tool --module \"$MODULE\" --list-token-slots"),
            expected: "SignPath",
            needs_policy: false,
        }),
    },
    Tool {
        name: "gnupg-pkcs11-scd",
        version: Sh("command -v gnupg-pkcs11-scd >/dev/null && gnupg-pkcs11-scd --version"),
        load: Some(Load {
            script: Sh(
                "printf 'SERIALNO\\nBYE\\n' | gnupg-pkcs11-scd --server --homedir \"$FOLDER\"",
            ),
            expected: "S SERIALNO",
            needs_policy: false,
        }),
    },
    Tool {
        name: "p11tool",
        version: Sh("command -v p11tool >/dev/null && p11tool --version"),
        load: Some(Load {
            script: Sh("p11tool --provider \"$MODULE\" --list-tokens"),
            expected: "manufacturer=SignPath",
            needs_policy: false,
        }),
    },
    Tool {
        name: "NSS",
        version: Sh(
            "command -v modutil >/dev/null && command -v certutil >/dev/null && echo modutil and certutil",
        ),
        load: Some(Load {
            script: Sh(
                "sh \"$FOLDER/signpath-nss\" \"$FOLDER\" && modutil -dbdir \"sql:$FOLDER\" -list SignPath",
            ),
            expected: "Token Manufacturer: SignPath",
            needs_policy: false,
        }),
    },
    Tool {
        name: "ssh",
        version: Sh("command -v ssh-keygen >/dev/null && ssh -V 2>&1"),
        load: Some(Load {
            script: Sh("ssh-keygen -D \"$MODULE\""),
            expected: "ssh-rsa |ecdsa-sha2-",
            needs_policy: true,
        }),
    },
];

/// The tools on Windows.
const WINDOWS_TOOLS: &[Tool] = &[
    Tool {
        name: "openssl",
        version: Program("openssl", &["version"]),
        load: None,
    },
    Tool {
        name: "osslsigncode",
        version: Program("osslsigncode", &["--version"]),
        load: None,
    },
    Tool {
        name: "keytool, jarsigner",
        version: Program("java", &["-version"]),
        load: Some(Load {
            script: Program(
                "keytool",
                &[
                    "-list",
                    "-storetype",
                    "PKCS11",
                    "-keystore",
                    "NONE",
                    "-storepass",
                    "CONFIG",
                    "-providerClass",
                    "sun.security.pkcs11.SunPKCS11",
                    "-providerArg",
                    "$FOLDER/signpath-sunpkcs11.cfg",
                ],
            ),
            expected: "Keystore type: PKCS11",
            needs_policy: true,
        }),
    },
    Tool {
        name: "pkcs11-tool",
        version: Program("opensc-tool", &["--version"]),
        load: Some(Load {
            script: Program(
                "pkcs11-tool",
                &["--module", "$MODULE", "--list-token-slots"],
            ),
            expected: "SignPath",
            needs_policy: false,
        }),
    },
];

/// The configurations used by the scripts.
const TEMPLATES: [Template; 5] = [
    template::ENGINE,
    template::PROVIDER,
    template::SUNPKCS11,
    template::GNUPG_PKCS11_SCD,
    template::NSS,
];

/// Tries each tool with the module at `path`, and with one of `policies` if the tool needs one.
pub fn check(
    config: &Config,
    path: &Path,
    policies: Vec<SigningPolicy>,
    report: &mut Report,
) -> Result<(), Failure> {
    let workshop = TestBed::new(config, path, policies)?;
    let tools = match cfg!(windows) {
        true => WINDOWS_TOOLS,
        false => TOOLS,
    };
    for tool in tools {
        report.add(workshop.check(tool))?;
    }
    match workshop.waits_for_a_card() {
        Some(warning) => report.add(warning),
        None => Ok(()),
    }
}

/// The directory and environment for running the tools.
struct TestBed {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    has_policy: bool,
    /// The name of a signing policy with a key that is not RSA.
    not_rsa: Option<String>,
    /// The configurations that could not be written, and why.
    unwritten: Vec<(&'static str, String)>,
    config: Config,
}

impl TestBed {
    fn new(config: &Config, path: &Path, policies: Vec<SigningPolicy>) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::write("a temporary directory", &error);
        let folder = tempfile::tempdir().map_err(failed)?;
        let usable =
            |policy: &&SigningPolicy| policy.certificate.is_some() && policy.public_key.is_some();
        let policy = policies
            .iter()
            .find(usable)
            .map(|policy| policy.name.to_string());
        let not_rsa = policies
            .iter()
            .find(|policy| policy.public_key.as_ref().is_some_and(|key| !key.is_rsa()))
            .map(|policy| policy.name.to_string());
        let values = Values::new(path, &config.token, policies, None)?;
        let mut unwritten = Vec::new();
        for template in &TEMPLATES {
            match values.fill(template, template.name) {
                Ok(content) => {
                    let file = folder.path().join(template.name);
                    std::fs::write(file, content.unwrap_or_default()).map_err(failed)?;
                }
                Err(Failure::Reason(reason)) => unwritten.push((template.name, reason)),
                Err(failure) => return Err(failure),
            }
        }
        let token = percent(config.token.label.as_bytes());
        let object = percent(policy.as_deref().unwrap_or_default().as_bytes());
        Ok(Self {
            variables: vec![
                ("MODULE", path.display().to_string()),
                (
                    "PUBLIC_KEY",
                    format!("pkcs11:token={token};object={object};type=public"),
                ),
            ],
            has_policy: policy.is_some(),
            not_rsa,
            unwritten,
            folder,
            config: config.clone(),
        })
    }

    fn check(&self, tool: &Tool) -> Finding {
        let name = tool.name;
        let _progress = Progress::start(format!("Testing {name}"));
        let version = match self.run(tool.version) {
            Ok(Outcome {
                end: End::Status(0),
                output,
            }) => {
                let first = output.lines().next().unwrap_or_default();
                first.trim().trim_end_matches(", using:").to_owned()
            }
            _ => return Finding::skipped(name, "not installed"),
        };
        match &tool.load {
            None => Finding::ok(name, version),
            Some(load) if load.needs_policy && !self.has_policy => Finding::skipped(
                name,
                format!("{version}; not tested, because there is no certificate to look for"),
            ),
            Some(load) => match self.unwritten_for(load) {
                Some(reason) => Finding::error(name, reason, ""),
                None => self.load(name, &version, load),
            },
        }
    }

    /// Why a configuration used by the script could not be written.
    fn unwritten_for(&self, load: &Load) -> Option<&str> {
        // gnupg-pkcs11-scd takes the directory and knows the file name itself.
        let stem = |name: &'static str| name.split('.').next().unwrap_or(name);
        let mut unwritten = self.unwritten.iter();
        let (_, reason) = unwritten.find(|(name, _)| load.script.contains(stem(name)))?;
        Some(reason)
    }

    /// Warns of gpg 2.4 with a gnupg-pkcs11-scd that fails if it sees a key that is not RSA; each failure makes
    /// gpg-agent ask for a card again.
    fn waits_for_a_card(&self) -> Option<Finding> {
        const CHECK: &str = "gpg";
        let version = |script| {
            let outcome = self.run(Sh(script)).ok()?;
            let output = Some(outcome.output).filter(|_| outcome.end == End::Status(0))?;
            numbers(output.lines().next()?)
        };
        let gpg = version("gpg --version")?;
        let scdaemon = version("gnupg-pkcs11-scd --version")?;
        let other = self.not_rsa.as_deref()?;
        (gpg.as_slice() >= &WAITS_SINCE[..] && scdaemon.as_slice() <= &FAILS_UP_TO[..]).then(|| {
            Finding::warning(
                CHECK,
                format!(
                    "gpg {} with gnupg-pkcs11-scd {} asks for a card without end, since {other} has a key that is not RSA",
                    dotted(&gpg),
                    dotted(&scdaemon)
                ),
                "show it one signing policy only: signpath-pkcs11 setup gpg PROJECT/POLICY --import",
            )
        })
    }

    fn load(&self, name: &'static str, version: &str, load: &Load) -> Finding {
        const REMEDY: &str =
            "run the tool with SIGNPATH_LOG_CONSOLE_LEVEL=debug to log each call and its result";
        let reason = match self.run(load.script) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let missing = match load.script {
                    Sh(_) => "sh",
                    Program(program, _) => program,
                };
                return Finding::skipped(
                    name,
                    format!("{version}; not tested, because there is no {missing}"),
                );
            }
            Err(error) => describe(&error),
            Ok(Outcome {
                end: End::Status(0),
                output,
            }) if contains_any(load.expected, &output) => {
                return Finding::ok(name, format!("{version}; loads the module"));
            }
            Ok(Outcome {
                end: End::TooLong, ..
            }) => format!("timed out after {} s", TIME_LIMIT.as_secs()),
            Ok(Outcome {
                end: End::Signal, ..
            }) => KILLED.to_owned(),
            Ok(Outcome {
                end: End::Status(status @ AFTER_SIGNAL..),
                ..
            }) => format!("killed by signal {}", status - AFTER_SIGNAL),
            Ok(Outcome { output, .. }) => self.reason(&output),
        };
        Finding::failed(
            name,
            format!("{version}; cannot load the module ({reason})"),
            REMEDY,
        )
    }

    fn run(&self, script: Script) -> io::Result<Outcome> {
        let mut command = match script {
            Sh(script) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", script]);
                shell
            }
            Program(name, arguments) => {
                let mut program = Command::new(name);
                program.args(arguments.iter().map(|argument| self.expanded(argument)));
                program
            }
        };
        command
            .envs(ENVIRONMENT)
            .env("FOLDER", self.folder.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        child::run(&mut command, TIME_LIMIT)
    }

    /// An argument as `sh` would pass it.
    fn expanded(&self, argument: &str) -> String {
        let folder = ("FOLDER", self.folder.path().display().to_string());
        let variables = self.variables.iter().chain([&folder]);
        variables.fold(argument.to_owned(), |argument, (name, value)| {
            argument.replace(&format!("${name}"), value)
        })
    }

    /// The module's error message, or else the last line of the tool's output.
    fn reason(&self, output: &str) -> String {
        let lines = || {
            output
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
        };
        let of_module = lines().find(|line| line.starts_with("signpath-pkcs11: error:"));
        let line = of_module
            .or_else(|| lines().next_back())
            .unwrap_or("no output");
        let own = self
            .config
            .api_token
            .as_ref()
            .and_then(|token| token.read().ok());
        let tokens = self.config.other_secrets().into_iter().chain(own);
        tokens.fold(line.to_owned(), |line, token| token.mask_in(&line))
    }
}

/// The version in a line such as `gpg (GnuPG) 2.4.7`.
fn numbers(line: &str) -> Option<Vec<u32>> {
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let version = line.split_whitespace().find(is_version)?;
    version
        .split('.')
        .map(|number| {
            let end = number.find(|c: char| !c.is_ascii_digit());
            number.get(..end.unwrap_or(number.len()))?.parse().ok()
        })
        .collect()
}

fn dotted(version: &[u32]) -> String {
    let numbers: Vec<_> = version.iter().map(u32::to_string).collect();
    numbers.join(".")
}

/// Whether the output contains one of the expected texts, which are separated by `|`.
fn contains_any(expected: &str, output: &str) -> bool {
    expected
        .split('|')
        .any(|expected| output.contains(expected))
}
