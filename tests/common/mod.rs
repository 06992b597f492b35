//! What the black-box tests share: the built module, a local service, and processes to load the module in.
//!
//! A module belongs to its process, and so do its environment, its stderr and its exit status. So a test starts itself again in a
//! child process, where it loads the module. The service runs in the parent, or [beside the module](on_stage).

// Each test program uses a part of it.
#![allow(dead_code, unused_imports, unused_macros)]

#[cfg(unix)]
pub mod fork;
pub mod programs;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, Module, Rv, Session, Stage, ulong};
use pkcs11_test::{Effect, Options, PolicyFile, REPOSITORY, RequestRecord, Service, TlsOptions};
use serde_json::{Value, json};

/// Set in the child to the name of its test.
const CHILD: &str = "SIGNPATH_TEST_CHILD";

/// Names the folder of the log file, so that no test writes into the one that all users share.
pub const LOG_DIRECTORY: &str = "SIGNPATH_LOG_FILE_DIRECTORY";

/// Updates the files that tests compare.
const UPDATE: &str = "SIGNPATH_TEST_UPDATE";

/// Names the library to test; tells a child which one its parent has built.
const MODULE: &str = "SIGNPATH_TEST_MODULE";

/// What a child prints last.
const DONE: &str = "the child is done";

/// The route of the list of signing policies in the service's log.
pub const LIST: &str = "GET /Cryptoki/MySigningPolicies";
/// The route of signing requests in the service's log.
pub const SIGN: &str = "POST /SigningRequests";
/// The same of the second generation.
pub const SIGN_HASH: &str = "POST /SigningRequests/SignHash";

/// Too little total time for a second attempt.
pub const ONE_ATTEMPT: (&str, &str) = ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "2");

/// The shared library: the one that `SIGNPATH_TEST_MODULE` names, or the one that a package ships,
/// which is built if need be. Cargo's own, beside the test programs, has features of the test bench.
pub fn module_path() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = || match std::env::var_os(MODULE) {
        Some(path) => path.into(),
        None => built_module(),
    };
    PATH.get_or_init(path).clone()
}

fn built_module() -> PathBuf {
    let script = Path::new(REPOSITORY).join("pkcs11-test/lib/module.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "the module was not built");
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}

/// Panics unless a file of the repository has this content. With `SIGNPATH_TEST_UPDATE=1` in the
/// environment, writes it instead.
pub fn assert_current(path: &str, content: &str) {
    let file = Path::new(REPOSITORY).join(path);
    if std::env::var(UPDATE).as_deref() == Ok("1") {
        std::fs::write(&file, content).unwrap();
        return;
    }
    let current = std::fs::read_to_string(&file).unwrap_or_default();
    let new: Vec<_> =
        content.lines().filter(|line| !current.lines().any(|known| known == *line)).collect();
    assert!(
        current == content,
        "{path} is not current; {UPDATE}=1 cargo test rewrites it. New lines: {new:#?}"
    );
}

/// A service with software keys that all tests share; the first start makes them.
pub fn options() -> Options {
    Options::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/service"))
}

/// Starts a service with the default policies.
pub fn service() -> Service {
    Service::start(options()).unwrap()
}

/// Starts a service with the default policies over TLS.
pub fn with_tls() -> Service {
    tls_service(TlsOptions::default())
}

/// The same with options of TLS.
pub fn tls_service(tls_options: TlsOptions) -> Service {
    Service::start(Options { tls: true, tls_options, ..options() }).unwrap()
}

/// The result of a child process.
pub struct Run {
    pub status: ExitStatus,
    pub stderr: String,
    pub stdout: String,
}

impl Run {
    /// Runs a [`child_command`]; panics with its output unless it exits with status 0.
    pub fn of_child(command: &mut Command, test: &str) -> Self {
        let output = command.output().unwrap();
        let run = Self {
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        };
        assert!(
            run.status.success() && run.stdout.contains(DONE),
            "the child of {test} ended with {}:\n{}\n{}",
            run.status,
            run.stdout,
            run.stderr
        );
        run
    }

    /// The module's lines on stderr.
    pub fn lines(&self) -> Vec<&str> {
        self.stderr.lines().filter(|line| line.starts_with("signpath-pkcs11: ")).collect()
    }

    /// The child passed, and the module had nothing to say.
    pub fn assert_silent(&self) {
        assert_eq!(self.lines(), Vec::<&str>::new());
    }

    /// The module said exactly one line, which contains all of `parts`.
    pub fn assert_one_line(&self, parts: &[&str]) {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        for part in parts {
            assert!(lines[0].contains(part), "{part:?} is not in {:?}", lines[0]);
        }
    }
}

/// A program that finds nothing of SignPath's in its environment but a folder for logs, the module,
/// and what the tests are told themselves.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIGNPATH_")) {
        if name != UPDATE {
            command.env_remove(name);
        }
    }
    for name in ["http_proxy", "https_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env(LOG_DIRECTORY, concat!(env!("CARGO_TARGET_TMPDIR"), "/logs"));
    command.env(MODULE, module_path());
    command
}

