//! The library as a package ships it: what is linked into it, how it is compiled, and what it uses of its process.

mod common;

use std::ffi::OsString;
use std::process::Command;

use common::{environment, in_child, load, printed, service, sign, traffic};
use cryptoki_sys::CKR_OK;
use pkcs11_test::{Fault, Gate};

/// The features that matter most, in the order of their names. A change of any fails the test.
///
/// * `num-bigint-dig`, `rsa`: without `u64_digit`, verifying a signature takes a third longer.
/// * `rustls`: one provider, which is not aws-lc-rs.
/// * `tokio`: hyper's channels, and no runtime, which would have descriptors, threads and signal
///   handlers of its own.
const FEATURES: &[(&str, &str)] = &[
    ("hyper", "client,http1"),
    ("nix", "feature,fs,hostname,poll,process,signal,user"),
    ("num-bigint-dig", "i128,prime,rand,u64_digit,zeroize"),
    ("rsa", "std,u64_digit"),
    ("rustls", "ring,std,tls12"),
    ("tokio", "default,sync"),
];

/// Of an idle connection.
const DESCRIPTORS_PER_CONNECTION: usize = 1;

/// Crates that must not be linked: the command line, its tools, other locks, OpenSSL, and a runtime.
const FOREIGN: &[&str] = &table! {
    "anstream", "clap", "clap_builder", "cryptoki", "mio", "native-tls", "openssl-sys", "parking_lot", "reqwest", "tempfile"
};

/// The crates that are linked into the library, with their features.
fn tree() -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tree = Command::new(cargo);
    tree.args(["tree", "--locked", "--package", env!("CARGO_PKG_NAME")]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none"]);
    tree.args(["--format", "{p} {f}"]);
    printed(tree.current_dir(env!("CARGO_MANIFEST_DIR")))
}

#[test]
fn nothing_of_the_command_line_is_linked_into_it() {
    let tree = tree();
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let foreign: Vec<_> = names.filter(|name| FOREIGN.contains(name)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(tree.contains("signpath-client "), "{tree}");
}

#[test]
fn its_dependencies_have_the_features_in_its_manifest() {
    let tree = tree();
    for (name, expected) in FEATURES {
        let lines = tree.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let found = lines.into_iter().find(|words| words[0] == *name);
        let found = found.unwrap_or_else(|| panic!("{name} is not in {tree}"));
        assert_eq!(found[2], *expected, "{name}");
    }
}

#[test]
fn it_is_compiled_as_a_cdylib_alone_with_link_time_optimization() {
    let mut file = OsString::from(common::module_path());
    file.push(".rustc");
    let call = std::fs::read_to_string(file).expect("pkcs11-test/lib/module.sh writes it");
    let call: Vec<_> = call.split_whitespace().collect();
    let value_of = |option: &str| {
        let here = call.windows(2).filter(|words| words[0] == option);
        here.map(|words| words[1]).collect::<Vec<_>>()
    };
    assert_eq!(value_of("--crate-type"), ["cdylib"]);
    let codegen = value_of("-C");
    for option in ["opt-level=3", "lto=fat", "codegen-units=1"] {
        assert!(codegen.contains(&option), "{option} is not in {codegen:?}");
    }
}

/// The descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_connection_takes_a_fixed_number_of_descriptors_and_the_process_none() {
    const CONNECTIONS: usize = 5;
    let gate = Gate::new();
    let prepare = || {
        let service = service();
        let holding = Fault::hold(common::SIGN, &gate);
        service.inject(holding.times(CONNECTIONS)).unwrap();
        let opening = gate.clone();
        std::thread::spawn(move || {
            opening.wait_for(CONNECTIONS);
            opening.open();
        });
        let environment = environment(&service, &[("SIGNPATH_LOG_FILE_LEVEL", "none")]);
        (service, environment)
    };
    let child = || {
        let before = descriptors();
        let module = load();
        module.logged_in().unwrap();
        assert_eq!(descriptors() - before, DESCRIPTORS_PER_CONNECTION);
        let sign = || assert_eq!(sign(module.session()), CKR_OK);
        std::thread::scope(|scope| (0..CONNECTIONS).for_each(|_| drop(scope.spawn(sign))));
        let all = CONNECTIONS * DESCRIPTORS_PER_CONNECTION;
        assert_eq!(descriptors() - before, all);
        assert_eq!(module.finalize(), CKR_OK);
        assert_eq!(descriptors(), before);
    };
    let (service, _) = in_parent!(in_child(test_name!(), prepare, child));
    assert_eq!(traffic(&service.requests()).connections, CONNECTIONS);
}
