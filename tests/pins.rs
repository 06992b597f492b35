//! Whom a PIN of `{OrganizationId}:{ApiToken}` stands for after a real tool has handed it on; the
//! configuration has another user.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::{LIST, environment, module_path, options};
use pkcs11_test::{Options, Service};

/// The private key that only the user of the PIN has.
const KEY: &str = "pkcs11:object=demo%2Fp-384;type=private";

/// A service with two users, the first of whom the configuration has, and a folder for a tool.
struct Bench {
    service: Service,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let policies = serde_json::from_str(
            r#"{"users": [{"name": "configured", "submitterOf": ["demo/p-256"]},
                          {"name": "other", "submitterOf": ["demo/p-384"]}],
                "policies": [{"project": "demo", "policy": "p-256", "key": "p-256"},
                             {"project": "demo", "policy": "p-384", "key": "p-384"}]}"#,
        )
        .unwrap();
        let service = Service::start(Options {
            policies,
            ..options()
        });
        Self {
            service: service.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// `{OrganizationId}:{ApiToken}` of the second user.
    fn pin(&self) -> String {
        let token = self.service.token_of("other").unwrap();
        format!("{}:{token}", self.service.organization_id())
    }

    /// Writes a file for the tool.
    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A program that finds the service and `more` in its environment.
    fn command(&self, program: &str, more: &[(&str, &str)]) -> Command {
        let mut command = common::command(program);
        command
            .current_dir(self.folder.path())
            .env("PKCS11_MODULE_PATH", module_path())
            .envs(environment(&self.service, more));
        command
    }

    /// `openssl dgst` with the libp11 engine, the key in `uri`, and perhaps a place for the PIN.
    fn openssl(&self, uri: &str, passin: &[&str], more: &[(&str, &str)]) -> Command {
        let data = self.file("data", "data");
        let mut openssl = self.command("openssl", more);
        openssl
            .args(["dgst", "-engine", "pkcs11", "-keyform", "engine", "-sha384"])
            .args(["-sign", uri, "-out", "signature"])
            .args(passin)
            .arg(data);
        openssl
    }

    /// Who asked, and whether for the list and not for a signature.
    fn users(&self) -> Vec<(Option<String>, bool)> {
        let requests = self.service.requests().into_iter();
        let mut users: Vec<_> = requests
            .map(|request| (request.user, request.route == LIST))
            .collect();
        users.dedup();
        users
    }
}

