//! Responses that are far too long take neither memory nor time.

mod common;

use std::time::{Duration, Instant};

use common::{
    SIGN, code, environment, in_child, initialized, logged_in, private_key, said, say, service,
};
use cryptoki::mechanism::Mechanism;
use pkcs11_test::{Effect, Fault};

/// In bytes.
const LENGTH: u64 = 100_000_000;

/// The return value for each response, and the most memory that it may take in KiB. Without Content-Length, a response is
/// read up to 32 MiB.
const CASES: [(&str, u64); 4] = [
    ("CKR_ARGUMENTS_BAD", 4 << 10),
    ("CKR_ARGUMENTS_BAD", 4 << 10),
    ("CKR_GENERAL_ERROR", 4 << 10),
    ("CKR_GENERAL_ERROR", 72 << 10),
];

fn effects() -> [Effect; 4] {
    let announced = |status| Effect::Long {
        status,
        length: LENGTH,
    };
    let endless = |status: u16| {
        let head = format!("HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut answer = format!("{head}{LENGTH:x}\r\n").into_bytes();
        answer.resize(answer.len() + LENGTH as usize, b'x');
        Effect::Raw(answer)
    };
    [announced(400), endless(400), announced(200), endless(200)]
}

/// The memory of this process, or its peak, in KiB.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

#[test]
fn a_body_of_100_mb_takes_neither_its_memory_nor_its_time() {
    let prepare = || {
        let service = service();
        service.inject(Fault::on(SIGN, Effect::Usual)).unwrap();
        for effect in effects() {
            service.inject(Fault::on(SIGN, effect)).unwrap();
        }
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let session = logged_in(&initialized());
        let key = private_key(&session, "demo/p-256");
        let sign = || session.sign(&Mechanism::Ecdsa, key, &[7; 32]);
        sign().unwrap();
        for (_, limit) in CASES {
            // Resets the peak (proc_pid_clear_refs(5)).
            std::fs::write("/proc/self/clear_refs", "5").unwrap();
            let (before, begun) = (memory("VmRSS:"), Instant::now());
            say(&code(sign()));
            let (grown, took) = (memory("VmHWM:").saturating_sub(before), begun.elapsed());
            println!("\ntook {grown} KiB and {took:?}");
            assert!(grown < limit, "{grown} KiB, not {limit}");
            // One attempt may take 30 s, and all of them 600.
            assert!(took < Duration::from_secs(20), "{took:?}");
        }
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    println!("{}", run.stdout);
    assert_eq!(said(&run.stdout), CASES.map(|(code, _)| code));
}
