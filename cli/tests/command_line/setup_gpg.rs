//! `setup gpg --import`: gpg signs with the OpenPGP key that SignPath has, and everything can be removed again.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use pkcs11_test::{Effect, Fault};
use serde_json::{Value, json};

use crate::common::LIST;
use crate::doctor::{checks, finding};
use crate::program::{Bench, Run, failures, rows};

/// A bench whose user data is in its directory. gnupg-pkcs11-scd must see one of the keys alone.
struct User(Bench, String);

impl User {
    fn new() -> Self {
        let bench = Bench::with_policies(
            r#"{"project": "demo", "policy": "p-256", "key": "p-256"},
               {"project": "demo", "policy": "gpg", "key": "rsa-2048", "certificate": "None"},
               {"project": "demo", "policy": "gpg-ec", "key": "p-256", "certificate": "None"},
               {"project": "demo", "policy": "rsa-2048", "key": "rsa-2048"}"#,
        );
        Self(bench, String::new())
    }

    /// A user whose configuration has these tokens.
    fn with_tokens(tokens: &Value) -> Self {
        let mut user = Self::new();
        user.1 = user.0.text("tokens.json");
        user.0.write("tokens.json", json!({ "Tokens": tokens }).to_string());
        user
    }

    fn setup(&self, arguments: &str) -> Run {
        let data = self.0.text("data");
        let arguments = match arguments.contains("--undo") {
            true => format!("setup gpg {arguments}"),
            false => format!("setup gpg {arguments} --module {{module}}"),
        };
        let variables = [("XDG_DATA_HOME", &*data), ("SIGNPATH_CONFIG_FILE", &self.1)];
        self.0.run_with(&arguments, &variables)
    }

    /// Runs shell commands after what `setup` printed.
    fn sh(&self, exports: &str, commands: &str) -> String {
        let tokens = &self.1;
        self.0.sh(&format!("export SIGNPATH_CONFIG_FILE={tokens}\n{exports}\n{commands}"))
    }
}

/// The directory of demo/gpg unless `--home` names one.
const HOME: &str = "data/signpath-pkcs11/gnupg/demo/gpg";
/// The same for the token `It's`.
const HOME_OF_TOKEN: &str = "data/signpath-pkcs11/gnupg-It%27s/demo/gpg";

/// Ends what gpg started.
impl Drop for User {
    fn drop(&mut self) {
        for home in [HOME, HOME_OF_TOKEN, "home"].map(|home| self.0.path(home)) {
            if home.exists() {
                let mut command = Command::new("timeout");
                command.args(["30", "gpgconf", "--kill", "all"]);
                let _ = command.env("GNUPGHOME", home).output();
            }
        }
    }
}

const PUBLIC_KEY: &str =
    "GET /Projects/{project}/SigningPolicies/{policy}/Certificate/GpgPublicKey";

const SIGN: &str = "echo content >file
    gpg --batch --local-user $GPG_KEY_ID --output file.sig --detach-sign file
    gpg --batch --export $GPG_KEY_ID >key
    gpgv --keyring ./key file.sig file";

#[test]
fn the_imported_key_signs_and_everything_can_be_removed() {
    let user = User::new();
    let first = user.setup("demo/gpg --test --no-pin").assert_ok().stdout;
    let home = user.0.text(HOME);
    let [export, id, signed] = first.lines().collect::<Vec<_>>()[..] else {
        panic!("{first}");
    };
    assert_eq!(export, format!("export GNUPGHOME={home}"));
    let id = id.strip_prefix("export GPG_KEY_ID=").unwrap();
    assert_eq!(id.len(), 40, "{id}");
    assert_eq!(signed, "# signed and verified a file: 1 signing request");
    // `setup` asks for list and key, and the module in gnupg-pkcs11-scd for list and signature.
    let requests = user.0.service.requests().into_iter();
    let routes: Vec<_> = requests.map(|request| request.route).collect();
    assert_eq!(routes, [LIST, PUBLIC_KEY, LIST, "POST /SigningRequests"]);

    // A second run changes nothing.
    let again = user.setup("demo/gpg --test --no-pin").assert_ok();
    assert_eq!(again.stdout, first);

    // Without a PIN, in a process that only has the two lines.
    let printed = user.sh(&first, &format!("{SIGN}\nsqv --keyring key file.sig file"));
    assert!(printed.contains(id), "sqv: {printed}");

    // gpg 2.4 would ask for a card without end.
    let refused = "export SIGNPATH_API_TOKEN=wr0ng
        gpgconf --kill all
        ! gpg --batch --local-user $GPG_KEY_ID --output other.sig --detach-sign file";
    user.sh(&first, refused);

    // A run that imports nothing does not forget the key.
    user.setup(&format!("demo/gpg --home {home}")).assert_ok();
    assert_eq!(user.setup("demo/gpg --undo").assert_ok().stdout, "");
    assert!(!user.0.path(HOME).exists());
    user.setup("demo/gpg --undo").assert_fails(1, &["nothing is set up in "]);
}

