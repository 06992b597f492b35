//! `setup`: each configuration is used by the tool that it is for, in the way that its own comment says.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use pkcs11_test::Service;

use crate::common::{environment, module_path, service, traffic};
use crate::program::{Run, openssl, program, run, run_with, service_with, text};

/// The user whom systems have for nobody in particular.
const NOBODY: u32 = 65534;

/// The tools that are configured.
pub const TOOLS: [&str; 7] = [
    "openssl-engine",
    "openssl-provider",
    "sunpkcs11",
    "osslsigncode",
    "gpg",
    "p11-kit",
    "nss",
];

/// What means something in a shell, in a configuration, or to us, and can be in a path all the same.
const ODD: &str = r#"it's "$HOME" \n `id` |;&(x)*?[y]!~=%s,@MODULE@ {z}"#;

/// A folder with an odd name that configurations are written to and used in, and where the module is.
struct Work {
    _parent: tempfile::TempDir,
    folder: PathBuf,
}

impl Work {
    fn new() -> Self {
        Self::named(ODD)
    }

    fn named(name: &str) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::copy(module_path(), folder.join("module.so")).unwrap();
        Self {
            _parent: parent,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn module(&self) -> PathBuf {
        self.path("module.so")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Has the configuration of a tool written into the folder.
    fn setup(&self, service: &Service, arguments: &[&str]) {
        let module = self.module();
        let to = ["--module", text(&module), "--directory", text(&self.folder)];
        let run = run(service, &[&["setup"], arguments, &to[..]].concat()).assert_ok();
        assert_eq!(run.stdout, "");
    }

    /// A shell in the folder.
    fn shell(&self, service: &Service, commands: &str) -> Command {
        let mut shell = Command::new("sh");
        // What `program` cleans is clean here too.
        for (name, value) in program(&[]).get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
            .envs(environment(service, &[]))
            .args(["-ec", commands])
            .current_dir(&self.folder);
        shell
    }

    /// Runs the commands that the comment of a file shows, word for word.
    fn run_examples(&self, service: &Service, name: &str) -> String {
        succeeded(&mut self.shell(service, &examples(&self.read(name))))
    }

    /// Verifies `file.sig` with the public key of a signing policy.
    fn verify(&self, service: &Service, policy: &str) {
        let certificate = service.certificate_der("demo", policy).unwrap();
        let key = ["x509", "-inform", "DER", "-noout", "-pubkey"];
        self.write("key.pem", openssl(&key, certificate));
        let commands = "openssl dgst -sha256 -verify key.pem -signature file.sig file";
        succeeded(&mut self.shell(service, commands));
    }
}

fn succeeded(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert!(
        status.success(),
        "{:?}: {status}\n{stdout}\n{stderr}",
        command.get_args()
    );
    stdout.into_owned()
}

/// The indented lines of the first comment, up to the list of signing policies.
fn examples(content: &str) -> String {
    let comment = content.lines().take_while(|line| line.starts_with('#'));
    let commands = comment.take_while(|line| !line.starts_with("# Signing policies"));
    let commands: Vec<_> = commands
        .filter_map(|line| line.strip_prefix("#   "))
        .collect();
    assert!(!commands.is_empty(), "{content}");
    commands.join("\n")
}

#[test]
fn openssl_signs_with_the_engine() {
    let (service, work) = (service(), Work::new());
    work.setup(&service, &["openssl-engine", "demo/p-256"]);
    work.write("file", "content");
    let request = work.run_examples(&service, "signpath-engine.cnf");
    work.verify(&service, "p-256");
    let subject = ["req", "-verify", "-noout", "-subject"];
    assert!(
        openssl(&subject, request.as_bytes()).contains("CN = x"),
        "{request}"
    );
    // A signed file and a signed certificate request.
    assert_eq!(traffic(&service.requests()).signatures, 2);
}

/// Debian 12 has no pkcs11-provider, so another one stands in, which says what it is told.
#[test]
fn openssl_tells_the_provider_of_module_and_pin() {
    let (service, work) = (service(), Work::new());
    work.setup(&service, &["openssl-provider", "demo/p-256"]);
    work.write("provider.c", include_str!("provider.c"));
    let commands = "cc -shared -fPIC -o pkcs11.so provider.c
        export OPENSSL_CONF=signpath-provider.cnf OPENSSL_MODULES=$PWD
        openssl list -providers";
    let printed = succeeded(&mut work.shell(&service, commands));
    let told = format!("module {}, PIN CONFIG\n", work.module().display());
    assert!(printed.contains(&told), "{printed}");
    assert!(printed.contains("OpenSSL Default Provider"), "{printed}");
}

#[test]
fn keytool_lists_and_jarsigner_and_apksigner_sign_with_sunpkcs11() {
    // Java takes the current folder, where the example writes a file, for a part of a URL.
    let (service, work) = (service(), Work::named(&ODD.replace(['?', '%'], "")));
    work.setup(&service, &["sunpkcs11", "demo/p-256"]);
    let prepare = "jar --create --file app.jar signpath-sunpkcs11.cfg
        touch AndroidManifest.xml
        jar --create --no-manifest --file app.apk AndroidManifest.xml";
    succeeded(&mut work.shell(&service, prepare));
    // The manifest is empty, so that an option has to say for which versions of Android.
    let examples = examples(&work.read("signpath-sunpkcs11.cfg"))
        .replace(" sign --ks", " sign --min-sdk-version 21 --ks");
    let printed = succeeded(&mut work.shell(&service, &examples));
    assert!(
        printed.contains("demo/rsa-3072, PrivateKeyEntry"),
        "{printed}"
    );
    let verified = succeeded(&mut work.shell(&service, "jarsigner -verify app-signed.jar"));
    assert!(verified.contains("jar verified."), "{verified}");
    let verify = "apksigner verify --verbose --min-sdk-version 21 app-signed.apk";
    let verified = succeeded(&mut work.shell(&service, verify));
    assert!(
        verified.contains("Verified using v3 scheme (APK Signature Scheme v3): true"),
        "{verified}"
    );
    // One for the JAR, and four for the schemes of an APK.
    assert_eq!(traffic(&service.requests()).signatures, 5);
}

#[test]
fn osslsigncode_signs_with_the_script() {
    let (service, work) = (service(), Work::new());
    work.setup(&service, &["osslsigncode", "demo/rsa-2048"]);
    let mode = fs::metadata(work.path("signpath-osslsigncode"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    succeeded(&mut work.shell(
        &service,
        "cp /usr/lib/systemd/boot/efi/systemd-bootx64.efi app.exe",
    ));
    work.run_examples(&service, "signpath-osslsigncode");
    let authority = crate::common::options().state.join("code-signing-ca.pem");
    let verify = format!(
        "osslsigncode verify -CAfile {} -in app-signed.exe",
        authority.display()
    );
    succeeded(&mut work.shell(&service, &verify));
    assert_eq!(traffic(&service.requests()).signatures, 1);
}

#[test]
fn a_new_home_folder_of_gnupg_is_for_its_owner_alone() {
    let (work, module) = (Work::new(), module_path());
    let home = work.path("gnupg");
    let to = ["--module", text(&module), "--directory", text(&home)];
    let setup = ["setup", "gpg", "--offline"];
    Run::of(&mut program(&[&setup[..], &to].concat())).assert_ok();
    assert_eq!(fs::metadata(&home).unwrap().mode() & 0o777, 0o700);
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
    let (service, work) = (service(), Work::new());
    work.setup(&service, &["gpg", "demo/rsa-3072"]);
    let home = work.folder.as_path();
    fs::set_permissions(home, fs::Permissions::from_mode(0o700)).unwrap();
    let _agent = Agent(home.to_owned());
    work.write(
        "gpg.conf",
        "batch\npinentry-mode loopback\npassphrase CONFIG\n",
    );
    work.write("file", "content");
    let examples = examples(&work.read("signpath-gpg-key"));
    succeeded(work.shell(&service, &examples).env("GNUPGHOME", home));
    let verify = "gpg --verify file.sig file 2>&1";
    let verified = succeeded(work.shell(&service, verify).env("GNUPGHOME", home));
    assert!(
        verified.contains("Good signature from \"demo/rsa-3072\""),
        "{verified}"
    );
    assert_eq!(traffic(&service.requests()).signatures, 3);
}

#[test]
fn p11_kit_lists_the_module_and_p11tool_its_objects() {
    let (service, work) = (service(), Work::new());
    let folder = work.folder.as_path();
    // p11-kit reads the folder of a user unless the user is root, who has the system's.
    let module = work.module();
    let modules = work.path(".config/pkcs11/modules");
    let to = ["--module", text(&module), "--directory", text(&modules)];
    run(&service, &[&["setup", "p11-kit"], &to[..]].concat()).assert_ok();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let logs = work.path("logs");
    let examples = examples(&work.read(".config/pkcs11/modules/signpath.module"));
    let mut shell = work.shell(&service, &examples);
    shell
        .env("HOME", folder)
        .env_remove("XDG_CONFIG_HOME")
        .env("GNUTLS_PIN", "CONFIG")
        .env("SIGNPATH_LOG_FILE_LEVEL", "none")
        .env("SIGNPATH_LOG_FILE_DIRECTORY", logs);
    if nix::unistd::geteuid().is_root() {
        shell.uid(NOBODY).gid(NOBODY);
    }
    let printed = succeeded(&mut shell);
    assert!(printed.contains("token: SignPath"), "{printed}");
    assert!(
        printed.contains("object=demo%2Fp-521;type=private"),
        "{printed}"
    );
}

#[test]
fn nss_finds_certificates_and_keys() {
    let (service, work) = (service(), Work::new());
    work.setup(&service, &["nss", "demo/p-256"]);
    work.write("pin", "CONFIG");
    let printed = work.run_examples(&service, "signpath-nss");
    assert!(printed.contains("SignPath:demo/rsa-4096"), "{printed}");
    let keys = printed.lines().filter(|line| line.starts_with('<'));
    assert_eq!(keys.count(), 6, "{printed}");
    // A second time it replaces what it has added.
    succeeded(&mut work.shell(&service, "sh signpath-nss FOLDER"));
    let listed = succeeded(&mut work.shell(&service, "modutil -dbdir sql:FOLDER -list"));
    assert_eq!(listed.matches("library name:").count(), 1, "{listed}");
}

/// What a value cannot be written as is refused in one line, and nothing is written.
#[test]
fn a_value_that_a_format_cannot_hold_is_refused() {
    let module = module_path();
    let parent = tempfile::tempdir().unwrap();
    let long = format!("{0}/{0}/{0}/{0}/{0}", "x".repeat(200));
    // The folder of the module, the tools that cannot have it, and why.
    let cases: &[(&str, &[&str], &str)] = &[
        ("line\nbreak", &TOOLS, "U+000A"),
        ("\u{1b}[31m", &TOOLS, "U+001B"),
        ("a\u{202e}b", &TOOLS, "U+202E"),
        ("a#b", &["gpg"], "it contains #"),
        ("${user.home}", &["sunpkcs11"], "it contains ${"),
        ("\u{fc}", &["sunpkcs11"], "non-ASCII"),
        (
            &long,
            &["openssl-engine", "openssl-provider", "gpg"],
            "longer than",
        ),
    ];
    for (folder, refusing, why) in cases {
        let folder = parent.path().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let copy = folder.join("module.so");
        fs::copy(&module, &copy).unwrap();
        for tool in TOOLS {
            let target = parent.path().join("target");
            let setup = [
                "setup",
                tool,
                "app/release",
                "--offline",
                "--module",
                text(&copy),
            ];
            let to = ["--directory", text(&target)];
            let run = Run::of(&mut program(&[&setup[..], &to].concat()));
            if !refusing.contains(&tool) {
                run.assert_ok();
                fs::remove_dir_all(&target).unwrap();
                continue;
            }
            assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{tool}");
            assert_eq!(run.stderr.lines().count(), 1, "{tool}: {}", run.stderr);
            for part in [why, "move it to another directory"] {
                assert!(run.stderr.contains(part), "{tool}: {}", run.stderr);
            }
            assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
            assert!(!target.exists(), "{tool}");
        }
    }
    // The path of the file itself, which its comment shows.
    for (name, tool) in [("a\nb", "osslsigncode"), ("${user.dir}", "sunpkcs11")] {
        let file = parent.path().join(name);
        let setup = [
            "setup",
            tool,
            "app/release",
            "--offline",
            "--module",
            text(&module),
        ];
        let run = Run::of(&mut program(
            &[&setup[..], &["--output", text(&file)]].concat(),
        ));
        assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{tool}");
        assert!(
            run.stderr.contains("write it to another directory"),
            "{}",
            run.stderr
        );
        assert!(!file.exists());
    }
}

#[test]
fn offline_the_service_is_not_asked() {
    let service = service();
    let module = module_path();
    let offline = ["--module", text(&module), "--offline"];
    for tool in [
        "openssl-engine",
        "openssl-provider",
        "sunpkcs11",
        "jarsigner",
        "osslsigncode",
        "gpg",
        "p11-kit",
        "nss",
    ] {
        let arguments = [&["setup", tool, "app/release"], &offline[..]].concat();
        let run = Run::of(&mut program(&arguments)).assert_ok();
        assert!(run.stdout.contains(text(&module)), "{}", run.stdout);
        let placeholder = run.stdout.replace("\"$@\"", "").find('@');
        assert_eq!(placeholder, None, "{tool}: {}", run.stdout);
        let online = run_with(&service, &arguments, &[]).assert_ok();
        assert_eq!(online.stdout, run.stdout);
    }
    assert_eq!(service.requests(), []);
}

#[test]
fn the_configuration_names_the_signing_policies_and_no_secret() {
    let service = service_with(&["app/release", "app/test"]);
    let module = module_path();
    for tool in [
        "openssl-engine",
        "openssl-provider",
        "sunpkcs11",
        "gpg",
        "p11-kit",
        "nss",
    ] {
        // `run` looks for the token.
        let run = run(&service, &["setup", tool, "--module", text(&module)]).assert_ok();
        let row = "#   app/test, EC P-256: pkcs11:token=SignPath;object=app%2Ftest;type=private\n";
        assert!(run.stdout.contains(row), "{tool}: {}", run.stdout);
    }
}

#[test]
fn the_module_is_found_where_it_is_installed() {
    // A link needs the same file system, and unlike a copy is not open for writing when it is run.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for library in ["bin", "lib", "lib/pkcs11"] {
        let installation = folder.path().join(library.replace('/', "-"));
        fs::create_dir_all(installation.join("bin")).unwrap();
        fs::create_dir_all(installation.join(library)).unwrap();
        let binary = installation.join("bin/signpath-pkcs11");
        fs::hard_link(env!("CARGO_BIN_EXE_signpath-pkcs11"), &binary).unwrap();
        let module = installation.join(library).join("libsignpath_pkcs11.so");
        fs::write(&module, "").unwrap();
        let setup = ["setup", "p11-kit", "--offline"];
        let run = Run::of(Command::new(&binary).args(setup)).assert_ok();
        let expected = format!(
            "\nmodule: {}\n",
            installation
                .join(library)
                .join("libsignpath_pkcs11.so")
                .display()
        );
        assert!(run.stdout.contains(&expected), "{}", run.stdout);
    }
}

#[test]
fn what_cannot_be_configured_is_said_and_nothing_is_replaced() {
    let service = service();
    let work = Work::new();
    let module = module_path();
    work.write("gpg-agent.conf", "mine");
    let (folder, file) = (work.folder.as_path(), work.path("x"));
    let module = text(&module);
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["gpg", "--directory", text(folder)],
            1,
            "gpg-agent.conf already exists",
        ),
        (&["gpg", "--output", text(&file)], 1, "use --directory"),
        (&["osslsigncode"], 1, "script uses one signing policy"),
        (&["nss", "demo/none"], 1, "no signing policy demo/none"),
        (&["nss", "demo"], 2, "expected PROJECT/POLICY"),
        (&["emacs"], 2, "openssl-engine"),
    ];
    for (arguments, status, expected) in cases {
        let run = run(
            &service,
            &[&["setup", "--module", module], *arguments].concat(),
        );
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(*status), ""),
            "{arguments:?}"
        );
        assert!(
            run.stderr.contains(expected),
            "{arguments:?}: {}",
            run.stderr
        );
    }
    let nowhere = "/nonexistent/module.so";
    let run = run(
        &service,
        &["setup", "nss", "--offline", "--module", nowhere],
    );
    assert_eq!(run.status, Some(1));
    assert!(
        run.stderr.contains("no such file: /nonexistent/module.so"),
        "{}",
        run.stderr
    );
    let without = Run::of(&mut program(&["setup", "nss", "--module", module]));
    assert!(
        without.stderr.contains("or use --offline"),
        "{}",
        without.stderr
    );
    assert_eq!(work.read("gpg-agent.conf"), "mine");
    assert!(!work.path("gnupg-pkcs11-scd.conf").exists());

    let force = [
        "setup",
        "gpg",
        "--force",
        "--offline",
        "--module",
        module,
        "--directory",
        text(folder),
    ];
    run_with(&service, &force, &[]).assert_ok();
    let replaced = work.read("gpg-agent.conf");
    assert!(replaced.contains("\nscdaemon-program /"), "{replaced}");
}
