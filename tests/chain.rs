//! CA certificates from ChainCertificatesFile, as applications see them.

mod common;

use std::path::PathBuf;
use std::process::Command;

use common::{assert_lines, environment, module_path, on_stage, options, printed, service};
use cryptoki_sys::*;
use pkcs11_test::harness::{boolean, ulong};

const SETTING: &str = "SIGNPATH_CHAIN_CERTIFICATES_FILE";

/// The CA that issues the service's code signing certificates.
fn ca() -> PathBuf {
    options().state.join("code-signing-ca.pem")
}

/// A self-signed certificate of another key, in PEM.
fn self_signed(subject: &str) -> String {
    let key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null"];
    let name = ["-days", "9", "-subj", subject, "-multivalue-rdn"];
    printed(Command::new("openssl").args(["req", "-x509"]).args(key).args(name))
}

#[test]
fn shows_only_the_certificates_that_lead_up_from_a_policys() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let pem = std::fs::read_to_string(ca()).unwrap();
        let name = "/C=AT/O=Local SignPath Service/CN=Local Code Signing CA";
        let [impostor, stranger] = [name, "/CN=Stranger"].map(self_signed);
        let bundle = tempfile::NamedTempFile::new().unwrap();
        stage.set(SETTING, bundle.path().to_str().unwrap());
        let write = |content: &str| std::fs::write(&bundle, content).unwrap();
        let print = |pem: &str, what: &[&str]| {
            write(pem);
            let print = ["x509", "-noout", "-in", bundle.path().to_str().unwrap()];
            printed(Command::new("openssl").args(print).args(what))
        };
        assert_eq!(print(&impostor, &["-subject"]), print(&pem, &["-subject"]));
        let identifier = print(&pem, &["-ext", "subjectKeyIdentifier"]);
        let identifier = identifier.lines().nth(1).unwrap().trim().replace(':', "");
        for content in [
            // The CA twice, one of the same name with another key, and an unrelated one.
            [&*impostor, &pem, &stranger, &pem].concat(),
            format!("\u{feff}{pem}{stranger}"),
            format!("{stranger}\u{feff}{pem}"),
            // The label of OpenSSL before 0.9.
            pem.replace(" CERTIFICATE", " X509 CERTIFICATE") + &stranger,
        ] {
            write(&content);
            let login = stage.see(|| module.logged_in().unwrap());
            let session = login.value;
            assert_lines(&login.lines, &[]);
            let certificates = session.find(&[(CKA_CLASS, ulong(CKO_CERTIFICATE))]);
            assert_eq!(certificates.unwrap().len(), 6 + 1);
            let leaf = session.certificate("demo/rsa-2048");
            // As SunPKCS11 and NSS look for it.
            let by_subject = [
                (CKA_TOKEN, boolean(true)),
                (CKA_CLASS, ulong(CKO_CERTIFICATE)),
                (CKA_SUBJECT, session.attribute(leaf, CKA_ISSUER).unwrap()),
            ];
            let [found] = session.find(&by_subject).unwrap()[..] else {
                panic!("not one CA certificate");
            };
            let value = |id| session.attribute(found, id).unwrap();
            assert_eq!(value(CKA_LABEL), b"Local Code Signing CA");
            let category = ulong(CK_CERTIFICATE_CATEGORY_AUTHORITY);
            assert_eq!(value(CKA_CERTIFICATE_CATEGORY), category);
            assert_eq!([CKA_TRUSTED, CKA_PRIVATE].map(value), [[0], [0]]);
            assert_eq!(base16ct::upper::encode_string(&value(CKA_ID)), identifier);
            let with_its_id = session.find(&[(CKA_ID, value(CKA_ID))]);
            assert_eq!(with_its_id.unwrap(), [found], "no key has the ID of a CA");
            assert_eq!(module.finalize(), CKR_OK);
        }
    });
}

#[test]
fn jarsigner_writes_the_whole_chain() {
    let service = service();
    let folder = tempfile::tempdir().unwrap();
    let library = module_path().display().to_string();
    let configuration = format!("name = SP\nlibrary = {library}\nslot = 1\n");
    for (name, content) in [("p11.cfg", &*configuration), ("file", "content")] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let store = "-storetype PKCS11 -keystore NONE -storepass CONFIG \
        -providerClass sun.security.pkcs11.SunPKCS11 -providerArg p11.cfg";
    let chain = ca().display().to_string();
    let tool = |line: &str| {
        let line = line.replace("STORE", store);
        let words: Vec<_> = line.split(' ').collect();
        let environment = environment(&service, &[(SETTING, &chain)]);
        let mut command = Command::new(words[0]);
        printed(command.args(&words[1..]).current_dir(&folder).envs(environment))
    };
    tool("jar cf in.jar file");
    let entries = tool("keytool STORE -list");
    assert!(entries.contains("contains 6 entries"), "no entry for the CA: {entries}");
    tool("jarsigner STORE -sigalg SHA256withRSA -signedjar out.jar in.jar demo/rsa-2048");
    let printed = tool("keytool -printcert -jarfile out.jar");
    let owners: Vec<_> = printed.lines().filter(|line| line.starts_with("Owner:")).collect();
    let names = ["CN=Code Signing demo rsa-2048", "CN=Local Code Signing CA"];
    assert_eq!(owners.len(), names.len(), "{printed}");
    for (owner, name) in owners.iter().zip(names) {
        assert!(owner.contains(name), "{printed}");
    }
}