/// The others would be asked too: their lists are requests, and one of them is down.
#[test]
fn gpg_sees_one_of_several_tokens() {
    let tokens = json!([
        {"Label": "Down", "ApiToken": "s3cret", "ApiUrl": "http://127.0.0.1:1/Api"},
        {"Label": "EC", "SigningPolicySlug": "p-256"},
        {"Label": "It's", "ProjectSlug": "demo"},
    ]);
    let user = User::with_tokens(&tokens);
    let setup = user.setup("demo/gpg --test --no-pin --token It's");
    let exports = setup.assert_ok().stdout;
    let home = user.0.text(HOME_OF_TOKEN);
    assert!(exports.contains(&home), "{exports}");
    assert_eq!(user.0.service.requests().len(), 4);
    user.sh(&exports, SIGN);
    assert_eq!(user.0.service.requests().len(), 6);
    user.setup("demo/gpg --undo --token It's").assert_ok();
    assert!(!Path::new(&home).exists());
}

#[test]
fn a_directory_with_other_keys_keeps_them() {
    let user = User::new();
    let of_user = "export GNUPGHOME=$PWD/home";
    user.sh(
        of_user,
        "mkdir -m 700 home
        echo 'scdaemon-program /nonexistent' >home/gpg-agent.conf
        gpg --batch --passphrase '' --quick-generate-key other ed25519 sign never",
    );
    let import = "demo/gpg --import --no-pin --home home";
    let why =
        "gpg-agent.conf exists and configures something else; name another directory with --home";
    user.setup(import).assert_fails(1, &[why]);
    // The agent of the key generation still runs, with the other configuration.
    let forced = user.setup(&format!("{import} --force")).assert_ok().stdout;
    user.sh(&forced, SIGN);
    let of_other = "gpg --batch --local-user other --output other.sig --detach-sign file";
    user.sh(&forced, of_other);

    // Another replacement would lose the file that undoing brings back.
    let ours = user.0.read("home/gpg-agent.conf");
    user.0.write("home/gpg-agent.conf", "max-cache-ttl 1\n");
    let refused = user.setup(&format!("{import} --force"));
    refused.assert_fails(1, &["gpg-agent.conf.before-signpath keeps a file", "use --undo first"]);
    user.0.write("home/gpg-agent.conf", ours);

    user.setup("demo/gpg --home home --undo").assert_ok();
    let agent = user.0.read("home/gpg-agent.conf");
    assert_eq!(agent, "scdaemon-program /nonexistent\n");
    let keys = user.sh(of_user, "gpg --batch --with-colons --list-secret-keys");
    let secret = keys.lines().filter(|line| line.starts_with("sec:"));
    assert_eq!(secret.count(), 1, "{keys}");
    assert!(!user.0.path("home/gnupg-pkcs11-scd.conf").exists());
}

