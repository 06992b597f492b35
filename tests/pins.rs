//! Real tools pass on a PIN of the form `{OrganizationId}:{ApiToken}`. The configuration has another user.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::{LIST, environment, module_path, pin, with_policies};
use pkcs11_test::Service;

/// The private key of the user of the PIN.
const KEY: &str = "pkcs11:object=demo%2Fp-384;type=private";

/// A service with two users, the first of whom is configured, and a folder for a tool.
struct Bench {
    service: Service,
    folder: tempfile::TempDir,
    /// The PIN of the second user.
    pin: String,
}

impl Bench {
    fn new() -> Self {
        let policies = r#"{"users": [{"name": "configured", "submitterOf": ["demo/p-256"]},
                                     {"name": "other", "submitterOf": ["demo/p-384"]}],
            "policies": [{"project": "demo", "policy": "p-256", "key": "p-256"},
                         {"project": "demo", "policy": "p-384", "key": "p-384"}]}"#;
        let service = Service::start(with_policies(policies)).unwrap();
        let pin = pin(&service, service.token_of("other").unwrap());
        let folder = tempfile::tempdir().unwrap();
        Self { service, folder, pin }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A command that finds the service and `more` in its environment. In it, MODULE, SECRET and FILE stand for the module, the PIN,
    /// and a file with the PIN.
    fn command(&self, more: &[(&str, &str)], line: &str) -> Command {
        let file = self.file("pin", &format!("{}\n", self.pin));
        let words = line.split_whitespace().map(|word| {
            let word = word.replace("MODULE", module_path().to_str().unwrap());
            let word = word.replace("FILE", file.to_str().unwrap());
            word.replace("SECRET", &self.pin)
        });
        let words: Vec<_> = words.collect();
        let mut command = common::command(&words[0]);
        command
            .args(&words[1..])
            .current_dir(self.folder.path())
            .env("PKCS11_MODULE_PATH", module_path())
            .envs(environment(&self.service, more));
        command
    }

    /// `openssl dgst` with the libp11 engine and the key in `uri`.
    fn openssl(&self, more: &[(&str, &str)], uri: &str, passin: &str) -> Command {
        self.file("data", "data");
        let engine = "openssl dgst -engine pkcs11 -keyform engine -sha384";
        let line = format!("{engine} -sign {uri} -out signature{passin} data");
        self.command(more, &line)
    }

    /// The users who sent requests, and whether for the list rather than a signature.
    fn users(&self) -> Vec<(String, bool)> {
        let requests = self.service.requests().into_iter();
        let user = requests.map(|request| (request.user.unwrap(), request.route == LIST));
        let mut users: Vec<_> = user.collect();
        users.dedup();
        users
    }
}

fn text(output: &Output) -> String {
    let all = [&*output.stdout, b"\n", &*output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn run(mut tool: Command) -> String {
    let output = tool.output().unwrap();
    assert!(output.status.success(), "{tool:?}: {}", text(&output));
    text(&output)
}

/// Lines that list private keys, and in front of some, what they need.
const LISTS: &[&[&str]] = &table! {
    &["pkcs11-tool --module MODULE --login --pin SECRET -O -y privkey"],
    &["env THE_PIN=SECRET pkcs11-tool --module MODULE --login --pin env:THE_PIN -O -y privkey"],
    &["p11tool --provider MODULE --batch --login --list-privkeys --set-pin SECRET pkcs11:token=SignPath"],
    &["env GNUTLS_PIN=SECRET p11tool --provider MODULE --batch --login --list-privkeys pkcs11:token=SignPath"],
    &["keytool -list -storetype PKCS11 -keystore NONE -storepass SECRET \
        -providerClass sun.security.pkcs11.SunPKCS11 -providerArg signpath.cfg"],
    &["certutil -N --empty-password -d sql:.", "modutil -force -add SignPath -libfile MODULE -dbdir sql:.",
        "certutil -K -h SignPath -f FILE -d sql:."],
};

#[test]
fn tools_list_the_keys_of_the_user_of_the_pin() {
    for lines in LISTS {
        let bench = Bench::new();
        let library = module_path().display().to_string();
        let configuration = format!("name = SignPath\nlibrary = {library}\nslot = 1\n");
        bench.file("signpath.cfg", &configuration);
        let said: Vec<_> = lines.iter().map(|line| run(bench.command(&[], line))).collect();
        let text = said.last().unwrap();
        let has = |name: &str| text.contains(name) || text.contains(&name.replace('/', "%2F"));
        assert!(has("demo/p-384") && !has("demo/p-256"), "{lines:?}: {text}");
        assert_eq!(bench.users(), [("other".to_owned(), true)], "{lines:?}");
    }
}

/// The tool signs with [`KEY`]. Before login it sees the certificates of the configured user.
fn signs_as_the_other_user(bench: &Bench, tool: Command) {
    run(tool);
    let mut users = bench.users();
    users.retain(|user| *user != ("configured".to_owned(), true));
    let expected = [true, false].map(|lists| ("other".to_owned(), lists));
    assert_eq!(users, expected);
}

#[test]
fn osslsigncode_passes_on_a_pin_from_arguments_and_a_file() {
    let program = fs::read_dir("/usr/lib/systemd/boot/efi")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "efi"))
        .unwrap();
    for pin in ["-pass SECRET", "-readpass FILE"] {
        let bench = Bench::new();
        let sign = format!("osslsigncode sign -pkcs11module MODULE {pin} -h sha384 -key {KEY}");
        let certificate = "-pkcs11cert pkcs11:object=demo%2Fp-384;type=cert";
        let files = format!("-in {} -out signed.efi", program.display());
        let tool = bench.command(&[], &format!("{sign} {certificate} {files}"));
        signs_as_the_other_user(&bench, tool);
    }
}

#[test]
fn the_libp11_engine_passes_on_a_pin_from_the_configuration() {
    let bench = Bench::new();
    let configuration = format!(
        "openssl_conf = openssl\n[openssl]\nengines = engines\n[engines]\npkcs11 = pkcs11\n\
         [pkcs11]\nengine_id = pkcs11\nPIN = {}\ninit = 0\n",
        bench.pin
    );
    let configuration = bench.file("openssl.cnf", &configuration);
    let configuration = [("OPENSSL_CONF", configuration.to_str().unwrap())];
    signs_as_the_other_user(&bench, bench.openssl(&configuration, KEY, ""));
}

#[test]
fn says_that_the_libp11_engine_truncated_a_long_pin() {
    let no_credentials = [("SIGNPATH_ORGANIZATION_ID", ""), ("SIGNPATH_API_TOKEN", "")];
    let bench = Bench::new();
    let uri = format!("{KEY};pin-source=FILE");
    for (uri, passin, line) in table! {
        (&*uri, "", "the tool truncated the PIN {OrganizationId}:{ApiToken} to 31 bytes"),
        (KEY, " -passin file:FILE", "the PIN is empty (or too long for libp11)"),
    } {
        let output = bench.openssl(&no_credentials, uri, passin).output();
        let output = output.unwrap();
        if output.status.success() {
            // From libp11 0.4.13 on, the engine takes 255 bytes.
            let bench = Bench::new();
            signs_as_the_other_user(&bench, bench.openssl(&no_credentials, uri, passin));
            continue;
        }
        let (text, line) = (text(&output), format!("C_Login: {line}"));
        assert!(text.contains(&line), "{line:?} is not in {text}");
        assert_eq!(bench.users(), []);
    }
}
