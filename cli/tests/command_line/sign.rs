//! `sign`.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use pkcs11_test::{Effect, Fault};

use crate::common::{LIST, SIGN, Traffic, traffic};
use crate::program::{Bench, Run, failures, rows};

const MESSAGE: &str = "what is signed";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("message", MESSAGE);
    bench
}

/// openssl verifies the file `signature` with the key in the service's certificate.
fn assert_verifies(bench: &Bench, policy: &str, options: &str) {
    bench.write_certificate(policy);
    let verify = format!("openssl dgst {options} -verify key.pem -signature signature message");
    assert_eq!(bench.sh(&verify), "Verified OK\n", "{policy}");
}

#[test]
fn openssl_verifies_the_signature_of_a_file_with_each_key_and_hash() {
    const PSS: &str = "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest";
    for (policy, options, verification) in [
        ("rsa-2048", "", "-sha256"),
        ("rsa-3072", "--hash sha512", "-sha512"),
        ("rsa-2048", "--hash sha1", "-sha1"),
        ("rsa-4096", "--pss --hash sha384", PSS),
        ("p-256", "", "-sha256"),
        ("p-384", "--hash sha384 --format der", "-sha384"),
        ("p-521", "--hash sha512", "-sha512"),
    ] {
        let bench = bench();
        // An existing file is replaced as a whole.
        bench.write("signature", [0; 4096]);
        let sign = format!("sign demo/{policy} {options} --file message --output signature");
        assert_eq!(bench.ok(&sign).stdout, "");
        let one_of_each = Traffic { lists: 1, signatures: 1, connections: 1 };
        assert_eq!(traffic(&bench.service.requests()), one_of_each, "{sign}");
        assert_verifies(&bench, policy, verification);
    }
}

#[test]
fn a_digest_gets_the_same_signature_as_its_file() {
    let bench = bench();
    for (hash, options) in [("-sha256", ""), ("-sha512", "--hash sha512")] {
        let of_file = bench.ok(&format!("sign demo/rsa-2048 --file message {options}"));
        let printed = bench.sh(&format!("openssl dgst -r {hash} message"));
        let digest = printed.split(' ').next().unwrap();
        // The length of the digest tells the hash algorithm.
        for digest in [digest, &digest.to_uppercase()] {
            let of_digest = bench.ok(&format!("sign demo/rsa-2048 --digest {digest}"));
            assert_eq!(of_digest.bytes, of_file.bytes, "{hash}");
        }
    }
}

#[test]
fn an_ecdsa_signature_can_be_raw_and_in_base64() {
    let bench = bench();
    let signed = bench.ok("sign demo/p-521 --file message --format raw --base64");
    bench.write("base64", signed.stdout.strip_suffix('\n').unwrap());
    bench.sh("openssl base64 -d -A -in base64 -out raw");
    let raw = fs::read(bench.path("raw")).unwrap();
    // FIPS 186-5: r and s have 521 bits each, which are 66 bytes.
    assert_eq!(raw.len(), 2 * 66);
    let [r, s] = [&raw[..66], &raw[66..]]
        .map(|number| number.iter().map(|byte| format!("{byte:02X}")).collect::<String>());
    let sequence = format!("asn1=SEQUENCE:rs\n[rs]\nr=INTEGER:0x{r}\ns=INTEGER:0x{s}\n");
    bench.write("template", sequence);
    bench.sh("openssl asn1parse -noout -genconf template -out signature");
    assert_verifies(&bench, "p-521", "-sha256");
}

#[test]
fn signs_standard_input() {
    let bench = bench();
    let message = fs::File::open(bench.path("message")).unwrap();
    let mut command = bench.command(&["sign", "demo/p-256", "--file", "-"], &[]);
    let run = Run::of(command.stdin(Stdio::from(message))).assert_ok();
    bench.write("signature", run.bytes);
    assert_verifies(&bench, "p-256", "-sha256");
}

