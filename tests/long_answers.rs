//! Answers that are as long as the module reads, or far longer, take neither memory nor time.

mod common;

use std::time::{Duration, Instant};

use common::{LIST, Run, SIGN, child_of, load, service};
use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Rv, Session, ulong};
use pkcs11_test::{Effect, Fault};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The length of an answer that is too long, in bytes.
const TOO_LONG: usize = 100_000_000;

/// The longest list that the module reads, in bytes.
const MAX_LIST: usize = 32 * MIB;

/// The public key of P-256 that is its generator (SEC 2, section 2.4.2).
const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/\
    hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==";

/// A line of /proc/self/status, in bytes.
fn memory(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.unwrap().trim_start_matches(':').trim();
    kib.trim_end_matches(" kB").parse::<usize>().unwrap() * KIB
}

/// The memory in use after `act`, and the most during it, beside what was before.
fn memory_of<T>(act: impl FnOnce() -> T) -> (T, [usize; 2]) {
    // Makes the peak what is in use now (proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let result = act();
    let after = ["VmRSS", "VmHWM"].map(|name| memory(name).saturating_sub(before));
    (result, after)
}

/// Runs a test in a process of its own, and the service, with these faults, in another.
fn with_faults(
    test: &str,
    faults: impl FnOnce() -> Vec<Fault>,
    act: impl FnOnce(&Module),
) -> Option<Run> {
    let start = || {
        let service = service();
        let inject = |fault| service.inject(fault).unwrap();
        faults().into_iter().for_each(inject);
        service
    };
    child_of(test, start, &[], || act(&load())).map(|(_, run)| run)
}

/// The same with a list of signing policies of that text, with which the module logs in without a line on stderr.
fn with_list(test: &str, list: impl FnOnce() -> String, check: impl FnOnce(Session, [usize; 2])) {
    let fault = || {
        let list = Effect::answer(200, &[("Content-Type", "application/json")], list());
        vec![Fault::on(LIST, list)]
    };
    let run = with_faults(test, fault, |t| {
        let (session, memory) = memory_of(|| t.logged_in().unwrap());
        check(session, memory);
    });
    if let Some(run) = run {
        run.assert_silent();
    }
}

fn entry(number: usize) -> String {
    format!(
        r#"{{"projectSlug":"demo","signingPolicySlug":"{number}","keyType":"Ecdsa","publicKeyBytes":"{KEY}"}}"#
    )
}

#[test]
fn each_policy_of_a_long_list_takes_less_than_4_kib() {
    const POLICIES: usize = 10_000;
    let list = || {
        let entries: Vec<_> = (0..POLICIES).map(entry).collect();
        format!(r#"{{"signingPolicies":[{}]}}"#, entries.join(","))
    };
    with_list(test_name!(), list, |session, memory| {
        for class in [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY] {
            session.find_init(&[(CKA_CLASS, ulong(class))]);
            assert_eq!(session.find_next(2 * POLICIES).unwrap().len(), POLICIES);
            session.find_final();
        }
        session.private(&format!("demo/{}", POLICIES - 1));
        assert!(memory.iter().all(|bytes| *bytes < 4 * KIB * POLICIES), "{memory:?}");
    });
}

#[test]
fn unknown_members_of_a_list_take_no_memory() {
    let list = || {
        let entry = entry(0);
        let filler = "0,".repeat((MAX_LIST - entry.len()) / 2 - 100);
        let entry = entry.replace('{', &format!(r#"{{"new":[{filler}0],"#));
        format!(r#"{{"signingPolicies":[{entry}]}}"#)
    };
    with_list(test_name!(), list, |session, [_, peak]| {
        session.private("demo/0");
        // The answer itself, in a buffer that grew.
        assert!(peak < 4 * MAX_LIST, "{peak}");
    });
}

#[test]
fn a_body_of_100_mb_takes_neither_its_memory_nor_its_time() {
    let announced = |status| Effect::Long { status, length: TOO_LONG as u64 };
    let endless = |status: u16| {
        let head = format!("HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut answer = format!("{head}{TOO_LONG:x}\r\n").into_bytes();
        answer.resize(answer.len() + TOO_LONG, b'x');
        Effect::Raw(answer)
    };
    let faults = || {
        let effects = [Effect::Usual, announced(400), endless(400), announced(200), endless(200)];
        effects.map(|effect| Fault::on(SIGN, effect)).into()
    };
    with_faults(test_name!(), faults, |t| {
        let key = t.logged_in().unwrap().key("demo/p-256");
        let sign = || key.sign(CKM_ECDSA, &[7; 32]).map(drop);
        assert_eq!(sign(), Ok(()));
        // The most memory that each may take. A length that is not announced is read up to 32 MiB.
        for (answer, limit) in [
            (CKR_ARGUMENTS_BAD, 4 * MIB),
            (CKR_ARGUMENTS_BAD, 4 * MIB),
            (CKR_GENERAL_ERROR, 4 * MIB),
            (CKR_GENERAL_ERROR, 72 * MIB),
        ] {
            let begun = Instant::now();
            let (rv, [_, peak]) = memory_of(sign);
            assert_eq!(rv, Err(Rv(answer)));
            assert!(peak < limit, "{peak}, not {limit}");
            // One attempt may take 30 s, and all of them 600.
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(20), "{took:?}");
        }
    });
}
