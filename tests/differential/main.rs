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
mod unsupported;
mod verification;
mod verifying;

use std::path::Path;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, Module, Stderr, place};
use pkcs11_test::{KeyStoreKind, Options, Service, SoftHsmToken};
use report::{Report, Script, compare};

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

/// Makes a test of each group of scripts, and the list of them.
macro_rules! groups {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                same(test_name!(), $name::SCRIPTS);
            }
        )*

        const GROUPS: &[&[Script]] = &[$($name::SCRIPTS),*];
    };
}

groups! {
    every_function general sessions login find attributes session_objects signatures signing sequences verifying digesting
    unsupported
}

#[test]
fn our_module_alone() {
    on_both_sides(test_name!(), |_, ours, stderr| {
        compare(None, &module_only::report(ours, stderr));
    });
}

#[test]
fn the_table_of_return_values_is_current() {
    on_both_sides(test_name!(), |softhsm, ours, stderr| {
        let both = |scripts: &&[Script]| {
            // Together they take longer than a test should.
            common::end_if_hanging();
            let softhsm = Report::of(softhsm, scripts, None, true);
            (Report::of(ours, scripts, Some(stderr), true), Some(softhsm))
        };
        let mut parts: Vec<_> = GROUPS.iter().map(both).collect();
        parts.push((module_only::report(ours, stderr), None));
        common::assert_current("docs/return-values.md", &table::table(&parts));
    });
}

/// Runs scripts on both sides and compares.
fn same(test: &str, scripts: &[Script]) {
    on_both_sides(test, |softhsm, ours, stderr| {
        let by_softhsm = Report::of(softhsm, scripts, None, true);
        let by_us = Report::of(ours, scripts, Some(stderr), true);
        softhsm.initialize();
        let session = softhsm.user();
        for signed in by_softhsm.signatures.iter().chain(&by_us.signatures) {
            signed.verify(session);
        }
        softhsm.finalize();
        compare(Some(&by_softhsm), &by_us);
    });
}

/// Does something with SoftHSM and with our module, in a process of its own.
fn on_both_sides(test: &str, act: impl FnOnce(&Module, &Module, &Rc<Stderr>)) {
    common::in_child(
        test,
        || {
            let service = service();
            let mut environment = common::environment(service.as_ref().unwrap(), &[]);
            let configuration = softhsm().configuration.display().to_string();
            environment.push(("SOFTHSM2_CONF".to_owned(), configuration));
            (service, environment)
        },
        || {
            let token = softhsm();
            let softhsm = Module::load(&token.module).with_pin(&token.user_pin);
            let ours = Module::load(common::module_path());
            act(&softhsm, &ours, &Rc::new(Stderr::capture()));
        },
    );
}

/// The service, to one test at a time: wrong PINs leave their mark in the flags of SoftHSM's token, which all processes see.
fn service() -> MutexGuard<'static, Option<Service>> {
    static SERVICE: Mutex<Option<Service>> = Mutex::new(None);
    let mut service = SERVICE.lock().unwrap_or_else(PoisonError::into_inner);
    if service.is_none() {
        let mut options = Options::new(STATE);
        options.key_store = KeyStoreKind::SoftHsm;
        *service = Some(Service::start(options).unwrap());
    }
    service
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
