//! `setup gpg --import`: gpg signs with the OpenPGP key that SignPath has, and everything can be removed again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use pkcs11_test::{Effect, Fault, Options, Service};
use serde_json::json;

use crate::common::{LIST, environment, module_path, options};
use crate::program::{Run, program, text};

const KEY: &str = "GET /Projects/{project}/SigningPolicies/{policy}/Certificate/GpgPublicKey";
const SIGN: &str = "POST /SigningRequests";

/// A service whose GPG policy is not alone: gnupg-pkcs11-scd must not see the other keys.
fn gpg_service() -> Service {
    let policies = json!({ "policies": [
        { "project": "demo", "policy": "p-256", "key": "p-256" },
        { "project": "demo", "policy": "gpg", "key": "rsa-2048", "certificate": "None" },
        { "project": "demo", "policy": "gpg-ec", "key": "p-256", "certificate": "None" },
        { "project": "demo", "policy": "rsa-2048", "key": "rsa-2048" },
    ]});
    let policies = serde_json::from_value(policies).unwrap();
    Service::start(Options {
        policies,
        ..options()
    })
    .unwrap()
}

/// A user's folders.
struct User {
    folder: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn setup(&self, service: &Service, arguments: &[&str]) -> Run {
        self.setup_with(service, arguments, &[])
    }

    fn setup_with(&self, service: &Service, arguments: &[&str], more: &[(&str, &str)]) -> Run {
        let run =
            Run::of(&mut self.command(service, &[&["setup", "gpg"], arguments].concat(), more));
        assert!(!format!("{run:?}").contains(service.token()), "{run:?}");
        run
    }

    fn command(&self, service: &Service, arguments: &[&str], more: &[(&str, &str)]) -> Command {
        let mut command = program(arguments);
        command
            .envs(environment(service, more))
            .env("XDG_DATA_HOME", self.path("data"))
            .env_remove("GNUPGHOME");
        command
    }

    /// The folder for demo/gpg if none is named.
    fn home(&self) -> PathBuf {
        self.path("data/signpath-pkcs11/gnupg/demo/gpg")
    }

    /// Runs shell commands after what the command printed.
    fn shell(&self, service: &Service, exports: &str, commands: &str) -> Run {
        let mut shell = Command::new("timeout");
        shell
            .args(["120", "sh", "-ec", &format!("{exports}\n{commands}")])
            .envs(environment(service, &[]))
            .env_remove("GNUPGHOME")
            .current_dir(self.folder.path());
        Run::of(&mut shell)
    }
}

/// Ends what gpg started in a folder.
impl Drop for User {
    fn drop(&mut self) {
        for home in [self.home(), self.path("home")] {
            if home.exists() {
                let mut command = Command::new("timeout");
                command.args(["30", "gpgconf", "--kill", "all"]);
                let _ = command.env("GNUPGHOME", home).output();
            }
        }
    }
}

fn module() -> [&'static str; 2] {
    let path: &'static PathBuf = Box::leak(Box::new(module_path()));
    ["--module", text(path)]
}

fn routes(service: &Service) -> Vec<String> {
    let requests = service.requests().into_iter();
    requests.map(|request| request.route).collect()
}

#[test]
fn the_imported_key_signs_and_everything_can_be_removed() {
    let (service, user) = (gpg_service(), User::new());
    let arguments = ["demo/gpg", "--test", "--no-pin"];
    let arguments = [&arguments[..], &module()].concat();
    let first = user.setup(&service, &arguments).assert_ok();
    let lines: Vec<_> = first.stdout.lines().collect();
    let home = format!("export GNUPGHOME={}", text(&user.home()));
    assert_eq!(lines[0], home);
    let id = lines[1].strip_prefix("export GPG_KEY_ID=").unwrap();
    assert_eq!(id.len(), 40, "{id}");
    assert_eq!(lines[2], "# signed and verified a file: 1 signing request");
    assert_eq!(lines.len(), 3);
    // The command, and the module in gnupg-pkcs11-scd.
    assert_eq!(routes(&service), [LIST, KEY, LIST, SIGN]);

    // Once more changes nothing.
    let again = user.setup(&service, &arguments).assert_ok();
    assert_eq!(again.stdout, first.stdout);

    // Without a PIN, in a process that only has the two lines.
    let commands = "echo content >file
        gpg --batch --local-user $GPG_KEY_ID --output file.sig --detach-sign file
        gpg --batch --export $GPG_KEY_ID >key
        gpgv --keyring ./key file.sig file
        sqv --keyring key file.sig file";
    let run = user.shell(&service, &first.stdout, commands);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stdout.contains(id), "sqv: {run:?}");

    // gpg 2.4 would ask for a card without end.
    let commands = "export SIGNPATH_API_TOKEN=wr0ng
        gpgconf --kill all
        ! gpg --batch --local-user $GPG_KEY_ID --output other.sig --detach-sign file";
    let run = user.shell(&service, &first.stdout, commands);
    assert_eq!(run.status, Some(0), "{run:?}");

    // A run that imports nothing does not forget the key.
    let home = user.home();
    let arguments = ["demo/gpg", "--home", text(&home)];
    user.setup(&service, &[&arguments[..], &module()].concat())
        .assert_ok();
    let undo = user.setup(&service, &["demo/gpg", "--undo"]).assert_ok();
    assert_eq!(undo.stdout, "");
    assert!(!user.home().exists());
    let nothing = user.setup(&service, &["demo/gpg", "--undo"]);
    assert_eq!(nothing.status, Some(1));
    assert!(
        nothing.stderr.contains("nothing is set up in "),
        "{nothing:?}"
    );
}

