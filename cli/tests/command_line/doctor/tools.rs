//! The module, and the tools that load it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pkcs11_test::TlsOptions;

use super::{HEALTH, assert_failed, assert_says};
use crate::common::{LIST, environment, module_path, service, tls_service};
use crate::program::{Run, program, run_with, text};

#[test]
fn where_all_is_well_each_check_says_so_and_each_tool_loads_the_module() {
    let service = tls_service(TlsOptions::default());
    let module = module_path();
    let arguments = ["doctor", "--json", "--module", text(&module)];
    let run = run_with(&service, &arguments, &[]).assert_ok();
    let json = run.json();
    assert_eq!(json["ok"], true, "{json:#}");
    let findings = json["findings"].as_array().unwrap();
    let checks = |status: &str| -> BTreeSet<&str> {
        let findings = findings
            .iter()
            .filter(|finding| finding["status"] == status);
        findings
            .map(|finding| finding["check"].as_str().unwrap())
            .collect()
    };
    let expected = [
        "API token",
        "NSS",
        "TLS",
        "certificates",
        "clock",
        "configuration",
        "connection",
        "credentials",
        "gnupg-pkcs11-scd",
        "keytool, jarsigner",
        "log file",
        "module",
        "name",
        "openssl",
        "openssl engine",
        "osslsigncode",
        "p11tool",
        "pkcs11-tool",
        "quota",
        "service",
        "signing policies",
        "ssh",
        "version",
    ];
    let mut fine = checks("ok");
    // Debian 12 has none, later ones have.
    if !fine.remove("openssl provider") {
        assert_eq!(checks("skipped"), ["openssl provider"].into());
    }
    assert_eq!(fine, expected.into(), "{json:#}");
    let loading = findings.iter().filter(|finding| {
        finding["message"]
            .as_str()
            .unwrap()
            .ends_with("; loads the module")
    });
    assert!(loading.count() >= 8, "{json:#}");
    let requests = service.requests();
    let signs_nothing = [LIST, HEALTH, "GET /v1/Meta/SystemInfo", "GET /"];
    assert!(
        requests
            .iter()
            .all(|request| signs_nothing.contains(&request.route.as_str()))
    );
}

/// What the configuration names may be relative to the folder that the doctor is run in.
#[test]
fn tools_are_tried_in_the_folder_of_the_user() {
    let (service, folder) = (
        tls_service(TlsOptions::default()),
        tempfile::tempdir().unwrap(),
    );
    let environment = environment(&service, &[]);
    let (_, authority) = environment
        .iter()
        .find(|(name, _)| name == "SIGNPATH_TLS_CA_FILE")
        .unwrap();
    fs::copy(authority, folder.path().join("ca.pem")).unwrap();
    std::os::unix::fs::symlink(module_path(), folder.path().join("module.so")).unwrap();
    let mut program = program(&["doctor", "--json", "--module", "module.so"]);
    program
        .envs(environment)
        .env("SIGNPATH_TLS_CA_FILE", "ca.pem")
        .current_dir(folder.path());
    let run = Run::of(&mut program).assert_ok();
    assert_says(&run, "ssh", "ok", "; loads the module", "");
    assert_says(&run, "pkcs11-tool", "ok", "; loads the module", "");
}

#[test]
fn a_path_that_one_configuration_cannot_hold_stops_no_other_tool() {
    let (service, folder) = (service(), tempfile::tempdir().unwrap());
    let module = folder.path().join("#1.so");
    fs::copy(module_path(), &module).unwrap();
    let arguments = ["doctor", "--json", "--module", text(&module)];
    let run = run_with(&service, &arguments, &[]);
    assert_failed(
        &run,
        "gnupg-pkcs11-scd",
        "it contains #",
        "move it to another directory",
    );
    for tool in ["openssl engine", "keytool, jarsigner", "NSS", "pkcs11-tool"] {
        assert_says(&run, tool, "ok", "; loads the module", "");
    }
}

#[test]
fn a_module_that_cannot_be_loaded_is_a_failure() {
    let service = service();
    for (module, message) in [
        ("/etc/os-release", "cannot load /etc/os-release"),
        (
            "/nonexistent/module.so",
            "no such file: /nonexistent/module.so",
        ),
    ] {
        let run = run_with(&service, &["doctor", "--json", "--module", module], &[]);
        assert_failed(&run, "module", message, "");
    }
}

/// A folder with programs that behave as these scripts say, and with those that the scripts of the doctor need.
fn programs(folder: &Path, scripts: &[(&str, &str)]) {
    for name in ["sh", "sed", "printf", "true"] {
        let found = Command::new("sh")
            .args(["-c", "command -v \"$0\"", name])
            .output()
            .unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        if found.starts_with('/') {
            std::os::unix::fs::symlink(found.trim(), folder.join(name)).unwrap();
        }
    }
    for (name, script) in scripts {
        // Not written by this process: another thread's child could still hold it open when it is run.
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod 755 \"$0\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", write, text(&folder.join(name)), script]);
        assert!(shell.status().unwrap().success());
    }
}

#[test]
fn a_tool_that_does_not_load_the_module_is_a_failure_with_the_reason() {
    let (service, folder) = (service(), tempfile::tempdir().unwrap());
    let error = "signpath-pkcs11: error: C_Initialize: the reason [CKR_GENERAL_ERROR]";
    programs(
        folder.path(),
        &[
            (
                "pkcs11-tool",
                &format!("echo '{error}' >&2; echo the tool\\'s own words; exit 1"),
            ),
            (
                "p11tool",
                "[ \"$1\" = --version ] && { echo p11tool 3; exit; }; kill -SEGV $$",
            ),
            ("ssh-keygen", "echo \"no keys for $SIGNPATH_API_TOKEN\""),
            ("ssh", "echo OpenSSH_9 >&2"),
        ],
    );
    let module = module_path();
    let arguments = ["doctor", "--json", "--module", text(&module)];
    // It does not show the token, which `run_with` looks for.
    let run = run_with(&service, &arguments, &[("PATH", text(folder.path()))]);
    assert_eq!(run.status, Some(1));
    let remedy = "SIGNPATH_LOG_CONSOLE_LEVEL=debug";
    assert_says(
        &run,
        "pkcs11-tool",
        "failed",
        &format!("cannot load the module ({error})"),
        remedy,
    );
    assert_says(
        &run,
        "p11tool",
        "failed",
        "p11tool 3; cannot load the module (killed by signal 11)",
        remedy,
    );
    assert_says(
        &run,
        "ssh",
        "failed",
        "OpenSSH_9; cannot load the module (no keys for ***)",
        remedy,
    );
    assert_says(&run, "NSS", "skipped", "not installed", "");
}

#[test]
fn a_module_that_crashes_is_a_failure_and_another_one_a_warning() {
    let (service, folder) = (service(), tempfile::tempdir().unwrap());
    let (source, module) = (
        folder.path().join("crash.c"),
        folder.path().join("crash.so"),
    );
    let crash =
        "#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) { abort(); }\n";
    fs::write(&source, crash).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o", text(&module), text(&source)]);
    assert!(cc.status().unwrap().success());
    let doctor = |module: &str| {
        let arguments = ["doctor", "--json", "--no-tools", "--module", module];
        run_with(&service, &arguments, &[])
    };
    assert_failed(
        &doctor(text(&module)),
        "module",
        "crashes while loading",
        "",
    );

    let softhsm = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
    ];
    let softhsm = softhsm
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap();
    let run = doctor(softhsm).assert_ok();
    assert_says(
        &run,
        "module",
        "warning",
        "has version 2.",
        "from the same package",
    );
}
