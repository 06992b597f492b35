//! The same calls on SoftHSM and on our module, with the same keys and certificates: the answers are as the rows say, and
//! the same on both sides, except where a row has a reason. What our module writes to stderr fits each answer.
//!
//! The local service keeps its keys in a SoftHSM token. One side of every comparison is SoftHSM itself on that token; the
//! other is the built module, which signs with the same keys through the service.

// The rows of a script are one macro.
#![recursion_limit = "256"]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/openssl.rs"]
mod openssl;

/// Constants, each with its name.
macro_rules! named {
    ($($name:ident)*) => { &[$((stringify!($name), $name)),*] };
}

// First: the others use its macros.
#[macro_use]
mod report;

mod attributes;
mod digesting;
mod every_function;
mod find;
mod general;
mod interruptions;
mod login;
mod module_only;
mod reasons;
mod sections;
mod sequences;
mod session_objects;
mod sessions;
mod signatures;
mod signing;
mod table;
mod verification;
mod verifying;

use std::path::Path;
use std::rc::Rc;

use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, Module, Stderr, place};
use pkcs11_test::{KeyStoreKind, Options, Service, SoftHsmToken};
use report::{Report, Script};

/// The service's folder with the SoftHSM token; the first start makes the keys.
const STATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/softhsm");

/// The project and the policy of the default keys, which are also CKA_ID and CKA_LABEL.
const RSA_LABELS: [&str; 3] = ["demo/rsa-2048", "demo/rsa-3072", "demo/rsa-4096"];
const EC_LABELS: [&str; 3] = ["demo/p-256", "demo/p-384", "demo/p-521"];

/// The keys that stand for their kind.
const RSA: &str = RSA_LABELS[0];
const EC: &str = EC_LABELS[0];

/// A slot, a session and an object that neither side has.
const NO: u64 = 0x7fff_fff0;

/// A length that no memory has.
const HUGE: CK_ULONG = CK_ULONG::MAX;

/// What both sides run.
const SCRIPTS: &[&[Script]] = &[
    every_function::SCRIPTS,
    general::SCRIPTS,
    sessions::SCRIPTS,
    login::SCRIPTS,
    find::SCRIPTS,
    attributes::SCRIPTS,
    session_objects::SCRIPTS,
    signatures::SCRIPTS,
    signing::SCRIPTS,
    sequences::SCRIPTS,
    verifying::SCRIPTS,
    digesting::SCRIPTS,
];

#[test]
fn all_answers_are_as_the_rows_say_and_those_in_the_table_of_return_values() {
    let prepare = || {
        let mut options = Options::new(STATE);
        options.key_store = KeyStoreKind::SoftHsm;
        let service = Service::start(options).unwrap();
        let configuration = softhsm().configuration.display().to_string();
        let environment = common::environment(&service, &[("SOFTHSM2_CONF", &configuration)]);
        (service, environment)
    };
    common::in_child(test_name!(), prepare, || {
        let token = softhsm();
        let softhsm = Module::load(&token.module).with_pin(&token.user_pin);
        let ours = Module::load(common::module_path());
        let stderr = Rc::new(Stderr::capture());
        let both = |scripts: &&[Script]| {
            // Together they take longer than a test should.
            common::end_if_hanging();
            let by_softhsm = Report::of(&softhsm, scripts, None);
            let by_us = Report::of(&ours, scripts, Some(&stderr));
            (by_us, Some(by_softhsm))
        };
        let mut parts: Vec<_> = SCRIPTS.iter().map(both).collect();
        for alone in [module_only::SCRIPTS, interruptions::SCRIPTS] {
            parts.push((Report::of(&ours, alone, Some(&stderr)), None));
        }
        report::assert_expected(&parts);
        common::assert_current("docs/return-values.md", &table::table(&parts));
    });
}

fn softhsm() -> SoftHsmToken {
    SoftHsmToken::in_state_folder(Path::new(STATE)).unwrap()
}

/// Places for bytes, a length (both 512), and two numbers.
fn places() -> (CK_BYTE_PTR, CK_ULONG_PTR, CK_ULONG_PTR, CK_ULONG_PTR) {
    let bytes = place([0x5a_u8; 512]).cast();
    (bytes, place(512), place(0), place(0))
}

/// A mechanism without parameter.
fn mechanism(id: CK_MECHANISM_TYPE) -> CK_MECHANISM_PTR {
    place(Mechanism::from(id).raw())
}

/// A template of one label, as long as this says.
fn label(length: CK_ULONG) -> CK_ATTRIBUTE_PTR {
    place(CK_ATTRIBUTE { type_: CKA_LABEL, pValue: places().0.cast(), ulValueLen: length })
}