#[test]
fn a_wrong_signature_is_not_written() {
    let bench = bench();
    bench.write("old", "as it was");
    symlink("behind", bench.path("link")).unwrap();
    for output in ["new", "old", "link"] {
        let wrong = Fault::on(SIGN, Effect::WrongSignature);
        bench.service.inject(wrong).unwrap();
        let run = bench.run(&format!("sign demo/p-256 --file message --output {output}"));
        run.assert_fails(1, &["does not verify"]);
    }
    for file in ["new", "behind"] {
        assert!(!bench.path(file).exists(), "{file}");
    }
    assert!(bench.path("link").is_symlink());
    assert_eq!(bench.read("old"), "as it was");
}

#[test]
fn a_signal_leaves_an_output_file_as_it_was() {
    for (output, before) in [("new", None), ("old", Some("as it was"))] {
        let bench = bench();
        bench.write("old", "as it was");
        bench.sh("mkfifo pipe");
        let sign = ["sign", "demo/p-256", "--file", "pipe", "--output", output];
        let mut sign = bench.command(&sign, &[]).spawn().unwrap();
        // Opened when the program is about to read it.
        let _pipe = fs::File::options().write(true).open(bench.path("pipe")).unwrap();
        bench.sh(&format!("kill -INT {}", sign.id()));
        assert_eq!(sign.wait().unwrap().signal(), Some(2));
        let after = fs::read_to_string(bench.path(output)).ok();
        assert_eq!(after.as_deref(), before, "{output}");
    }
}

/// While the signature is stored on the disk (fsync(2)), with which a library does something else.
#[test]
fn a_signal_or_a_file_system_that_stores_nothing_leaves_no_unfinished_file() {
    let stored = ["fsync.c", "fsync.so", "message", "old"];
    for (instead, output, signal, written) in rows! {
        "raise(SIGTERM); for (;;) pause();", "new", Some(15), false;
        "raise(SIGTERM); for (;;) pause();", "old", Some(15), false;
        "errno = EOPNOTSUPP; return -1;", "old", None, true;
        "errno = EDQUOT; return -1;", "old", None, false;
    } {
        let bench = bench();
        bench.write("old", "as it was");
        bench.write("fsync.c", format!("#include <errno.h>\n#include <signal.h>\n#include <unistd.h>\nint fsync(int file) {{ {instead} }}"));
        bench.sh("cc -shared -fPIC -o fsync.so fsync.c");
        let sign = ["sign", "demo/rsa-2048", "--file", "message", "--output", output];
        let preload = [("LD_PRELOAD", &*bench.text("fsync.so"))];
        let end = bench.command(&sign, &preload).stderr(Stdio::null()).status().unwrap();
        assert_eq!((end.signal(), end.success()), (signal, written), "{instead} {output}");
        let mut names: Vec<_> =
            fs::read_dir(&bench.directory).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, stored, "{instead} {output}");
        let length = if written { 256 } else { "as it was".len() };
        assert_eq!(fs::read(bench.path("old")).unwrap().len(), length, "{instead} {output}");
    }
}

/// Another user may change a link of a shared directory, and would otherwise own what it leads to.
#[test]
fn a_file_that_a_link_leads_to_only_later_keeps_its_permissions() {
    let bench = bench();
    bench.sh("mkfifo pipe; echo one >open; echo two >private; chmod 666 open; chmod 600 private; ln -s open link");
    let sign = ["sign", "demo/rsa-2048", "--file", "pipe", "--output", "link"];
    let mut sign = bench.command(&sign, &[]).spawn().unwrap();
    // Opened when the program is about to read it.
    let pipe = fs::File::options().write(true).open(bench.path("pipe")).unwrap();
    bench.sh("ln -sf private link");
    drop(pipe);
    assert!(sign.wait().unwrap().success());
    assert_eq!(bench.read("open"), "one\n");
    let private = fs::metadata(bench.path("private")).unwrap();
    assert_eq!((private.len(), private.mode() & 0o777), (256, 0o600));
}

