//! The same calls on SoftHSM and on our module, with the same keys and certificates: the answers
//! are the same, except where `differences` names a difference and its reason.
//!
//! The local service keeps its keys in a SoftHSM token. One side of every comparison is SoftHSM
//! itself on that token; the other is the built module, which signs with the same keys through the
//! service.

#[path = "../common/mod.rs"]
mod common;

mod attributes;
mod client;
mod differences;
mod digesting;
mod every_function;
mod find;
mod general;
mod interruptions;
mod login;
mod module_only;
mod names;
mod operations;
mod report;
mod sections;
mod session_objects;
mod sessions;
mod signatures;
mod signing;
mod table;
mod token;
mod unsupported;
mod verification;
mod verifying;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::raw::Raw;
use pkcs11_test::{KeyStoreKind, Options, Service, SoftHsmToken};
use report::{Difference, Report, Script, compare};
use table::Part;
use token::Token;

/// The service's folder with the SoftHSM token; the first start makes the keys.
const STATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/softhsm");

/// The project and the policy of the default keys, which are also CKA_ID and CKA_LABEL.
const RSA_LABELS: [&str; 3] = ["demo/rsa-2048", "demo/rsa-3072", "demo/rsa-4096"];
const EC_LABELS: [&str; 3] = ["demo/p-256", "demo/p-384", "demo/p-521"];

/// Makes a test of each group of scripts, and the list of them.
macro_rules! groups {
    ($($name:ident: $differences:ident;)*) => {
        $(
            #[test]
            fn $name() {
                same(test_name!(), $name::SCRIPTS, differences::$differences);
            }
        )*

        const GROUPS: &[(&[Script], &[Difference])] =
            &[$(($name::SCRIPTS, differences::$differences)),*];
    };
}

groups! {
    every_function: EVERY_FUNCTION;
    general: GENERAL;
    sessions: SESSIONS;
    login: LOGIN;
    find: FIND;
    attributes: ATTRIBUTES;
    session_objects: SESSION_OBJECTS;
    signatures: SIGNATURES;
    signing: SIGNING;
    operations: OPERATIONS;
    verifying: VERIFYING;
    digesting: DIGESTING;
    unsupported: UNSUPPORTED;
}

#[test]
fn a_rust_client() {
    same(test_name!(), client::SCRIPTS, differences::CLIENT);
}

#[test]
fn the_table_of_return_values_is_current() {
    on_both_sides(test_name!(), |softhsm, ours| {
        let reports: Vec<_> = GROUPS
            .iter()
            .map(|(scripts, _)| {
                // Together they take longer than a test should.
                common::end_if_hanging();
                (Report::of(softhsm, scripts), Report::of(ours, scripts))
            })
            .collect();
        let alone = module_only::report(&Raw::load());
        let mut parts: Vec<_> = reports
            .iter()
            .zip(GROUPS)
            .map(|((softhsm, ours), (_, differences))| Part {
                ours,
                softhsm: Some((softhsm, differences)),
            })
            .collect();
        parts.push(Part {
            ours: &alone,
            softhsm: None,
        });
        common::assert_current("docs/return-values.md", &table::table(&parts));
    });
}

/// Runs scripts on both sides and compares.
fn same(test: &str, scripts: &[Script], differences: &[Difference]) {
    on_both_sides(test, |softhsm, ours| {
        let by_softhsm = Report::of(softhsm, scripts);
        let by_us = Report::of(ours, scripts);
        verify(softhsm, &[&by_softhsm, &by_us]);
        compare(&by_softhsm, &by_us, differences);
    });
}

/// Does something with SoftHSM and with our module, in a process of its own.
fn on_both_sides(test: &str, act: impl FnOnce(&Token, &Token)) {
    common::in_child(
        test,
        || {
            let service = service();
            let mut environment = common::environment(
                service.as_ref().unwrap(),
                // Most calls are meant to fail.
                &[("SIGNPATH_LOG_CONSOLE_LEVEL", "none")],
            );
            let configuration = softhsm().configuration.display().to_string();
            environment.push(("SOFTHSM2_CONF".to_owned(), configuration));
            (service, environment)
        },
        || {
            let token = softhsm();
            let softhsm = Token::load(&token.module, &token.user_pin);
            let ours = Token::load(&common::module_path(), "CONFIG");
            act(&softhsm, &ours);
        },
    );
}

/// The service, to one test at a time: wrong PINs leave their mark in the flags of SoftHSM's token,
/// which all processes see.
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

/// Verifies all signatures of both sides.
fn verify(softhsm: &Token, reports: &[&Report]) {
    softhsm.initialize();
    let session = softhsm.user_session();
    for signed in reports.iter().flat_map(|report| &report.signatures) {
        signed.verify(softhsm, session);
    }
    softhsm.finalize();
}