#[test]
fn each_failure_is_one_line_and_signs_nothing() {
    let user = User::new();
    for (directory, names) in rows! {
        "all", &["gpg", "gpg-connect-agent", "gpgconf", "gnupg-pkcs11-scd"][..];
        "gpg", &["gpg", "gpg-connect-agent", "gpgconf"];
        "scd", &["gnupg-pkcs11-scd"];
        "without-end", &["gpg", "gpg-connect-agent", "gnupg-pkcs11-scd"];
    } {
        user.0.sh(&format!("mkdir {directory}"));
        for name in names {
            let program = Path::new("/usr/bin").join(name);
            symlink(program, user.0.path(directory).join(name)).unwrap();
        }
    }
    let [all, gpg, scd] = ["all", "gpg", "scd"].map(|directory| user.0.text(directory));
    failures! { user.0;
        "setup gpg --import --module {module}" [PATH = &all] => 1: "name it after gpg";
        "setup gpg demo/gpg --import --module {module}" [PATH = &scd] => 1: "gpg is not installed; on Debian: apt install gnupg";
        "setup gpg demo/gpg --import --module {module}" [PATH = &gpg]
            => 1: "gnupg-pkcs11-scd is not installed, and gpg needs it; on Debian: apt install gnupg-pkcs11-scd";
        "setup gpg demo/none --import --module {module}" [PATH = &all] => 1: "no signing policy demo/none";
        "setup gpg demo/rsa-2048 --import --module {module}" [PATH = &all]
            => 1: "the signing policy demo/rsa-2048 has no OpenPGP key in SignPath; name one of type GPG";
        "setup gpg demo/gpg-ec --import --module {module}" [PATH = &all]
            => 1: "gnupg-pkcs11-scd only knows RSA keys, and the key of the signing policy demo/gpg-ec is EC P-256";
        "setup gpg demo/gpg --import --module {module}" [PATH = &all, SIGNPATH_API_TOKEN = "wr0ng"]
            => 1: "check that the API token is complete";
    }
    // The second path is short enough for S.gpg-agent, but not for S.gpg-agent.browser.
    let nearly = 106 - "/S.gpg-agent".len() - user.0.text("").len();
    for name in ["long/".repeat(30), "x".repeat(nearly)] {
        let setup = format!(
            "setup gpg demo/gpg --import --home {} --module {{module}}",
            user.0.text(&name)
        );
        let refused = user.0.run_with(&setup, &[("PATH", &all)]);
        let why = "is too long for the socket of gpg-agent; name a shorter one with --home";
        refused.assert_fails(1, &[why]);
    }

    // The agent of another configuration does not end.
    user.0.sh(
        r#"printf '#!/bin/sh\n[ "$1" = --kill ] || exec /usr/bin/gpgconf "$@"\n' >without-end/gpgconf
        chmod 755 without-end/gpgconf
        mkdir -m 700 home
        GNUPGHOME=$PWD/home gpg-connect-agent /bye"#,
    );
    let without_end = user.0.text("without-end");
    failures! { user.0;
        "setup gpg demo/gpg --import --home home --module {module}" [PATH = &without_end]
            => 1: "with another configuration and does not end; end process ";
    }

    let of_another = user.0.sh("curl --fail --silent --header \"Authorization: Bearer $SIGNPATH_API_TOKEN\" \
        $SIGNPATH_API_URL/v1/$SIGNPATH_ORGANIZATION_ID/Projects/demo/SigningPolicies/gpg-ec/Certificate/GpgPublicKey");
    let of_another = Fault::on(PUBLIC_KEY, Effect::answer(200, &[], of_another));
    user.0.service.inject(of_another).unwrap();
    failures! { user.0;
        "setup gpg demo/gpg --import --module {module}" [PATH = &all]
            => 1: "the OpenPGP key of the signing policy demo/gpg is of another key than the policy's; ask the administrator";
    }
    assert_eq!(user.0.signatures(), 0);
}

/// The agent of gpg 2.4 asks for a card without end with these versions.
#[test]
fn the_doctor_warns_of_versions_that_wait_for_a_card() {
    let user = User::with_tokens(&json!([
        {"Label": "A", "SigningPolicySlug": "gpg"},
        {"Label": "B", "SigningPolicySlug": "p-256"},
    ]));
    let (none, tokens) = ("", user.1.as_str());
    for (gpg, scdaemon, slug, file, warns) in [
        ("2.4.7", "0.10.0", "", none, "since demo/p-256 has"),
        ("2.4.7", "0.11.0", "", none, "since demo/p-256 has"),
        ("2.4.7", "0.11.1_master", "", none, ""),
        ("2.2.40", "0.10.0", "", none, ""),
        ("2.4.7", "0.10.0", "gpg", none, ""),
        ("2.4.7", "0.10.0", "", tokens, "since demo/p-256 of the token B has"),
    ] {
        // Written by another process: a child of another thread's could still hold it open when it is run.
        user.0.sh(&format!(
            "print() {{ printf '#!/bin/sh\\necho \"%s\"\\necho \"S SERIALNO 1 0\"\\n' \"$2\" >\"$1\"; chmod 755 \"$1\"; }}
            print gpg 'gpg (GnuPG) {gpg}'
            print gnupg-pkcs11-scd 'gnupg-pkcs11-scd {scdaemon}'"
        ));
        let path = format!("{}:/usr/bin:/bin", user.0.text("."));
        let variables = [
            ("PATH", &*path),
            ("SIGNPATH_SIGNING_POLICY_SLUG", slug),
            ("SIGNPATH_CONFIG_FILE", file),
        ];
        let run = user.0.run_with("doctor --json --module {module}", &variables);
        let case = format!("{gpg} {scdaemon} {slug}: {run:#?}");
        let has_warning = checks(&run, "warning").contains(&"gpg".to_owned());
        assert_eq!(has_warning, !warns.is_empty(), "{case}");
        if has_warning {
            let said = finding(&run, "gpg").to_string();
            for part in ["asks for a card without end", warns, "setup gpg PROJECT/POLICY"] {
                assert!(said.contains(part), "{part}: {case}");
            }
        }
    }
}