/// Runs `child` in a process of its own with nothing of SignPath's in its environment but
/// a folder for logs and `environment`; panics with its output unless it exits with status 0.
///
/// In the child, it runs `child` and gives [`None`]: the test is over there. `environment` is not
/// called then, so it may start a service.
pub fn in_child<S>(
    test: &str,
    environment: impl FnOnce() -> (S, Vec<(String, String)>),
    child: impl FnOnce(),
) -> Option<(S, Run)> {
    if std::env::var(CHILD).as_deref() == Ok(test) {
        end_if_hanging();
        die_of_broken_pipes();
        child();
        done();
        return None;
    }
    let (state, environment) = environment();
    let mut command = child_command(&std::env::current_exe().unwrap(), test);
    Some((state, Run::of_child(command.envs(environment), test)))
}

/// Runs `child` in a process of its own with a service and `more` in its environment. Returns [`None`] in the child.
pub fn child_of(
    test: &str,
    service: impl FnOnce() -> Service,
    more: &[(&str, &str)],
    child: impl FnOnce(),
) -> Option<(Service, Run)> {
    let prepare = || {
        let service = service();
        let environment = environment(&service, more);
        (service, environment)
    };
    in_child(test, prepare, child)
}

/// Runs `act` in a process of its own with a service and a module. All lines of the module must be seen by [`Stage::see`].
pub fn on_stage(
    test: &str,
    options: impl FnOnce() -> Options,
    more: &[(&str, &str)],
    act: impl FnOnce(&mut Stage, &Module),
) -> Option<Run> {
    let child = || {
        let mut stage = Stage::new(options(), more).unwrap();
        act(&mut stage, &load());
    };
    let ((), run) = in_child(test, || ((), Vec::new()), child)?;
    run.assert_silent();
    Some(run)
}

/// What a test's parent process gets of its child. The child returns from the test here.
#[macro_export]
macro_rules! in_parent {
    ($result:expr) => {
        match $result {
            Some(result) => result,
            None => return,
        }
    };
}

/// The command that runs the child of a test in `program`, a test program.
pub fn child_command(program: &Path, test: &str) -> Command {
    let mut command = command(program);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, test);
    command
}

/// Sets the soft limit of this process.
#[cfg(target_os = "linux")]
pub fn limit(resource: libc::__rlimit_resource_t, number: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are to a limit.
    unsafe {
        assert_eq!(libc::getrlimit(resource, &mut limit), 0);
        limit.rlim_cur = number;
        assert_eq!(libc::setrlimit(resource, &limit), 0);
    }
}

/// Has this process killed after two minutes, so that a hang is a test that fails. A forked child
/// needs its own call. On Windows, whoever runs the tests has to do that.
pub fn end_if_hanging() {
    #[cfg(unix)]
    // SAFETY: it only sets a timer, whose signal ends the process.
    unsafe {
        libc::alarm(120)
    };
}

/// Gives SIGPIPE its default back, which ends the process, as it would end a signing tool: Rust
/// programs ignore it, and would not notice that the module raises it.
pub fn die_of_broken_pipes() {
    #[cfg(unix)]
    // SAFETY: it sets no handler, only the default.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL)
    };
}

/// For a child that does not return to its test: reports success.
pub fn done() {
    println!("\n{DONE}");
}

/// The name of the surrounding test, as its program takes it on the command line.
#[macro_export]
macro_rules! test_name {
    () => {{
        fn here() {}
        let path = std::any::type_name_of_val(&here);
        let path = path.strip_suffix("::here").unwrap();
        path.split_once("::").unwrap().1
    }};
}

/// An array of rows that rustfmt leaves in one line each.
#[macro_export]
macro_rules! table {
    ($($rows:tt)*) => {
        [$($rows)*]
    };
}

/// Runs a program that has to succeed.
#[track_caller]
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// What a program prints that has to succeed.
#[track_caller]
pub fn printed(command: &mut Command) -> String {
    String::from_utf8(succeed(command).stdout).unwrap()
}