fn text(output: &Output) -> String {
    let all = [&*output.stdout, b"\n", &*output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Runs a tool that lists private keys, which must be those of the user of the PIN.
fn lists_keys_of_the_other_user(bench: &Bench, tool: &mut Command) {
    let output = tool.output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{tool:?}: {text}");
    let has = |name: &str| text.contains(name) || text.contains(&name.replace('/', "%2F"));
    assert!(has("demo/p-384"), "{tool:?}: {text}");
    assert!(!has("demo/p-256"), "{tool:?}: {text}");
    assert_eq!(bench.users(), [(Some("other".to_owned()), true)]);
}

/// Runs a tool that signs with [`KEY`]. What it sees before it logs in is the configured user's.
fn signs_as_the_other_user(bench: &Bench, tool: &mut Command) {
    let output = tool.output().unwrap();
    assert!(output.status.success(), "{tool:?}: {}", text(&output));
    let mut users = bench.users();
    users.retain(|user| *user != (Some("configured".to_owned()), true));
    let other = || Some("other".to_owned());
    assert_eq!(users, [(other(), true), (other(), false)]);
}

/// Runs a tool that cannot log in, since what arrives of the PIN is none.
fn is_told(bench: &Bench, tool: &mut Command, line: &str) {
    let output = tool.output().unwrap();
    assert!(!output.status.success(), "{tool:?}");
    let text = text(&output);
    assert!(text.contains(line), "{line:?} is not in {text}");
    assert_eq!(bench.users(), []);
}

#[test]
fn pkcs11_tool_hands_a_pin_on_from_its_command_line_and_its_environment() {
    for from_environment in [false, true] {
        let bench = Bench::new();
        let pin = bench.pin();
        let argument = if from_environment {
            "env:THE_PIN"
        } else {
            &pin
        };
        let mut tool = bench.command("pkcs11-tool", &[("THE_PIN", &pin)]);
        tool.arg("--module").arg(module_path());
        tool.args(["--login", "--pin", argument, "--list-objects"]);
        tool.args(["--type", "privkey"]);
        lists_keys_of_the_other_user(&bench, &mut tool);
    }
}

#[test]
fn gnutls_hands_a_pin_on_from_its_command_line_and_its_environment() {
    for from_environment in [false, true] {
        let bench = Bench::new();
        let pin = bench.pin();
        let mut tool = match from_environment {
            true => bench.command("p11tool", &[("GNUTLS_PIN", &pin)]),
            false => bench.command("p11tool", &[]),
        };
        tool.arg("--provider").arg(module_path());
        tool.args(["--batch", "--login", "--list-privkeys"]);
        if !from_environment {
            tool.args(["--set-pin", &pin]);
        }
        tool.arg("pkcs11:token=SignPath");
        lists_keys_of_the_other_user(&bench, &mut tool);
    }
}

#[test]
fn java_hands_the_password_of_the_key_store_on() {
    let bench = Bench::new();
    let configuration = format!(
        "name = SignPath\nlibrary = {}\nslot = 1\n",
        module_path().display()
    );
    let configuration = bench.file("signpath.cfg", &configuration);
    let mut tool = bench.command("keytool", &[]);
    tool.args(["-list", "-storetype", "PKCS11", "-keystore", "NONE"])
        .args(["-storepass", &bench.pin()])
        .args(["-providerClass", "sun.security.pkcs11.SunPKCS11"])
        .arg("-providerArg")
        .arg(configuration);
    lists_keys_of_the_other_user(&bench, &mut tool);
}

#[test]
fn nss_hands_a_pin_on_from_a_file() {
    let bench = Bench::new();
    let pin = bench.file("pin", &format!("{}\n", bench.pin()));
    let run = |tool: &mut Command| {
        let output = tool.output().unwrap();
        assert!(output.status.success(), "{tool:?}: {}", text(&output));
    };
    let database = ["-d", "sql:."];
    run(bench
        .command("certutil", &[])
        .args(["-N", "--empty-password"])
        .args(database));
    run(bench
        .command("modutil", &[])
        .args(["-force", "-add", "SignPath", "-libfile"])
        .arg(module_path())
        .args(["-dbdir", "sql:."]));
    let mut tool = bench.command("certutil", &[]);
    tool.args(["-K", "-h", "SignPath", "-f"]);
    tool.arg(pin).args(database);
    lists_keys_of_the_other_user(&bench, &mut tool);
}

#[test]
fn osslsigncode_hands_a_pin_on_from_its_command_line_and_a_file() {
    let program = fs::read_dir("/usr/lib/systemd/boot/efi")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "efi"))
        .unwrap();
    for from_file in [false, true] {
        let bench = Bench::new();
        let pin = bench.pin();
        let file = bench.file("pin", &pin);
        let mut tool = bench.command("osslsigncode", &[]);
        tool.arg("sign").arg("-pkcs11module").arg(module_path());
        match from_file {
            true => tool.arg("-readpass").arg(file),
            false => tool.args(["-pass", &pin]),
        };
        tool.args(["-h", "sha384", "-key", KEY])
            .args(["-pkcs11cert", "pkcs11:object=demo%2Fp-384;type=cert"])
            .arg("-in")
            .arg(&program)
            .args(["-out", "signed.efi"]);
        signs_as_the_other_user(&bench, &mut tool);
    }
}

#[test]
fn the_libp11_engine_hands_a_pin_on_from_openssls_configuration() {
    let bench = Bench::new();
    let configuration = format!(
        "openssl_conf = openssl\n[openssl]\nengines = engines\n[engines]\npkcs11 = pkcs11\n\
         [pkcs11]\nengine_id = pkcs11\nPIN = {}\ninit = 0\n",
        bench.pin()
    );
    let configuration = bench.file("openssl.cnf", &configuration);
    let configuration = ("OPENSSL_CONF", configuration.to_str().unwrap());
    signs_as_the_other_user(&bench, &mut bench.openssl(KEY, &[], &[configuration]));
}

#[test]
fn the_user_of_the_libp11_engine_is_told_what_it_leaves_of_a_long_pin() {
    let no_credentials = [("SIGNPATH_ORGANIZATION_ID", ""), ("SIGNPATH_API_TOKEN", "")];
    let bench = Bench::new();
    let pin = bench.file("pin", &bench.pin());
    let uri = format!("{KEY};pin-source={}", pin.display());
    is_told(
        &bench,
        &mut bench.openssl(&uri, &[], &no_credentials),
        "C_Login: the tool truncated the PIN {OrganizationId}:{ApiToken} to 31 bytes",
    );
    let pin = format!("file:{}", pin.display());
    is_told(
        &bench,
        &mut bench.openssl(KEY, &["-passin", &pin], &no_credentials),
        "C_Login: the PIN is empty (or too long for libp11)",
    );
}
