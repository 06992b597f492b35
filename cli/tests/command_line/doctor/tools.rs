//! The module, and the tools that load it.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use pkcs11_test::TlsOptions;

use super::{HEALTH, assert_finds, checks, findings};
use crate::common::{LIST, environment, module_path, tls_service};
use crate::program::{Bench, rows, text};

const LOADS: &str = "; loads the module";

#[test]
fn each_check_says_that_all_is_well_and_each_tool_loads_the_module() {
    let bench = Bench::with(tls_service(TlsOptions::default()));
    let run = bench.ok("doctor --json --module {module}");
    assert_eq!(run.json()["ok"], true, "{run:?}");
    // Debian 12 has no provider, later ones have.
    let mut fine = checks(&run, "ok");
    fine.retain(|check| check != "openssl provider");
    fine.sort();
    let expected = "API token,NSS,TLS,certificates,clock,configuration,connection,credentials,gnupg-pkcs11-scd,keytool, jarsigner,\
        log file,module,name,openssl,openssl engine,osslsigncode,p11tool,pkcs11-tool,quota,service,signing policies,ssh,version";
    assert_eq!(fine.join(","), expected, "{run:#?}");
    assert!(checks(&run, "skipped").iter().all(|check| check == "openssl provider"));
    let loads = |finding: &serde_json::Value| finding["message"].as_str().unwrap().ends_with(LOADS);
    let loading = findings(&run).into_iter().filter(loads);
    assert!(loading.count() >= 8, "{run:#?}");
    for request in bench.service.requests() {
        let signs_nothing = [LIST, HEALTH, "GET /v1/Meta/SystemInfo", "GET /"];
        assert!(signs_nothing.contains(&&*request.route), "{request:?}");
    }
}

/// The configuration may contain paths that are relative to the current directory.
#[test]
fn tools_are_tried_in_the_directory_of_the_user() {
    let bench = Bench::with(tls_service(TlsOptions::default()));
    let environment = environment(&bench.service, &[]);
    let mut variables = environment.iter();
    let (_, ca) = variables.find(|(name, _)| name == "SIGNPATH_TLS_CA_FILE").unwrap();
    fs::copy(ca, bench.path("ca.pem")).unwrap();
    std::os::unix::fs::symlink(module_path(), bench.path("module.so")).unwrap();
    let ca = [("SIGNPATH_TLS_CA_FILE", "ca.pem")];
    let run = bench.run_with("doctor --json --module module.so", &ca);
    assert_finds(&run, &["ssh", "pkcs11-tool"].map(|tool| (tool, "ok", LOADS, "")));
}

#[test]
fn a_path_that_one_configuration_cannot_hold_stops_no_other_tool() {
    let bench = Bench::new();
    fs::copy(module_path(), bench.path("#1.so")).unwrap();
    let run = bench.run("doctor --json --module #1.so");
    let failed = ("gnupg-pkcs11-scd", "failed", "it contains #", "move it to another directory");
    let others = ["openssl engine", "keytool, jarsigner", "NSS", "pkcs11-tool"];
    let others = others.map(|tool| (tool, "ok", LOADS, ""));
    assert_finds(&run, &[&[failed], &others[..]].concat());
}

#[test]
fn a_missing_temporary_directory_is_a_failure_like_others() {
    let run =
        Bench::new().run_with("doctor --json --module {module}", &[("TMPDIR", "/nonexistent")]);
    let message = "cannot write a temporary directory in /nonexistent: no such file or directory";
    assert_finds(&run, &[("tools", "failed", message, "TMPDIR")]);
}

#[test]
fn a_signal_leaves_neither_a_tool_nor_a_directory_behind() {
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let bench = Bench::new();
        bench.sh("mkdir bin tmp; ln -s $(command -v sh) $(command -v sleep) bin; mkfifo pipe
            printf '#!/bin/sh\nexec 3>pipe; echo started >&3; sleep 1000 & sleep 1000\n' >bin/gnupg-pkcs11-scd
            chmod 755 bin/gnupg-pkcs11-scd");
        let places = [("PATH", &*bench.text("bin")), ("TMPDIR", &bench.text("tmp"))];
        let mut doctor = bench.command(&["doctor", "--module", text(&module_path())], &places);
        let mut doctor = doctor.stdout(Stdio::null()).spawn().unwrap();
        let mut pipe = fs::File::open(bench.path("pipe")).unwrap();
        assert_eq!(pipe.read(&mut [0]).unwrap(), 1);
        assert_eq!(fs::read_dir(bench.path("tmp")).unwrap().count(), 1);
        bench.sh(&format!("kill -{signal} {}", doctor.id()));
        assert_eq!(doctor.wait().unwrap().signal(), Some(number));
        assert_eq!(fs::read_dir(bench.path("tmp")).unwrap().count(), 0);
        // The pipe ends when no process of the tool has it open any more.
        pipe.read_to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn a_module_that_cannot_be_loaded_is_a_failure_and_another_one_a_warning() {
    let bench = Bench::new();
    bench.write(
        "crash.c",
        "#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) { abort(); }\n",
    );
    bench.sh("cc -shared -fPIC -o crash.so crash.c");
    let softhsm =
        ["/usr/lib", "/usr/lib64"].map(|library| format!("{library}/softhsm/libsofthsm2.so"));
    let softhsm = softhsm.iter().find(|path| Path::new(path).exists()).unwrap();
    for (module, status, message, remedy) in rows! {
        "/etc/os-release", "failed", "cannot load /etc/os-release", "";
        "/nonexistent/module.so", "failed", "no such file: /nonexistent/module.so", "";
        "crash.so", "failed", "crashes while loading", "";
        softhsm, "warning", "has version 2.", "from the same package";
    } {
        let run = bench.run(&format!("doctor --json --no-tools --module {module}"));
        assert_finds(&run, &[("module", status, message, remedy)]);
    }
}

#[test]
fn a_tool_that_does_not_load_the_module_is_a_failure_with_the_reason() {
    let bench = Bench::new();
    let error = "signpath-pkcs11: error: C_Initialize: the reason [CKR_GENERAL_ERROR]";
    // With what the scripts of the doctor need. Written by another process: a child of another thread's could still hold them open
    // when they are run.
    bench.sh(&format!(
        "mkdir bin
        for name in sh sed; do ln -s $(command -v $name) bin/$name; done
        script() {{ printf '#!/bin/sh\\n%s\\n' \"$2\" >bin/$1; chmod 755 bin/$1; }}
        script pkcs11-tool \"echo '{error}' >&2; echo other words; exit 1\"
        script p11tool '[ \"$1\" = --version ] && {{ echo p11tool 3; exit; }}; kill -SEGV $$'
        script ssh-keygen 'echo \"no keys for $SIGNPATH_API_TOKEN\"'
        script ssh 'echo OpenSSH_9 >&2'"
    ));
    // It does not show the token, which the bench looks for.
    let run = bench.run_with("doctor --json --module {module}", &[("PATH", &bench.text("bin"))]);
    let failed = |tool, message| (tool, "failed", message, "SIGNPATH_LOG_CONSOLE_LEVEL=debug");
    let reason = format!("cannot load the module ({error})");
    let expected = [
        failed("pkcs11-tool", &*reason),
        failed("p11tool", "p11tool 3; cannot load the module (killed by signal 11)"),
        failed("ssh", "OpenSSH_9; cannot load the module (no keys for ***)"),
        ("NSS", "skipped", "not installed", ""),
    ];
    assert_finds(&run, &expected);
}
