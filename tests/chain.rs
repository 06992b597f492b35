//! Certificates of authorities from ChainCertificatesFile, as programs see and use them.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::raw::{self, Raw};
use common::{environment, in_child, initialized, logged_in, module_path, service};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki_sys::*;
use pkcs11_test::Service;

const SETTING: &str = "SIGNPATH_CHAIN_CERTIFICATES_FILE";

/// The authority that issues the service's code signing certificates.
fn authority() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("service/code-signing-ca.pem")
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A self-signed certificate of another key, in PEM.
fn self_signed(folder: &Path, subject: &str) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    let openssl = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9",
    ];
    run(Command::new("openssl").args(openssl).args([
        "-subj",
        subject,
        "-multivalue-rdn",
        "-keyout",
        &path("key"),
        "-out",
        &path("made"),
    ]));
    std::fs::read_to_string(folder.join("made")).unwrap()
}

/// A service, and the environment that names `file`.
fn prepare(file: &Path) -> (Service, Vec<(String, String)>) {
    let service = service();
    let environment = environment(&service, &[(SETTING, &file.display().to_string())]);
    (service, environment)
}

fn openssl_name(certificate: &Path, option: &str) -> String {
    let arguments = ["x509", "-noout", option, "-nameopt", "compat", "-in"];
    let name = run(Command::new("openssl").args(arguments).arg(certificate));
    name.trim().split_once('=').unwrap().1.trim().to_owned()
}

#[test]
fn only_the_certificates_that_lead_up_from_a_policys_are_shown() {
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let certificate = (CKA_CLASS, CKO_CERTIFICATE.to_ne_bytes().to_vec());
        let certificates = raw::search(&raw, session, std::slice::from_ref(&certificate));
        assert_eq!(certificates.len(), 6 + 1);
        let leaf = raw::object(&raw, session, CKO_CERTIFICATE, "demo/rsa-2048");
        let issuer = raw::value(&raw, session, leaf, CKA_ISSUER).unwrap();
        // As SunPKCS11 and NSS look for it.
        let by_subject = [
            (CKA_TOKEN, vec![CK_TRUE]),
            certificate,
            (CKA_SUBJECT, issuer),
        ];
        let [authority] = raw::search(&raw, session, &by_subject)[..] else {
            panic!();
        };
        let value = |id| raw::value(&raw, session, authority, id).unwrap();
        assert_eq!(value(CKA_LABEL), b"Local Code Signing CA");
        assert_eq!(
            value(CKA_CERTIFICATE_CATEGORY),
            CK_CERTIFICATE_CATEGORY_AUTHORITY.to_ne_bytes()
        );
        assert_eq!((value(CKA_TRUSTED), value(CKA_PRIVATE)), (vec![0], vec![0]));
        let with_its_id = raw::search(&raw, session, &[(CKA_ID, value(CKA_ID))]);
        assert_eq!(
            with_its_id,
            [authority],
            "no key has the ID of an authority"
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.pem");
    // The authority twice, one with its name and another key, and one that has nothing to do with it.
    drop(service());
    let ca = std::fs::read_to_string(authority()).unwrap_or_default();
    let impostor = self_signed(
        folder.path(),
        "/C=AT/O=Local SignPath Service/CN=Local Code Signing CA",
    );
    let made = folder.path().join("made");
    assert_eq!(
        openssl_name(&made, "-subject"),
        openssl_name(&authority(), "-subject")
    );
    let stranger = self_signed(folder.path(), "/CN=Stranger");
    std::fs::write(&bundle, format!("{impostor}{ca}{stranger}{ca}")).unwrap();
    let Some((_, run)) = in_child(test_name!(), || prepare(&bundle), child) else {
        return;
    };
    run.assert_silent();
}

#[test]
fn neither_a_byte_order_mark_nor_an_older_label_hides_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let stranger = self_signed(folder.path(), "/CN=Stranger");
    drop(service());
    let ca = std::fs::read_to_string(authority()).unwrap_or_default();
    for content in [
        format!("\u{feff}{ca}{stranger}"),
        format!("{stranger}\u{feff}{ca}"),
        // As OpenSSL wrote it before 0.9.
        ca.replace(" CERTIFICATE", " X509 CERTIFICATE") + &stranger,
    ] {
        let bundle = folder.path().join("bundle.pem");
        std::fs::write(&bundle, content).unwrap();
        let child = || {
            let session = logged_in(&initialized());
            let certificates = [Attribute::Class(ObjectClass::CERTIFICATE)];
            assert_eq!(session.find_objects(&certificates).unwrap().len(), 6 + 1);
        };
        let Some((_, run)) = in_child(test_name!(), || prepare(&bundle), child) else {
            return;
        };
        run.assert_silent();
    }
}

