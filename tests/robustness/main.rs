//! No call ends the process, whatever its arguments are, and none writes outside what it was given.
//!
//! `SIGNPATH_TEST_SEED` sets the seed of the random calls, which each test prints.

#[path = "../common/mod.rs"]
mod common;

/// A list of constants, several in a line.
macro_rules! constants {
    ($($constant:expr),*) => {
        &[$($constant),*]
    };
}

mod arguments;
mod draw;
mod functions;
mod lengths;
mod memory;
mod samples;

use std::collections::BTreeSet;
use std::thread;

use common::{ONE_ATTEMPT, child_of, function_names, load, service};
use cryptoki_sys::*;
use draw::{Draw, Values};
use functions::{FUNCTIONS, Function};
use pkcs11_test::call;
use pkcs11_test::harness::{Module, null};

const SEED: &str = "SIGNPATH_TEST_SEED";

/// How often each function is called in each state with random arguments.
const CALLS: usize = 40;

/// How many random calls a thread makes, alone and together with others.
const ALONE: usize = 15_000;
const BESIDE_OTHERS: usize = 5_000;

/// The smallest stack of a thread that calls the module, in bytes.
const SMALL_STACK: usize = 48 << 10;

/// What needs no C_Initialize (PKCS #11 3.2, sections 5.4.1 and 5.4.4 to 5.4.6).
const STATELESS: [&str; 4] =
    ["C_Initialize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"];

/// Functions that must succeed at least once in a random sequence.
const DEEP: &str = "C_OpenSession C_CreateObject C_CopyObject C_DestroyObject C_GetAttributeValue \
    C_FindObjects C_DigestFinal C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignMessage \
    C_SignMessageBegin C_VerifyInit C_VerifySignatureInit C_VerifySignatureUpdate \
    C_VerifyMessageBegin";

#[test]
fn the_table_has_every_function() {
    let in_table = FUNCTIONS.iter().map(|function| function.name.to_owned());
    assert_eq!(in_table.collect::<BTreeSet<_>>(), function_names());
}

/// Some daemons have threads with little stack.
#[test]
fn no_argument_ends_the_process_in_any_state_on_a_small_stack() {
    // AddressSanitizer needs more stack.
    let stack = match std::env::var_os("ASAN_OPTIONS") {
        None => SMALL_STACK,
        Some(_) => 16 * SMALL_STACK,
    };
    check(test_name!(), |module| {
        let initialize = |_: &mut Draw| initialize_again(module);
        let finalize = |_: &mut Draw| _ = module.finalize();
        let log_in = |draw: &mut Draw| log_in_again(module, draw);
        let calls = || {
            for_all_functions(module, "before C_Initialize", finalize);
            for_all_functions(module, "without a session", initialize);
            for_all_functions(module, "logged in", log_in);
            for_all_functions(module, "after C_Finalize", finalize);
        };
        thread::scope(|scope| {
            thread::Builder::new().stack_size(stack).spawn_scoped(scope, calls).unwrap();
        });
    });
}

#[test]
fn random_calls_do_not_end_the_process_alone_and_beside_others() {
    check(test_name!(), |module| {
        let succeeded = random_calls(module, seed(), ALONE);
        // If all calls were refused early, the rest of the module would not be tested.
        for function in DEEP.split(' ').filter(|name| !name.is_empty()) {
            assert!(succeeded.contains(function), "{function}: {succeeded:?}");
        }
        thread::scope(|scope| {
            for thread in 1..=4 {
                scope.spawn(move || random_calls(module, seed() + thread, BESIDE_OTHERS));
            }
        });
    });
}

/// Runs `child` in a process of its own with a service.
fn check(test: &str, child: impl FnOnce(&Module)) {
    let seed = seed().to_string();
    // Most calls fail, and the log file gets all of them. Not so under Wine, where each line takes as long as thirty calls.
    let level = if cfg!(windows) { "error" } else { "debug" };
    let more = [
        ("SIGNPATH_LOG_CONSOLE_LEVEL", "none"),
        ("SIGNPATH_LOG_FILE_LEVEL", level),
        (SEED, &seed),
        ONE_ATTEMPT,
    ];
    println!("{SEED}={seed}");
    let child = || child(&load());
    if let Some((_, run)) = child_of(test, service, &more, child) {
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 20_250_416,
    }
}

/// Calls every function with zeros, with huge numbers, and with random arguments, each in the state that `prepare` restores.
fn for_all_functions(module: &Module, state: &str, prepare: impl Fn(&mut Draw)) {
    println!("{state}");
    for values in [Values::Zero, Values::Huge, Values::Random] {
        let mut draw = Draw::new(values, seed());
        for function in FUNCTIONS {
            println!("{values:?} {}", function.name);
            for _ in 0..if values == Values::Random { CALLS } else { 1 } {
                prepare(&mut draw);
                let rv = function.call(&module.functions, &mut draw);
                assert_is_no_defect(function, rv);
                if state.contains("C_") && !STATELESS.contains(&function.name) {
                    assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED, "{} {state}", function.name);
                }
            }
        }
    }
}

/// Calls random functions. Returns the names of those that succeeded.
fn random_calls(module: &Module, seed: u64, calls: usize) -> BTreeSet<&'static str> {
    println!("the sequence of seed {seed}");
    let mut draw = Draw::new(Values::Random, seed);
    let operations: Vec<_> = FUNCTIONS.iter().filter(is_of_an_operation).collect();
    let mut succeeded = BTreeSet::new();
    for number in 0..calls {
        // A purely random sequence would hardly ever log in and sign.
        if number % 10 == 0 {
            log_in_again(module, &mut draw);
        }
        let function = match number % 3 {
            0 => draw.one_of(FUNCTIONS),
            _ => *draw.one_of(&operations),
        };
        println!("{seed} {number} {}", function.name);
        let rv = function.call(&module.functions, &mut draw);
        assert_is_no_defect(function, rv);
        if rv == CKR_OK {
            succeeded.insert(function.name);
        }
    }
    succeeded
}

/// The configuration and the service are valid, so CKR_GENERAL_ERROR would be a defect of the module.
fn assert_is_no_defect(function: &Function, rv: CK_RV) {
    assert_ne!(rv, CKR_GENERAL_ERROR, "{}", function.name);
}

/// Whether the function belongs to an operation of several calls.
fn is_of_an_operation(function: &&Function) -> bool {
    let parts = ["Object", "Digest", "Sign", "Verify"];
    let is_part = |part: &&str| function.name.contains(*part);
    parts.iter().any(is_part) && !function.name.contains("crypt")
}

fn initialize_again(module: &Module) {
    let rv = module.initialize();
    assert!(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED, "{rv}");
}

/// Opens a new session with some objects if it has been closed or its user logged out. Another thread may be in the way.
fn log_in_again(module: &Module, draw: &mut Draw) {
    initialize_again(module);
    let info = module.at(draw.session).info();
    if info.is_ok_and(|info| info.state == CKS_RO_USER_FUNCTIONS) {
        return;
    }
    call!(module, C_OpenSession(1, CKF_SERIAL_SESSION, null(), None, &mut draw.session));
    let session = module.at(draw.session);
    session.login();
    draw.objects.clear();
    for label in ["demo/rsa-2048", "demo/p-256"] {
        session.find_init(&[(CKA_LABEL, label.into())]);
        draw.objects.extend(session.find_next(3).unwrap_or_default());
        session.find_final();
    }
}
