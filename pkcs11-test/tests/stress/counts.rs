//! What came of the operations.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cryptoki_sys::*;
use pkcs11_test::harness::{Rv, rv_name};

/// What the application that finalizes, logs out and closes sessions brings on the others, and what a service that fails does.
const EXPECTED: [CK_RV; 16] = [
    CKR_OK,
    CKR_CRYPTOKI_NOT_INITIALIZED,
    CKR_CRYPTOKI_ALREADY_INITIALIZED,
    CKR_SESSION_HANDLE_INVALID,
    CKR_SESSION_CLOSED,
    CKR_USER_ALREADY_LOGGED_IN,
    CKR_USER_NOT_LOGGED_IN,
    CKR_KEY_HANDLE_INVALID,
    CKR_OBJECT_HANDLE_INVALID,
    CKR_OPERATION_NOT_INITIALIZED,
    CKR_FUNCTION_FAILED,
    CKR_FUNCTION_CANCELED,
    CKR_DEVICE_ERROR,
    CKR_PIN_INCORRECT,
    // The service refuses, or what answers is not SignPath.
    CKR_ARGUMENTS_BAD,
    CKR_GENERAL_ERROR,
];

#[derive(Default)]
pub struct Counts {
    pub begun: AtomicUsize,
    pub answered: AtomicUsize,
    pub signatures: AtomicUsize,
    /// Signatures that OpenSSL does not accept, and answers that nothing explains.
    wrong: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<&'static str, BTreeMap<String, usize>>>,
}

impl Counts {
    /// Counts an operation around its answer.
    pub fn operation(&self, name: &'static str, operate: impl FnOnce() -> Result<(), Rv>) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let rv = operate().err().unwrap_or(Rv(CKR_OK));
        self.answered.fetch_add(1, Ordering::Relaxed);
        if !EXPECTED.contains(&rv.0) {
            self.is_wrong(format!("{name}: {}", rv_name(rv.0)));
        }
        let mut answers = self.answers.lock().unwrap();
        let of_name = answers.entry(name).or_default();
        *of_name.entry(rv_name(rv.0)).or_default() += 1;
    }

    pub fn is_wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    /// Prints everything; the number of operations without an answer, and what was wrong.
    pub fn report(&self) -> (usize, usize) {
        for (name, answers) in &*self.answers.lock().unwrap() {
            let answers = answers.iter().map(|(rv, count)| format!("{rv} {count}"));
            println!("{name:<24} {}", answers.collect::<Vec<_>>().join(", "));
        }
        let wrong = self.wrong.lock().unwrap();
        for what in wrong.iter().take(20) {
            println!("WRONG: {what}");
        }
        let (begun, answered) = (&self.begun, &self.answered);
        let lost = begun.load(Ordering::Relaxed) - answered.load(Ordering::Relaxed);
        (lost, wrong.len())
    }
}