#[test]
fn a_bundle_that_leads_nowhere_is_said() {
    let folder = tempfile::tempdir().unwrap();
    self_signed(folder.path(), "/CN=Stranger");
    let child = || {
        let module = initialized();
        let session = logged_in(&module);
        let certificates = [Attribute::Class(ObjectClass::CERTIFICATE)];
        assert_eq!(session.find_objects(&certificates).unwrap().len(), 6);
    };
    let bundle = folder.path().join("made");
    let Some((_, run)) = in_child(test_name!(), || prepare(&bundle), child) else {
        return;
    };
    run.assert_one_line(&["warning", "ChainCertificatesFile contains no issuer"]);
}

#[test]
fn a_bundle_that_cannot_be_read_stops_c_initialize_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let parameters = "-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n";
    for (path, reason) in [
        (folder.path().join("missing.pem"), "no such file"),
        (folder.path().to_owned(), "cannot read"),
        (file("empty.pem", b""), "contains no PEM certificate"),
        (
            file("der.pem", b"\x30\x03\x02\x01\x01"),
            "contains no PEM certificate",
        ),
        (
            file("garbage.pem", pem.as_bytes()),
            "PEM block 1 is not a valid X.509 certificate",
        ),
        (
            file("parameters.pem", parameters.as_bytes()),
            "PEM block 1 is not a valid X.509 certificate",
        ),
    ] {
        let child = || {
            let module = Pkcs11::new(module_path()).unwrap();
            let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
            match module.initialize(arguments) {
                Err(Error::Pkcs11(RvError::GeneralError, _)) => {}
                other => panic!("{other:?}"),
            }
        };
        let Some((_, run)) = in_child(test_name!(), || prepare(&path), child) else {
            return;
        };
        let path = path.display().to_string();
        run.assert_one_line(&["C_Initialize", "ChainCertificatesFile", &path, reason]);
    }
}

#[test]
fn jarsigner_writes_the_whole_chain_and_lists_no_entry_for_the_authority() {
    let service = service();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(
        path("p11.cfg"),
        format!(
            "name = SP\nlibrary = {}\nslot = 1\n",
            module_path().display()
        ),
    )
    .unwrap();
    std::fs::write(path("file"), b"content").unwrap();
    run(Command::new("jar")
        .current_dir(&folder)
        .args(["cf", "in.jar", "file"]));
    let signs = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .current_dir(&folder)
            .envs(environment(
                &service,
                &[(SETTING, &authority().display().to_string())],
            ))
            .args([
                "-storetype",
                "PKCS11",
                "-keystore",
                "NONE",
                "-storepass",
                "CONFIG",
            ])
            .args([
                "-providerClass",
                "sun.security.pkcs11.SunPKCS11",
                "-providerArg",
                "p11.cfg",
            ])
            .args(arguments);
        run(&mut command)
    };
    let entries = signs("keytool", &["-list"]);
    assert!(entries.contains("contains 6 entries"), "{entries}");
    let options = [
        "-sigalg",
        "SHA256withRSA",
        "-signedjar",
        "out.jar",
        "in.jar",
    ];
    signs("jarsigner", &[&options[..], &["demo/rsa-2048"]].concat());
    let printed = run(Command::new("keytool").current_dir(&folder).args([
        "-printcert",
        "-jarfile",
        "out.jar",
    ]));
    let owners: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with("Owner:"))
        .collect();
    assert_eq!(owners.len(), 2, "{printed}");
    assert!(
        owners[0].contains("CN=Code Signing demo rsa-2048"),
        "{printed}"
    );
    assert!(owners[1].contains("CN=Local Code Signing CA"), "{printed}");
}
