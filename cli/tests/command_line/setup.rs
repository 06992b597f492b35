//! `setup`: each configuration works in the tool that it is for, as its own comment says.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{module_path, options, traffic};
use crate::program::{Bench, Run, failures, offline, rows, succeeded, text};

/// The user `nobody`.
const NOBODY: u32 = 65534;

pub const TOOLS: [&str; 7] = rows! { "openssl-engine"; "openssl-provider"; "sunpkcs11"; "osslsigncode"; "gpg"; "p11-kit"; "nss"; };

/// Means something in a shell, in a configuration or to `setup`, and can be in a path.
const ODD: &str = r#"it's "$HOME" \n `id` |;&(x)*?[y]!~=%s,@MODULE@ {z}"#;

/// Has configurations written to a directory of this name, which the module is in too.
struct Work(Bench);

impl Work {
    fn new() -> Self {
        Self::named(ODD)
    }

    fn named(name: &str) -> Self {
        let bench = Bench::new().in_directory(name);
        fs::copy(module_path(), bench.path("module.so")).unwrap();
        Self(bench)
    }

    fn setup_in(&self, directory: &Path, arguments: &[&str]) {
        let module = self.0.path("module.so");
        let to = ["--module", text(&module), "--directory", text(directory)];
        let run = self.0.run_words(&[&["setup"], arguments, &to].concat(), &[]);
        assert_eq!(run.assert_ok().stdout, "");
    }

    fn setup(&self, arguments: &[&str]) {
        self.setup_in(&self.0.directory, arguments);
    }

    /// Runs the commands in the comment of a file, word for word.
    fn run_examples(&self, name: &str) -> String {
        self.0.sh(&examples(&self.0.read(name)))
    }

    fn assert_signed(&self, signatures: usize) {
        assert_eq!(traffic(&self.0.service.requests()).signatures, signatures);
    }
}

/// The indented lines of the first comment, up to the list of signing policies.
fn examples(content: &str) -> String {
    let comment = content.lines().take_while(|line| line.starts_with('#'));
    let commands = comment.take_while(|line| !line.starts_with("# Signing policies"));
    let commands: Vec<_> = commands.filter_map(|line| line.strip_prefix("#   ")).collect();
    assert!(!commands.is_empty(), "{content}");
    commands.join("\n")
}

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?}: {text}");
    }
}

#[test]
fn openssl_signs_with_the_engine() {
    let work = Work::new();
    work.setup(&["openssl-engine", "demo/p-256"]);
    work.0.write("file", "content");
    let request = work.run_examples("signpath-engine.cnf");
    work.0.write_certificate("p-256");
    work.0.sh("openssl dgst -sha256 -verify key.pem -signature file.sig file");
    work.0.write("request", request);
    let subject = work.0.sh("openssl req -verify -noout -subject -in request");
    // Some versions of openssl put blanks around the equals sign.
    assert_contains(&subject.replace(' ', ""), &["subject=CN=x"]);
    // A signed file and a signed certificate request.
    work.assert_signed(2);
}