/// Gives a file an access control list with which one more user can read and write it, but its group cannot (acl(5); the format is that
/// of linux/posix_acl_xattr.h).
const ACL: &str = r#"
#include <sys/xattr.h>
int main(int count, char **arguments) {
    struct { unsigned short tag, access; unsigned id; } entries[] = {{0, 0, 2}, {1, 6, -1}, {2, 6, 1000}, {4, 0, -1}, {16, 6, -1}, {32, 0, -1}};
    return setxattr(arguments[1], "system.posix_acl_access", &entries[0].id, sizeof entries - 4, 0) != 0;
}"#;

#[test]
fn an_output_file_keeps_its_permissions_and_links() {
    let bench = bench();
    for name in ["private", "shared", "behind", "one"] {
        bench.write(name, "as it was");
    }
    let private = fs::Permissions::from_mode(0o640);
    fs::set_permissions(bench.path("private"), private).unwrap();
    bench.write("acl.c", ACL);
    bench.sh("cc -o acl acl.c; ./acl shared");
    symlink("behind", bench.path("link")).unwrap();
    symlink("missing", bench.path("dangling")).unwrap();
    fs::hard_link(bench.path("one"), bench.path("other")).unwrap();
    let digest = "00".repeat(32);
    for (output, files) in [
        ("private", &["private"][..]),
        ("shared", &["shared"]),
        ("link", &["behind"]),
        ("dangling", &["missing"]),
        ("one", &["one", "other"]),
        ("/dev/null", &[]),
    ] {
        bench.ok(&format!("sign demo/rsa-2048 --digest {digest} --output {output}"));
        for file in files {
            assert_eq!(fs::read(bench.path(file)).unwrap().len(), 256, "{file}");
        }
    }
    assert_eq!(fs::metadata(bench.path("private")).unwrap().mode() & 0o777, 0o640);
    // ls(1) shows that there is an access control list.
    assert!(bench.sh("ls -l shared").starts_with("-rw-rw----+ "));
    for link in ["link", "dangling"] {
        assert!(bench.path(link).is_symlink(), "{link}");
    }
}

#[test]
fn what_cannot_be_signed_or_written_is_refused_without_a_signing_request() {
    let bench = bench();
    failures! { bench;
        "sign demo/p-256 --file message --pss" [] => 1: "--pss requires an RSA key";
        "sign demo/rsa-2048 --file message --format der" [] => 1: "--format der requires an EC key";
        "sign demo/p-256 --file none" [] => 1: "none: no such file or directory\n";
        "sign demo/p-256 --file /" [] => 1: "cannot read /: is a directory\n";
        "sign demo/none --file message" [] => 1: "no signing policy demo/none";
        "sign demo/p-256 --file message --output message" [] => 1: "--output would overwrite the input file";
        "sign --file message" [] => 1: "more than one signing policy";
        "sign demo/p-256 --file message --output /nonexistent/x" [] => 1: "cannot write /nonexistent/x";
        "sign demo/p-256 --digest 00ff" [] => 1: "the digest is 2 bytes long; expected 32 (SHA-256), 48 (SHA-384)";
        "sign demo/p-256 --digest 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef --hash sha512" []
            => 1: "the digest is 32 bytes long; expected 64 (SHA-512)";
        "sign demo/p-256 --digest xyz" [] => 2: "expected an even number of hexadecimal digits";
        "sign demo/p-256 --digest 00ff --file message" [] => 2: "cannot be used with";
        "sign demo/p-256" [] => 2: "<--file <FILE>|--digest <HEX>>";
        "sign demo/p-256 --file message --hash md5" [] => 2: "invalid value 'md5'";
    }
    assert_eq!(traffic(&bench.service.requests()).signatures, 0);
    assert_eq!(bench.read("message"), MESSAGE);
}

