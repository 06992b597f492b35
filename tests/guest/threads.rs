//! A thread or process that ends during a call still gets its signature.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use pkcs11_test::{Fault, Gate, Service};

use crate::common::programs::compiled;
use crate::common::{SIGN, command, environment, service, traffic};

/// Starts a program in C with a service that it reaches by host name.
fn start(mode: &str, service: &Service) -> Child {
    let url = service.api_url().replace("127.0.0.1", "localhost");
    let program = compiled("guest/host.c", &["-ldl", "-pthread", "-I/usr/include/p11-kit-1"]);
    command(program)
        .arg(mode)
        .envs(environment(service, &[("SIGNPATH_API_URL", &url)]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The program has signed once, and exits with status 0.
fn assert_signed(mut host: Child, service: &Service) {
    let status = host.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(traffic(&service.requests()).signatures, 1);
}

#[test]
fn a_thread_cancelled_in_c_sign_gets_its_signature_first() {
    let service = service();
    let gate = Gate::new();
    service.inject(Fault::hold(SIGN, &gate)).unwrap();
    let mut host = start("cancel", &service);
    gate.wait_for(1);
    host.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    let mut line = String::new();
    let stdout = host.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert_eq!(line, "cancelled\n");
    gate.open();
    assert_signed(host, &service);
}

#[test]
fn an_exit_handler_and_a_destructor_can_sign() {
    for mode in ["atexit", "destructor"] {
        let service = service();
        assert_signed(start(mode, &service), &service);
    }
}
