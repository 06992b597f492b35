//! `pkcs11-test/live.sh`, which signs with the real SignPath, against the local service.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use pkcs11_test::{Effect, Fault, REPOSITORY, TlsOptions};

use crate::common::{SIGN, environment, service, tls_service};
use crate::program::{Run, rows};

#[test]
fn signs_once_for_each_key_and_route_and_compares_the_answers() {
    let all = "This makes 12 signatures, which count toward the quota";
    let form = "FAILED  the form of the answer to GET SystemInfo: applicationVersion: string";
    let wrong = "FAILED  demo/p-256 over FastSigningRequest: ";
    let json = [("Content-Type", "application/json")];
    let no_version = Fault::on("GET /v1/Meta/SystemInfo", Effect::answer(200, &json, "{}"));
    let folder = tempfile::tempdir().unwrap();
    // Arguments, the answer to the question, TLS, what goes wrong, the exit status, what is said, how many signatures are made.
    for (arguments, typed, tls, faults, status, said, signatures) in rows! {
        &["--yes"][..], "", false, vec![], 0, &[all, "\n0 failed.\n"][..], 12;
        &["demo/rsa-2048"], "yes\n", true, vec![], 0, &["demo/rsa-2048, RSA 2048: FastSigningRequest SignHash", "\n0 failed.\n"], 2;
        &["demo/p-256"], "no\n", false, vec![], 1, &["live.sh: Nothing was signed."], 0;
        &["demo/p-256"], "", false, vec![], 1, &["live.sh: Nothing was signed."], 0;
        &["demo/none", "--yes"], "", false, vec![], 1, &["There is no signing policy demo/none."], 0;
        &["demo/p-256", "--yes"], "", false, vec![Fault::on(SIGN, Effect::WrongSignature), no_version], 1,
            &[wrong, "does not verify", form, "\n2 failed.\n"], 2;
    } {
        let service = match tls {
            true => tls_service(TlsOptions::default()),
            false => service(),
        };
        for fault in faults {
            service.inject(fault).unwrap();
        }
        let input = folder.path().join("typed");
        std::fs::write(&input, typed).unwrap();
        let mut live = Command::new("timeout");
        live.arg("120")
            .arg(Path::new(REPOSITORY).join("pkcs11-test/live.sh"))
            .args(arguments)
            .env("TMPDIR", folder.path())
            .env("SIGNPATH_TEST_COMMAND", env!("CARGO_BIN_EXE_signpath-pkcs11"))
            .envs(environment(&service, &[]))
            .stdin(File::open(&input).unwrap());
        let run = Run::of(&mut live);
        let all = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(run.status, Some(status), "{arguments:?}: {all}");
        for part in said {
            assert!(all.contains(part), "{part}: {all}");
        }
        assert!(!all.contains(service.token()), "{all}");
        let requests = service.requests();
        let signed = requests.iter().filter(|request| request.is_signed);
        assert_eq!(signed.count(), signatures, "{arguments:?}");
    }
    // It keeps nothing.
    std::fs::remove_file(folder.path().join("typed")).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