#[test]
fn a_folder_with_other_keys_keeps_them() {
    let (service, user) = (gpg_service(), User::new());
    let home = user.path("home");
    let of_user = format!("export GNUPGHOME={}", text(&home));
    let other = "mkdir -m 700 home
        echo 'scdaemon-program /nonexistent' >home/gpg-agent.conf
        gpg --batch --passphrase '' --quick-generate-key other ed25519 sign never";
    assert_eq!(user.shell(&service, &of_user, other).status, Some(0));

    let arguments = ["demo/gpg", "--import", "--no-pin", "--home", text(&home)];
    let arguments = [&arguments[..], &module()].concat();
    let refused = user.setup(&service, &arguments);
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.stderr.contains(
            "gpg-agent.conf exists and configures something else; name another folder with --home"
        ),
        "{refused:?}"
    );
    // The agent of the key generation still runs, with the other configuration.
    let forced = user
        .setup(&service, &[&arguments[..], &["--force"]].concat())
        .assert_ok();
    let sign = "echo content >file
        gpg --batch --local-user $GPG_KEY_ID --output file.sig --detach-sign file
        gpg --batch --verify file.sig file
        gpg --batch --local-user other --output other.sig --detach-sign file";
    let run = user.shell(&service, &forced.stdout, sign);
    assert_eq!(run.status, Some(0), "{run:?}");

    let undo = ["demo/gpg", "--home", text(&home), "--undo"];
    user.setup(&service, &undo).assert_ok();
    let conf = fs::read_to_string(home.join("gpg-agent.conf")).unwrap();
    assert_eq!(conf, "scdaemon-program /nonexistent\n");
    let keys = user.shell(
        &service,
        &of_user,
        "gpg --batch --with-colons --list-secret-keys",
    );
    let secret = keys.stdout.lines().filter(|line| line.starts_with("sec:"));
    assert_eq!(secret.count(), 1, "{keys:?}");
    assert!(!home.join("gnupg-pkcs11-scd.conf").exists());
}

