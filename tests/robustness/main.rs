//! No call ends the process, whatever its arguments are, and none writes outside what it was given.
//!
//! `SIGNPATH_TEST_SEED` sets the seed of the random calls, which each test prints.

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod functions;
mod lengths;
mod memory;

use std::collections::BTreeSet;
use std::process::Command;
use std::ptr::null_mut;
use std::thread;

use arguments::{Draw, Handles, Values};
use common::raw::{Raw, ck};
use common::{Run, environment, in_child, module_path, service};
use cryptoki_sys::*;
use functions::{FUNCTIONS, Function};

const SEED: &str = "SIGNPATH_TEST_SEED";

/// How often each function is called in each state with random arguments.
const CALLS: usize = 40;

/// How many calls of random functions a thread makes, alone and beside others.
const ALONE: usize = 15_000;
const BESIDE_OTHERS: usize = 5_000;

/// What needs no C_Initialize (PKCS #11 3.2, sections 5.4.1 and 5.4.4 to 5.4.6).
const STATELESS: [&str; 4] = [
    "C_Initialize",
    "C_GetFunctionList",
    "C_GetInterfaceList",
    "C_GetInterface",
];

/// Functions that a random sequence has to get right now and then.
const DEEP: [&str; 17] = [
    "C_OpenSession",
    "C_CreateObject",
    "C_CopyObject",
    "C_DestroyObject",
    "C_GetAttributeValue",
    "C_FindObjects",
    "C_DigestFinal",
    "C_SignInit",
    "C_Sign",
    "C_SignUpdate",
    "C_SignFinal",
    "C_SignMessage",
    "C_SignMessageBegin",
    "C_VerifyInit",
    "C_VerifySignatureInit",
    "C_VerifySignatureUpdate",
    "C_VerifyMessageBegin",
];

#[test]
fn the_table_has_every_exported_function() {
    let output = Command::new("nm")
        .args(["--dynamic", "--defined-only", "--format=posix"])
        .arg(module_path())
        .output()
        .unwrap();
    let symbols = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<_> = symbols
        .lines()
        .filter_map(|line| line.split(' ').next())
        // An instrumented build has symbols of its own.
        .filter(|name| !name.starts_with("__"))
        .collect();
    let in_table: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.name).collect();
    assert_eq!(in_table, exported);
}

#[test]
fn no_argument_ends_the_process_before_during_and_after_initialization() {
    check(test_name!(), "each function", || {
        let raw = Raw::load();
        let seed = seed();
        let without_state = |state: &str| {
            for_all_functions(&raw, seed, state, None, |_, function, rv| {
                // Another C_Initialize than a refused one would be another state.
                if function.name == "C_Initialize" && rv == CKR_OK {
                    assert_eq!(ck!(raw, C_Finalize(null_mut())), CKR_OK);
                } else if !STATELESS.contains(&function.name) {
                    assert_eq!(
                        rv, CKR_CRYPTOKI_NOT_INITIALIZED,
                        "{} {state}",
                        function.name
                    );
                }
                None
            });
        };
        without_state("before C_Initialize");

        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        for_all_functions(&raw, seed, "without a session", None, |_, _, _| {
            initialize_again(&raw);
            None
        });
        let handles = log_in(&raw);
        for_all_functions(&raw, seed, "logged in", Some(handles), |draw, _, _| {
            logged_in_again(&raw, draw.session)
        });

        // The state may be any after that; it ends here.
        ck!(raw, C_Finalize(null_mut()));
        without_state("after C_Finalize");
    });
}

/// The smallest stack of a thread that calls the module, in bytes.
const SMALL_STACK: usize = 48 << 10;

#[test]
fn each_function_works_on_a_small_stack() {
    check(test_name!(), "a small stack", || {
        // What AddressSanitizer puts around variables is not the module's.
        let stack = match std::env::var_os("ASAN_OPTIONS") {
            None => SMALL_STACK,
            Some(_) => 16 * SMALL_STACK,
        };
        let raw = Raw::load();
        let thread = thread::Builder::new().stack_size(stack);
        let calls = || {
            assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
            let handles = log_in(&raw);
            for_all_functions(&raw, seed(), "logged in", Some(handles), |draw, _, _| {
                logged_in_again(&raw, draw.session)
            });
        };
        thread::scope(|scope| {
            thread.spawn_scoped(scope, calls).unwrap();
        });
    });
}

#[test]
fn random_calls_of_one_thread_do_not_end_the_process() {
    check(test_name!(), "one thread", || {
        let succeeded = random_calls(&Raw::load(), seed(), ALONE);
        // Garbage that is refused at the door would test no more than the door.
        for function in DEEP {
            assert!(succeeded.contains(function), "{function}: {succeeded:?}");
        }
    });
}

#[test]
fn random_calls_of_several_threads_do_not_end_the_process() {
    check(test_name!(), "four threads", || {
        let raw = Raw::load();
        thread::scope(|scope| {
            for thread in 1..=4 {
                let raw = &raw;
                scope.spawn(move || random_calls(raw, seed() + thread, BESIDE_OTHERS));
            }
        });
    });
}