/// The environment that leads a module to `service`, with `more` over it.
pub fn environment(service: &Service, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    service
        .environment()
        .into_iter()
        .chain(more)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The same URL with an address that is not recognized as this machine, which is reached without a proxy.
pub fn beyond_loopback(url: &str) -> String {
    url.replacen("127.0.0.1", "0.0.0.0", 1)
}

/// The variables that lead to `service` as if it were on another machine.
pub fn another_machine(service: &Service) -> [(&'static str, String); 2] {
    [
        ("SIGNPATH_API_URL", beyond_loopback(service.api_url())),
        ("SIGNPATH_ALLOW_INSECURE_HTTP", "true".to_owned()),
    ]
}

/// A list of signing policies with these slugs and the same certificate.
pub fn listed(names: &[(&str, &str)], certificate: &[u8]) -> Effect {
    listed_policies(names.iter().map(|(project, policy)| (*project, *policy, certificate)), "Rsa")
}

/// The same with a certificate each.
pub fn listed_policies<'a>(
    policies: impl IntoIterator<Item = (&'a str, &'a str, &'a [u8])>,
    key_type: &str,
) -> Effect {
    let entry = |(index, (project, policy, certificate)): (usize, (&str, &str, &[u8]))| {
        json!({
            "signingPolicyId": format!("eacd4b78-6038-4450-9eec-{index:012}"),
            "projectSlug": project,
            "signingPolicySlug": policy,
            "keyType": key_type,
            "keySizeInBits": 2048,
            "certificateBytes": STANDARD.encode(certificate),
        })
    };
    list_of(policies.into_iter().enumerate().map(entry).collect())
}

/// A list of signing policies with these entries.
pub fn list_of(entries: Vec<Value>) -> Effect {
    let body = json!({ "signingPolicies": entries }).to_string();
    Effect::answer(200, &[("Content-Type", "application/json")], body)
}

/// How often the list and signatures were requested, and over how many connections.
#[derive(Debug, PartialEq, Eq)]
pub struct Traffic {
    pub lists: usize,
    pub signatures: usize,
    pub connections: usize,
}

/// Counts requests.
pub fn traffic(requests: &[RequestRecord]) -> Traffic {
    let count = |route: &str| requests.iter().filter(|request| request.route == route).count();
    let connections: BTreeSet<_> = requests.iter().map(|request| request.connection).collect();
    let signatures = count(SIGN) + count(SIGN_HASH);
    assert_eq!(count(LIST) + signatures, requests.len(), "{requests:#?}");
    Traffic { lists: count(LIST), signatures, connections: connections.len() }
}

/// No objects.
pub const NOTHING: [CK_OBJECT_HANDLE; 0] = [];

/// The built module, not initialized yet.
pub fn load() -> Module {
    Module::load(module_path())
}

/// Signs a digest with demo/p-256.
pub fn sign(session: Session) -> Rv {
    session.key("demo/p-256").sign(CKM_ECDSA, &[7; 32]).into()
}

pub fn log_in_and_sign(module: &Module) -> Session<'_> {
    let session = module.logged_in().unwrap();
    assert_eq!(sign(session), CKR_OK);
    session
}

/// The answers to a signature in one part and in several, by the functions of 2.40 and by those that are told the signature first.
pub fn verified(
    s: Session,
    m: &Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
    signature: &[u8],
) -> Vec<Rv> {
    let parts = || data.chunks(data.len() / 3 + 1);
    let begin = || assert_eq!(s.verify_init(m, key), CKR_OK);
    begin();
    let one_part = s.verify(data, signature);
    begin();
    parts().for_each(|part| assert_eq!(s.verify_update(part), CKR_OK));
    let in_parts = s.verify_final(signature);
    let begin = || assert_eq!(s.verify_signature_init(m, key, signature), CKR_OK);
    begin();
    let told = s.verify_signature(data);
    begin();
    parts().for_each(|part| assert_eq!(s.verify_signature_update(part), CKR_OK));
    vec![one_part, in_parts, told, s.verify_signature_final()]
}

/// Panics unless there are as many lines as expected, each with its parts, which ` … ` divides.
#[track_caller]
pub fn assert_lines(lines: &[String], expected: &[&str]) {
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, parts) in lines.iter().zip(expected) {
        let missing = parts.split(" … ").find(|part| !line.contains(part));
        assert_eq!(missing, None, "is not in {line:?}");
    }
}

/// All objects that are seen in a session, without the token's profiles.
pub fn visible(session: Session) -> Vec<CK_OBJECT_HANDLE> {
    let profiles = session.find(&[(CKA_CLASS, ulong(CKO_PROFILE))]).unwrap();
    let mut objects = session.find(&[]).unwrap();
    objects.retain(|object| !profiles.contains(object));
    objects
}

/// A PIN that names the user of a service by its API token.
pub fn pin(service: &Service, token: &str) -> String {
    format!("{}:{token}", service.organization_id())
}

/// The usual options with a policies file.
pub fn with_policies(policies: &str) -> Options {
    Options { policies: PolicyFile::parse(policies).unwrap(), ..options() }
}

/// The names of all functions of PKCS #11 3.2, as cryptoki-sys renders the header of the standard.
pub fn function_names() -> BTreeSet<String> {
    let list = format!("{:?}", CK_FUNCTION_LIST_3_2::default());
    let words = list.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let names = words.filter(|word| word.starts_with("C_"));
    names.map(str::to_owned).collect()
}

/// In a child: prints an answer for the parent.
pub fn say(answer: &str) {
    println!("\nsaid: {answer}");
}

/// The answers that a child printed with [`say`].
pub fn said(stdout: &str) -> Vec<&str> {
    stdout.lines().filter_map(|line| line.split_once("said: ").map(|(_, said)| said)).collect()
}