/// A folder with some of the programs.
fn programs(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        symlink(Path::new("/usr/bin").join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn write_program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn what_is_wrong_is_one_line() {
    const GNUPG: [&str; 3] = ["gpg", "gpg-connect-agent", "gpgconf"];
    let (service, user) = (gpg_service(), User::new());
    let all = programs(&[&GNUPG[..], &["gnupg-pkcs11-scd"]].concat());
    let without_scdaemon = programs(&GNUPG);
    let without_gpg = programs(&["gnupg-pkcs11-scd"]);
    let without_end = programs(&["gpg", "gpg-connect-agent", "gnupg-pkcs11-scd"]);
    let gpgconf = "[ \"$1\" = --kill ] || exec /usr/bin/gpgconf \"$@\"";
    write_program(&without_end.path().join("gpgconf"), gpgconf);
    let home = user.path("home");
    let with_home = |name: &str| {
        let path = user.path(name);
        ["demo/gpg", "--import", "--home", text(&path)].map(str::to_owned)
    };
    let import = |policy: &str| [policy, "--import"].map(str::to_owned);
    let nothing: &dyn Fn() = &|| {};
    let start_agent = || {
        let commands = "mkdir -m 700 home; gpg-connect-agent /bye";
        let exports = format!("export GNUPGHOME={}", text(&home));
        assert_eq!(user.shell(&service, &exports, commands).status, Some(0));
    };
    let answer_with_another_key = || {
        let commands = "curl --fail --silent --header \"Authorization: Bearer $SIGNPATH_API_TOKEN\" \\
            $SIGNPATH_API_URL/v1/$SIGNPATH_ORGANIZATION_ID/Projects/demo/SigningPolicies/gpg-ec/Certificate/GpgPublicKey";
        let key = user.shell(&service, "", commands).assert_ok().stdout;
        let answer = Fault::on(KEY, Effect::answer(200, &[], key));
        service.inject(answer).unwrap();
    };
    for (before, arguments, path, token, expected) in [
        (
            nothing,
            &["--import".to_owned()][..],
            &all,
            None,
            "name it after gpg",
        ),
        (
            nothing,
            &import("demo/gpg"),
            &without_gpg,
            None,
            "gpg is not installed; on Debian: apt install gnupg",
        ),
        (
            nothing,
            &import("demo/gpg"),
            &without_scdaemon,
            None,
            "gnupg-pkcs11-scd is not installed, and gpg needs it; on Debian: apt install gnupg-pkcs11-scd",
        ),
        (
            nothing,
            &import("demo/none"),
            &all,
            None,
            "no signing policy demo/none",
        ),
        (
            nothing,
            &import("demo/rsa-2048"),
            &all,
            None,
            "the signing policy demo/rsa-2048 has no OpenPGP key in SignPath; name one of type GPG",
        ),
        (
            nothing,
            &import("demo/gpg-ec"),
            &all,
            None,
            "gnupg-pkcs11-scd only knows RSA keys, and the key of the signing policy demo/gpg-ec is EC P-256",
        ),
        (
            &answer_with_another_key,
            &import("demo/gpg"),
            &all,
            None,
            "the OpenPGP key of the signing policy demo/gpg is of another key than the policy's; ask the administrator",
        ),
        (
            nothing,
            &import("demo/gpg"),
            &all,
            Some("wr0ng"),
            "check that the API token is complete",
        ),
        (
            nothing,
            &with_home(&"long/".repeat(30)),
            &all,
            None,
            "is too long for the socket of gpg-agent; name a shorter one with --home",
        ),
        (
            &start_agent,
            &with_home("home"),
            &without_end,
            None,
            "with another configuration and does not end; end process ",
        ),
    ] {
        before();
        let token = token.map(|token| ("SIGNPATH_API_TOKEN", token));
        let variables: Vec<_> = [("PATH", text(path.path()))]
            .into_iter()
            .chain(token)
            .collect();
        let mut all: Vec<_> = arguments.iter().map(String::as_str).collect();
        all.extend(module());
        let run = user.setup_with(&service, &all, &variables);
        assert_eq!(run.status, Some(1), "{run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
        assert!(run.stderr.contains(expected), "{expected}: {run:?}");
        assert_eq!(run.stdout, "");
    }
    let signed = service.requests().iter().any(|request| request.is_signed);
    assert!(!signed);
}

#[test]
fn the_options_are_for_gpg() {
    let run = Run::of(&mut program(&["setup", "nss", "--import"]));
    assert_eq!(run.status, Some(1));
    assert!(run.stderr.contains("are for gpg"), "{run:?}");
}

/// The agent of gpg 2.4 asks for a card without end with these.
#[test]
fn the_doctor_warns_of_the_combination_that_waits_for_a_card() {
    let (service, user) = (gpg_service(), User::new());
    let folder = tempfile::tempdir().unwrap();
    for (gpg, scdaemon, slug, warns) in [
        ("2.4.7", "0.10.0", "", true),
        ("2.4.7", "0.11.0", "", true),
        ("2.4.7", "0.11.1_master", "", false),
        ("2.2.40", "0.10.0", "", false),
        ("2.4.7", "0.10.0", "gpg", false),
    ] {
        for (name, line) in [
            ("gpg", format!("gpg (GnuPG) {gpg}")),
            ("gnupg-pkcs11-scd", format!("gnupg-pkcs11-scd {scdaemon}")),
        ] {
            let script = format!("echo '{line}'\necho 'S SERIALNO 1 0'");
            write_program(&folder.path().join(name), &script);
        }
        let path = format!("{}:/usr/bin:/bin", text(folder.path()));
        let variables = [("PATH", &*path), ("SIGNPATH_SIGNING_POLICY_SLUG", slug)];
        let arguments = [&["doctor", "--json"][..], &module()].concat();
        let run = Run::of(&mut user.command(&service, &arguments, &variables));
        let findings = run.json()["findings"].as_array().unwrap().clone();
        let warning = findings.iter().find(|finding| finding["check"] == "gpg");
        assert_eq!(
            warning.is_some(),
            warns,
            "{gpg} {scdaemon} {slug}: {findings:#?}"
        );
        if let Some(warning) = warning {
            assert_eq!(warning["status"], "warning");
            assert!(
                warning["message"]
                    .as_str()
                    .unwrap()
                    .contains("asks for a card without end")
            );
            assert!(
                warning["remedy"]
                    .as_str()
                    .unwrap()
                    .contains("setup gpg PROJECT/POLICY")
            );
        }
    }
}