/// Runs `child` in a process of its own with a service, and looks at how it ended.
fn check(test: &str, what: &str, child: impl FnOnce()) {
    let prepare = || {
        let service = service();
        let more = [
            // Most calls are meant to fail; the log file has to bear all of them.
            ("SIGNPATH_LOG_CONSOLE_LEVEL", "none"),
            ("SIGNPATH_LOG_FILE_LEVEL", "debug"),
            (SEED, &*seed().to_string()),
            common::ONE_ATTEMPT,
        ];
        let environment = environment(&service, &more);
        (service, environment)
    };
    println!("{what}, {SEED}={}", seed());
    let Some((_, Run { stderr, .. })) = in_child(test, prepare, child) else {
        return;
    };
    assert!(!stderr.contains("panicked"), "{stderr}");
}

fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 20_250_416,
    }
}

/// Calls every function with zeros, with what is huge, and at random; `after` is told what came of
/// each call, and gives the handles if there are others then.
fn for_all_functions(
    raw: &Raw,
    seed: u64,
    state: &str,
    handles: Option<Handles>,
    after: impl Fn(&Draw, &Function, CK_RV) -> Option<Handles>,
) {
    println!("{state}");
    for values in [Values::Zero, Values::Huge, Values::Random] {
        let mut draw = Draw::new(values, seed);
        handles
            .iter()
            .cloned()
            .for_each(|handles| draw.know_all(handles));
        for function in FUNCTIONS {
            println!("{values:?} {}", function.name);
            for _ in 0..if values == Values::Random { CALLS } else { 1 } {
                let rv = function.call(raw.functions(), &mut draw);
                assert_is_no_defect(function, rv);
                if let Some(handles) = after(&draw, function, rv) {
                    draw.know_all(handles);
                }
            }
        }
    }
}

/// Calls functions at random, from any state into any; gives the names of those that succeeded.
fn random_calls(raw: &Raw, seed: u64, calls: usize) -> BTreeSet<&'static str> {
    println!("the sequence of seed {seed}");
    let mut draw = Draw::new(Values::Random, seed);
    let operations: Vec<_> = FUNCTIONS.iter().filter(is_of_an_operation).collect();
    let mut succeeded = BTreeSet::new();
    for number in 0..calls {
        // Left to chance, a sequence would hardly ever be logged in, and sign.
        if number % 10 == 0 {
            if let Some(handles) = logged_in_again(raw, draw.session) {
                draw.know_all(handles);
            }
        }
        let function = match number % 3 {
            0 => draw.one_of(FUNCTIONS),
            _ => *draw.one_of(&operations),
        };
        println!("{seed} {number} {}", function.name);
        let rv = function.call(raw.functions(), &mut draw);
        assert_is_no_defect(function, rv);
        if rv == CKR_OK {
            succeeded.insert(function.name);
        }
    }
    succeeded
}

/// CKR_GENERAL_ERROR would be a defect of the module: its configuration and its service are good.
fn assert_is_no_defect(function: &Function, rv: CK_RV) {
    assert_ne!(rv, CKR_GENERAL_ERROR, "{}", function.name);
}

/// Whether it belongs to what goes on over several calls in a session.
fn is_of_an_operation(function: &&Function) -> bool {
    ["Object", "Digest", "Sign", "Verify"]
        .iter()
        .any(|part| function.name.contains(part) && !function.name.contains("crypt"))
}

fn initialize_again(raw: &Raw) {
    let rv = ck!(raw, C_Initialize(null_mut()));
    assert!(
        [CKR_OK, CKR_CRYPTOKI_ALREADY_INITIALIZED].contains(&rv),
        "{rv:#x}"
    );
}

/// Other handles, if the session is closed, or its user logged out.
fn logged_in_again(raw: &Raw, session: CK_SESSION_HANDLE) -> Option<Handles> {
    initialize_again(raw);
    let mut info = CK_SESSION_INFO::default();
    ck!(raw, C_GetSessionInfo(session, &mut info));
    (info.state != CKS_RO_USER_FUNCTIONS).then(|| log_in(raw))
}

/// A session, logged in if no other thread is in the way, and some of the objects in it.
fn log_in(raw: &Raw) -> Handles {
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION;
    ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
    ck!(raw, C_Login(session, CKU_USER, null_mut(), 0));
    let mut objects = Vec::new();
    for label in ["demo/rsa-2048", "demo/p-256"] {
        let mut label = CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: label.as_ptr().cast_mut().cast(),
            ulValueLen: label.len() as CK_ULONG,
        };
        let (mut found, mut count) = ([0; 3], 0);
        ck!(raw, C_FindObjectsInit(session, &mut label, 1));
        ck!(
            raw,
            C_FindObjects(session, found.as_mut_ptr(), 3, &mut count)
        );
        ck!(raw, C_FindObjectsFinal(session));
        objects.extend(&found[..count as usize]);
    }
    (session, objects)
}
