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
use super::gpg;
use super::report::Report;
use super::tool::Script::{self, Program, Sh};
use super::tool::{Load, TOOLS, Tool};
use signpath_platform::child::KILLED;
use signpath_platform::os_error::describe;

use crate::failure::Failure;
use crate::policy::percent;
use crate::progress::Progress;
use crate::setup::template::{self, Template, Values};
use crate::temporary;

/// The time limit for a tool to load the module and list its contents.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// What a shell adds to the number of the signal that killed a program.
const AFTER_SIGNAL: i32 = 128;

/// Settings for the tools: only log errors, on stderr, and do not wait for SignPath if it does not respond.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("SIGNPATH_LOG_CONSOLE_LEVEL", "error"),
    ("SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM", "stderr"),
    ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "10"),
    ("LC_ALL", "C.UTF-8"),
];

/// The configurations used by the scripts.
const TEMPLATES: [Template; 5] = [
    template::ENGINE,
    template::PROVIDER,
    template::SUNPKCS11,
    template::GNUPG_PKCS11_SCD,
    template::NSS,
];

/// Tries each tool with the module at `path`, and with a signing policy of one of the tokens if the tool needs one.
pub fn check(
    tokens: Vec<(&Config, Vec<SigningPolicy>)>,
    path: &Path,
    report: &mut Report,
) -> Result<(), Failure> {
    let not_rsa = gpg::not_rsa(&tokens);
    let test_bed = match TestBed::new(tokens, path) {
        Err(Failure::Reason(reason)) => {
            let remedy = "name a directory that you can write to with TMPDIR";
            return report.add(Finding::error("tools", &reason, remedy));
        }
        test_bed => test_bed?,
    };
    for tool in TOOLS {
        report.add(test_bed.check(tool))?;
    }
    match not_rsa.and_then(|policy| gpg::waits_for_a_card(&test_bed, &policy)) {
        Some(warning) => report.add(warning),
        None => Ok(()),
    }
}

/// The directory and environment for running the tools.
pub struct TestBed {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    has_policy: bool,
    /// The configurations that could not be written, and why.
    unwritten: Vec<(&'static str, String)>,
    config: Config,
}

impl TestBed {
    fn new(mut tokens: Vec<(&Config, Vec<SigningPolicy>)>, path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::write("a temporary directory", &error);
        let folder = temporary::folder()?;
        let usable = |policy: &&SigningPolicy| {
            policy.certificate.is_some() && policy.why_not_signing().is_none()
        };
        let mut all = tokens.iter();
        let with_policy =
            all.position(|(_, policies)| policies.iter().any(|policy| usable(&policy)));
        let (config, policies) = tokens.swap_remove(with_policy.unwrap_or_default());
        let policy = policies.iter().find(usable).map(|policy| policy.name.to_string());
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
                ("PUBLIC_KEY", format!("pkcs11:token={token};object={object};type=public")),
            ],
            has_policy: policy.is_some(),
            unwritten,
            folder,
            config: config.clone(),
        })
    }

    fn check(&self, tool: &Tool) -> Finding {
        let name = tool.name;
        let _progress = Progress::start(format!("Testing {name}"));
        let version = match self.run(tool.version) {
            Ok(Outcome { end: End::Status(0), output }) => {
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
            Ok(Outcome { end: End::Status(0), output }) if contains_any(load.expected, &output) => {
                return Finding::ok(name, format!("{version}; loads the module"));
            }
            Ok(Outcome { end: End::TooLong, .. }) => {
                format!("timed out after {} s", TIME_LIMIT.as_secs())
            }
            Ok(Outcome { end: End::Signal, .. }) => KILLED.to_owned(),
            Ok(Outcome { end: End::Status(status @ AFTER_SIGNAL..), .. }) => {
                format!("killed by signal {}", status - AFTER_SIGNAL)
            }
            Ok(Outcome { output, .. }) => self.reason(&output),
        };
        Finding::failed(name, format!("{version}; cannot load the module ({reason})"), REMEDY)
    }

    /// Runs a script.
    pub fn run(&self, script: Script) -> io::Result<Outcome> {
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
        let lines = || output.lines().map(str::trim).filter(|line| !line.is_empty());
        let of_module = lines().find(|line| line.starts_with("signpath-pkcs11: error:"));
        let line = of_module.or_else(|| lines().next_back()).unwrap_or("no output");
        let own = self.config.api_token.as_ref().and_then(|token| token.read().ok());
        let tokens = self.config.other_secrets().into_iter().chain(own);
        tokens.fold(line.to_owned(), |line, token| token.mask_in(&line))
    }
}

/// Whether the output contains one of the expected texts, which are separated by `|`.
fn contains_any(expected: &str, output: &str) -> bool {
    expected.split('|').any(|expected| output.contains(expected))
}