#[test]
fn with_a_cached_list_a_signature_is_one_request() {
    let bench = bench();
    let cache = bench.text("cache");
    let more = [("SIGNPATH_POLICY_CACHE_SECONDS", "3600"), ("XDG_CACHE_HOME", &cache)];
    let sign = |name: &str| bench.run_with(&format!("sign {name} --file message --base64"), &more);
    let assert_counted = |lists, signatures| {
        let traffic = traffic(&bench.service.requests());
        assert_eq!((traffic.lists, traffic.signatures), (lists, signatures));
    };
    sign("demo/p-256").assert_ok();
    assert_counted(1, 1);
    sign("demo/p-384").assert_ok();
    assert_counted(1, 2);
    // A name that is not in the cached list may be new.
    sign("demo/none").assert_fails(1, &["no signing policy demo/none"]);
    assert_counted(2, 2);
    // If the service does not respond with a list, the program soon goes on with the cached one.
    let busy = Fault::on(LIST, Effect::status(503)).always();
    bench.service.inject(busy).unwrap();
    let unknown = sign("demo/none");
    for line in [
        "cannot refresh the list of signing policies, using the previous one",
        "no signing policy demo/none",
    ] {
        assert!(unknown.stderr.contains(line), "{unknown:?}");
    }
    assert_counted(3, 2);
    sign("demo/p-256").assert_ok();
    assert_counted(3, 3);
}

#[test]
fn a_file_size_limit_is_an_error_and_not_a_signal() {
    const TOO_LARGE: &str = "file too large";
    const A_PART: &str = "the disk is full, or the file has reached a size limit";
    type Row = (&'static str, &'static str, &'static str, i32, [&'static str; 2]);
    // The size is in blocks of 512 bytes, which a line of the journal is longer than.
    const SIGN: &str = "sign demo/rsa-4096 --file message";
    let cases: [Row; 8] = rows! {
        "0", "SIGNPATH_LOG_FILE_LEVEL=info", SIGN, 0, ["warning: cannot write the log file", TOO_LARGE];
        "0", "SIGNPATH_LOG_JOURNAL=journal", SIGN, 0, ["warning: cannot write the journal", TOO_LARGE];
        "1", "SIGNPATH_LOG_JOURNAL=journal", SIGN, 0, ["warning: cannot write the journal", A_PART];
        "0", "", "sign demo/rsa-4096 --file message --output signature", 1, ["error: cannot write signature", TOO_LARGE];
        "0", "", "sign demo/rsa-4096 --file message --output old", 1, ["error: cannot write old", TOO_LARGE];
        "1", "", "sign demo/rsa-4096 --file message --base64 --output old", 1, ["error: cannot write old", TOO_LARGE];
        "1", "", "setup nss --offline --module message --output signature", 1, ["error: cannot write ", TOO_LARGE];
        "1", "", "setup nss --offline --module message --force --output old", 1, ["error: cannot write ", TOO_LARGE];
    };
    for (size, variable, command, status, said) in cases {
        let bench = bench();
        bench.write("old", "as it was");
        let program = env!("CARGO_BIN_EXE_signpath-pkcs11");
        let run = Run::of(&mut bench.shell(&format!(
            "ulimit -f {size}; export SIGNPATH_LOG_FILE_DIRECTORY=logs SIGNPATH_LOG_FILE_LEVEL=none {variable}; \
             exec '{program}' {command}"
        )));
        assert_eq!(run.status, Some(status), "{run:?}");
        let lines: Vec<_> = run.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{run:?}");
        for part in said {
            assert!(lines[0].contains(part), "{part} is not in {run:?}");
        }
        assert_eq!(run.bytes.len(), if status == 0 { 512 } else { 0 });
        assert_eq!(bench.read("old"), "as it was");
        let names = fs::read_dir(&bench.directory).unwrap().map(|file| file.unwrap().file_name());
        let unfinished = |name: &OsString| name.as_bytes().starts_with(b".") || name == "signature";
        assert_eq!(names.filter(unfinished).collect::<Vec<_>>(), [""; 0], "{command}");
    }
}
