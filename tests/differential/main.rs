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
mod find;
mod general;
mod login;
mod names;
mod operations;
mod report;
mod session_objects;
mod sessions;
mod signatures;
mod signing;
mod token;
mod unsupported;
mod verification;
mod verifying;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pkcs11_test::{KeyStoreKind, Options, Service, SoftHsmToken};
use report::{Difference, Report, Script, compare};
use token::Token;

/// The service's folder with the SoftHSM token; the first start makes the keys.
const STATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/softhsm");

/// The project and the policy of the default keys, which are also CKA_ID and CKA_LABEL.
const RSA_LABELS: [&str; 3] = ["demo/rsa-2048", "demo/rsa-3072", "demo/rsa-4096"];
const EC_LABELS: [&str; 3] = ["demo/p-256", "demo/p-384", "demo/p-521"];

#[test]
fn general() {
    same(test_name!(), general::SCRIPTS, differences::GENERAL);
}

#[test]
fn sessions() {
    same(test_name!(), sessions::SCRIPTS, differences::SESSIONS);
}

#[test]
fn login() {
    same(test_name!(), login::SCRIPTS, differences::LOGIN);
}

#[test]
fn find() {
    same(test_name!(), find::SCRIPTS, differences::FIND);
}

#[test]
fn attributes() {
    same(test_name!(), attributes::SCRIPTS, differences::ATTRIBUTES);
}

#[test]
fn session_objects() {
    same(
        test_name!(),
        session_objects::SCRIPTS,
        differences::SESSION_OBJECTS,
    );
}

#[test]
fn signatures() {
    same(test_name!(), signatures::SCRIPTS, differences::SIGNATURES);
}

#[test]
fn signing() {
    same(test_name!(), signing::SCRIPTS, differences::SIGNING);
}

#[test]
fn operations() {
    same(test_name!(), operations::SCRIPTS, differences::OPERATIONS);
}

#[test]
fn verifying() {
    same(test_name!(), verifying::SCRIPTS, differences::VERIFYING);
}

#[test]
fn digesting() {
    same(test_name!(), digesting::SCRIPTS, differences::DIGESTING);
}

#[test]
fn unsupported() {
    same(test_name!(), unsupported::SCRIPTS, differences::UNSUPPORTED);
}

#[test]
fn a_rust_client() {
    same(test_name!(), client::SCRIPTS, differences::CLIENT);
}

/// Runs scripts on both sides, in a process of their own, and compares.
fn same(test: &str, scripts: &[Script], differences: &[Difference]) {
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
            let by_softhsm = Report::of(&softhsm, scripts);
            let by_us = Report::of(&ours, scripts);
            verify(&softhsm, &[&by_softhsm, &by_us]);
            compare(&by_softhsm, &by_us, differences);
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