/// Debian 12 has no pkcs11-provider. This one prints its parameters.
#[test]
fn openssl_passes_module_and_pin_to_the_provider() {
    let work = Work::new();
    work.setup(&["openssl-provider", "demo/p-256"]);
    work.0.write("provider.c", include_str!("provider.c"));
    let printed = work.0.sh("cc -shared -fPIC -o pkcs11.so provider.c
        export OPENSSL_CONF=signpath-provider.cnf OPENSSL_MODULES=$PWD
        openssl list -providers");
    let parameters = format!("module {}, PIN CONFIG\n", work.0.text("module.so"));
    assert_contains(&printed, &[&parameters, "OpenSSL Default Provider"]);
}

#[test]
fn keytool_lists_and_jarsigner_and_apksigner_sign_with_sunpkcs11() {
    // Java takes the current directory, where the example writes a file, for a part of a URL.
    let work = Work::named(&ODD.replace(['?', '%'], ""));
    work.setup(&["sunpkcs11", "demo/p-256"]);
    work.0.sh("jar --create --file app.jar signpath-sunpkcs11.cfg
        touch AndroidManifest.xml
        jar --create --no-manifest --file app.apk AndroidManifest.xml");
    // The manifest is empty, so an option has to say for which versions of Android.
    let examples = examples(&work.0.read("signpath-sunpkcs11.cfg"))
        .replace(" sign --ks", " sign --min-sdk-version 21 --ks");
    assert_contains(&work.0.sh(&examples), &["demo/rsa-3072, PrivateKeyEntry"]);
    let verified = work.0.sh("jarsigner -verify app-signed.jar
        apksigner verify --verbose --min-sdk-version 21 app-signed.apk");
    let v3 = "Verified using v3 scheme (APK Signature Scheme v3): true";
    assert_contains(&verified, &["jar verified.", v3]);
    // One for the JAR, and four for the schemes of an APK.
    work.assert_signed(5);
}

#[test]
fn osslsigncode_signs_with_the_script() {
    let work = Work::new();
    work.setup(&["osslsigncode", "demo/rsa-2048"]);
    let mode = fs::metadata(work.0.path("signpath-osslsigncode")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o755);
    work.0.sh("cp /usr/lib/systemd/boot/efi/systemd-bootx64.efi app.exe");
    work.run_examples("signpath-osslsigncode");
    let ca = options().state.join("code-signing-ca.pem");
    work.0.sh(&format!("osslsigncode verify -CAfile {} -in app-signed.exe", ca.display()));
    work.assert_signed(1);
}

#[test]
fn a_new_home_directory_of_gnupg_is_for_its_owner_alone() {
    let bench = Bench::new();
    bench.ok("setup gpg --offline --module {module} --directory gnupg");
    assert_eq!(fs::metadata(bench.path("gnupg")).unwrap().mode() & 0o777, 0o700);
}

/// Ends the agent and what it has started.
pub struct Agent(pub PathBuf);

impl Drop for Agent {
    fn drop(&mut self) {
        let mut gpgconf = Command::new("gpgconf");
        gpgconf.args(["--kill", "all"]).env("GNUPGHOME", &self.0);
        succeeded(&mut gpgconf);
    }
}

#[test]
fn gpg_makes_an_openpgp_key_and_signs() {
    let work = Work::new();
    work.setup(&["gpg", "demo/rsa-3072"]);
    let home = work.0.directory.as_path();
    fs::set_permissions(home, fs::Permissions::from_mode(0o700)).unwrap();
    let _agent = Agent(home.to_owned());
    work.0.write("gpg.conf", "batch\npinentry-mode loopback\npassphrase CONFIG\n");
    work.0.write("file", "content");
    let commands = examples(&work.0.read("signpath-gpg-key")) + "\ngpg --verify file.sig file 2>&1";
    let mut shell = work.0.shell(&commands);
    // gpg 2.4 asks for a card without end if it sees a key that is not RSA.
    let only = ("SIGNPATH_SIGNING_POLICY_SLUG", "rsa-3072");
    let verified = succeeded(shell.env("GNUPGHOME", home).env(only.0, only.1));
    assert_contains(&verified, &["Good signature from \"demo/rsa-3072\""]);
    work.assert_signed(3);
}

#[test]
fn p11_kit_lists_the_module_and_p11tool_its_objects() {
    let work = Work::new();
    let home = work.0.directory.as_path();
    // p11-kit reads the directory of a user, but for root only that of the system.
    work.setup_in(&work.0.path(".config/pkcs11/modules"), &["p11-kit"]);
    fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
    let examples = examples(&work.0.read(".config/pkcs11/modules/signpath.module"));
    let mut shell = work.0.shell(&examples);
    shell
        .env("HOME", home)
        .env_remove("XDG_CONFIG_HOME")
        .env("GNUTLS_PIN", "CONFIG")
        .env("SIGNPATH_LOG_FILE_LEVEL", "none")
        .env("SIGNPATH_LOG_FILE_DIRECTORY", work.0.path("logs"));
    if nix::unistd::geteuid().is_root() {
        shell.uid(NOBODY).gid(NOBODY);
    }
    let printed = succeeded(&mut shell);
    assert_contains(&printed, &["token: SignPath", "object=demo%2Fp-521;type=private"]);
}

#[test]
fn nss_finds_certificates_and_keys() {
    let work = Work::new();
    work.setup(&["nss", "demo/p-256"]);
    work.0.write("pin", "CONFIG");
    let printed = work.run_examples("signpath-nss");
    assert_contains(&printed, &["SignPath:demo/rsa-4096"]);
    let keys = printed.lines().filter(|line| line.starts_with('<'));
    assert_eq!(keys.count(), 6, "{printed}");
    // A second run replaces what the first has added, also with the folder as the tools of NSS take it.
    let listed = work.0.sh("sh signpath-nss sql:FOLDER; modutil -dbdir sql:FOLDER -list");
    assert_eq!(listed.matches("library name:").count(), 1, "{listed}");
    assert!(!work.0.path("sql:FOLDER").exists());
}

/// One line says so, and nothing is written.
#[test]
fn a_path_that_a_format_cannot_hold_is_refused() {
    let bench = Bench::new();
    let setup = |tool, to: [&str; 2], module: &Path| {
        let words = ["setup", tool, "app/release", "--offline", to[0], to[1]];
        bench.run_words(&[&words[..], &["--module", text(module)]].concat(), &[])
    };
    let long = format!("{0}/{0}/{0}/{0}/{0}", "x".repeat(200));
    // The directory of the module, the tools that refuse it, and why.
    let cases: &[(&str, &[&str], &str)] = &rows! {
        "line\nbreak", &TOOLS, "U+000A";
        "\u{1b}[31m", &TOOLS, "U+001B";
        "a\u{202e}b", &TOOLS, "U+202E";
        "a#b", &["gpg"], "it contains #";
        "${user.home}", &["sunpkcs11"], "it contains ${";
        "\u{fc}", &["sunpkcs11"], "non-ASCII";
        &long, &["openssl-engine", "openssl-provider", "gpg"], "longer than";
    };
    for (directory, refusing, why) in cases {
        fs::create_dir_all(bench.path(directory)).unwrap();
        let module = bench.path(directory).join("module.so");
        fs::copy(module_path(), &module).unwrap();
        for tool in TOOLS {
            let run = setup(tool, ["--directory", "new"], &module);
            if refusing.contains(&tool) {
                run.assert_fails(1, &[why, "move it to another directory"]);
                assert!(!bench.path("new").exists(), "{tool}");
            } else {
                run.assert_ok();
                fs::remove_dir_all(bench.path("new")).unwrap();
            }
        }
    }
    // The path of the configuration, which its comment shows.
    for (name, tool) in [("a\nb", "osslsigncode"), ("${user.dir}", "sunpkcs11")] {
        let run = setup(tool, ["--output", name], &module_path());
        run.assert_fails(1, &["write it to another directory"]);
        assert!(!bench.path(name).exists());
    }
}

#[test]
fn offline_makes_no_request() {
    let bench = Bench::new();
    for tool in TOOLS.into_iter().chain(["jarsigner"]) {
        let setup = format!("setup {tool} app/release --offline --module {{module}}");
        let printed = offline(&setup).assert_ok().stdout;
        assert_contains(&printed, &[text(&module_path())]);
        let placeholder = printed.replace("\"$@\"", "").find('@');
        assert_eq!(placeholder, None, "{tool}: {printed}");
        assert_eq!(bench.ok(&setup).stdout, printed);
    }
    assert_eq!(bench.service.requests(), []);
}

#[test]
fn the_configuration_names_the_signing_policies_and_no_secret() {
    let bench = Bench::with_policies(
        r#"{"project": "app", "policy": "release", "key": "p-256"},
           {"project": "app", "policy": "test", "key": "p-256"}"#,
    );
    for tool in TOOLS.into_iter().filter(|tool| *tool != "osslsigncode") {
        // The bench looks for the token.
        let printed = bench.ok(&format!("setup {tool} --module {{module}}")).stdout;
        let row = "#   app/test, EC P-256: pkcs11:token=SignPath;object=app%2Ftest;type=private\n";
        assert_contains(&printed, &[row]);
    }
}

#[test]
fn the_module_is_found_where_it_is_installed() {
    // A link needs the same file system. A copy could still be open for writing when it is run.
    let parent = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for library in ["bin", "lib", "lib/pkcs11"] {
        let prefix = parent.path().join(library.replace('/', "-"));
        fs::create_dir_all(prefix.join("bin")).unwrap();
        fs::create_dir_all(prefix.join(library)).unwrap();
        let binary = prefix.join("bin/signpath-pkcs11");
        fs::hard_link(env!("CARGO_BIN_EXE_signpath-pkcs11"), &binary).unwrap();
        let module = prefix.join(library).join("libsignpath_pkcs11.so");
        fs::write(&module, "").unwrap();
        let run = Run::of(Command::new(&binary).args(["setup", "p11-kit", "--offline"]));
        run.assert_ok().assert_prints(&[&format!("\nmodule: {}\n", module.display())]);
    }
}

#[test]
fn refuses_what_it_cannot_configure_and_replaces_nothing() {
    let bench = Bench::new();
    bench.write("gpg-agent.conf", "mine");
    failures! { bench;
        "setup --module {module} gpg --directory ." [] => 1: "gpg-agent.conf already exists";
        "setup --module {module} gpg --output x" [] => 1: "use --directory";
        "setup --module {module} osslsigncode" [] => 1: "script uses one signing policy";
        "setup --module {module} nss demo/none" [] => 1: "no signing policy demo/none";
        "setup --module {module} emacs" [] => 2: "openssl-engine";
        "setup --module /nonexistent/module.so nss --offline" [] => 1: "no such file: /nonexistent/module.so";
        "setup --module {module} nss" [SIGNPATH_ORGANIZATION_ID = "", SIGNPATH_API_TOKEN = ""] => 1: "or use --offline";
        "setup nss --import" [] => 1: "are for gpg";
    }
    assert_eq!(bench.read("gpg-agent.conf"), "mine");
    assert!(!bench.path("gnupg-pkcs11-scd.conf").exists());
    bench.ok("setup gpg --force --offline --module {module} --directory .");
    assert_contains(&bench.read("gpg-agent.conf"), &["\nscdaemon-program /"]);
}
