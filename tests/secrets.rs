//! The API token, the PIN and the proxy's password leave nothing behind in the memory of the
//! process. Only Linux lets a process read its memory as a file.

#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::ptr::null_mut;

use common::raw::{Raw, ck, object};
use common::{in_child, options, service, traffic};
use cryptoki_sys::*;
use pkcs11_test::{Options, Service};
use zeroize::Zeroizing;

/// Holds the secret backwards, so that the environment is no place where it is found.
const BACKWARDS: &str = "SIGNPATH_TEST_BACKWARDS";

/// What comes before the secret in the PIN.
const PIN_PREFIX: &str = "SIGNPATH_TEST_PIN_PREFIX";

fn backwards(secret: &str) -> String {
    secret.chars().rev().collect()
}

/// How often the secret of [`BACKWARDS`] is in the writable memory of this process.
fn occurrences() -> usize {
    let backwards = std::env::var(BACKWARDS).unwrap();
    let (first, rest) = backwards.as_bytes().split_last().unwrap();
    let follows = |start: &[u8]| rest.iter().rev().eq(start.iter().take(rest.len()));
    let memory = File::open("/proc/self/mem").unwrap();
    // It is part of what is searched, and must not keep what one search found for the next.
    let mut buffer = Zeroizing::new(vec![0; 1 << 20]);
    let mut found = 0;
    // Large enough to be mapped for itself: what was given back shall not be overwritten here.
    let mut maps = String::with_capacity(1 << 20);
    File::open("/proc/self/maps")
        .unwrap()
        .read_to_string(&mut maps)
        .unwrap();
    for line in maps.lines() {
        let mut columns = line.split_whitespace();
        let range = columns.next().unwrap();
        if !columns.next().unwrap().starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let (mut start, end) = (address(start), address(end));
        while start < end {
            let length = buffer.len().min((end - start) as usize);
            let Ok(length @ 1..) = memory.read_at(&mut buffer[..length], start) else {
                break;
            };
            let part = &buffer[..length];
            let places = (1..=length).filter(|next| part[next - 1] == *first);
            found += places.filter(|next| follows(&part[*next..])).count();
            // The next part overlaps this one by what could stand across the border.
            let overlap = if start + (length as u64) < end {
                rest.len()
            } else {
                0
            };
            start += (length - overlap.min(length - 1)) as u64;
        }
    }
    found
}

/// Signs once and lets go of everything.
fn sign_and_finalize() {
    let raw = initialized();
    sign(&raw);
    assert_eq!(ck!(raw, C_Finalize(null_mut())), CKR_OK);
    assert_eq!(occurrences(), 0);
}

/// Signs twice, and lets go of the user only.
fn sign_and_log_out() {
    let raw = initialized();
    let session = sign(&raw);
    assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
    assert_eq!(occurrences(), 0, "after C_Logout");
    assert_eq!(ck!(raw, C_CloseSession(session)), CKR_OK);
    let session = sign(&raw);
    assert_eq!(ck!(raw, C_CloseSession(session)), CKR_OK);
    assert_eq!(occurrences(), 0, "after the last C_CloseSession");
}

fn initialized() -> Raw {
    let raw = Raw::load();
    assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
    raw
}

/// Logs in and signs; the secret is in memory then. Gives the session.
fn sign(raw: &Raw) -> CK_SESSION_HANDLE {
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION;
    let opened = ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
    assert_eq!(opened, CKR_OK);
    let mut pin = pin();
    let length = pin.len() as CK_ULONG;
    let login = ck!(raw, C_Login(session, CKU_USER, pin.as_mut_ptr(), length));
    assert_eq!(login, CKR_OK);
    drop(pin);

    let key = object(raw, session, CKO_PRIVATE_KEY, "demo/p-256");
    let mut mechanism = common::raw::mechanism(CKM_ECDSA);
    let (mut digest, mut signature, mut length) = ([7; 32], [0; 64], 64);
    let init = ck!(raw, C_SignInit(session, &mut mechanism, key));
    assert_eq!(init, CKR_OK);
    let signed = ck!(
        raw,
        C_Sign(
            session,
            digest.as_mut_ptr(),
            32,
            signature.as_mut_ptr(),
            &mut length
        )
    );
    assert_eq!(signed, CKR_OK);

    assert!(occurrences() > 0, "the search does not find what is there");
    session
}

fn pin() -> Zeroizing<Vec<u8>> {
    match std::env::var(PIN_PREFIX) {
        Err(_) => Zeroizing::new(b"CONFIG".to_vec()),
        Ok(prefix) => {
            let backwards = std::env::var(BACKWARDS).unwrap();
            let mut pin = Zeroizing::new(vec![0; prefix.len() + backwards.len()]);
            let bytes = prefix.bytes().chain(backwards.bytes().rev());
            pin.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            pin
        }
    }
}

/// A service over TLS, and an environment that leads to it without a token.
fn service_without_token() -> (Service, Vec<(String, String)>) {
    let options = Options {
        tls: true,
        ..options()
    };
    without_token(Service::start(options).unwrap())
}

fn without_token(service: Service) -> (Service, Vec<(String, String)>) {
    let environment = service
        .environment()
        .into_iter()
        .filter(|(name, _)| *name != "SIGNPATH_API_TOKEN")
        .map(|(name, value)| (name.to_owned(), value))
        .chain([(BACKWARDS.to_owned(), backwards(service.token()))])
        .collect();
    (service, environment)
}

/// A folder with one file, and the path of the file.
fn file(content: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn after_c_finalize_no_memory_holds_the_token_of_the_configuration_file() {
    let prepare = || {
        let (service, mut environment) = service_without_token();
        // The escape makes the parser put the text together in memory of its own.
        let (first, rest) = service.token().split_at(1);
        let escaped = format!("\\u{:04x}{rest}", u32::from(first.chars().next().unwrap()));
        let (folder, path) = file(&format!("{{\"ApiToken\": \"{escaped}\"}}"));
        environment.push(("SIGNPATH_CONFIG_FILE".to_owned(), path));
        ((service, folder), environment)
    };
    if let Some((_, run)) = in_child(test_name!(), prepare, sign_and_finalize) {
        run.assert_silent();
    }
}

#[test]
fn after_c_finalize_no_memory_holds_the_token_of_a_file_of_its_own() {
    let prepare = || {
        let (service, mut environment) = service_without_token();
        let (folder, path) = file(&format!("{}\n", service.token()));
        environment.push(("SIGNPATH_API_TOKEN".to_owned(), format!("file:{path}")));
        ((service, folder), environment)
    };
    if let Some((_, run)) = in_child(test_name!(), prepare, sign_and_finalize) {
        run.assert_silent();
    }
}

fn with_pin(
    (service, mut environment): (Service, Vec<(String, String)>),
) -> (Service, Vec<(String, String)>) {
    let prefix = format!("{}:", service.organization_id());
    environment.push((PIN_PREFIX.to_owned(), prefix));
    (service, environment)
}

#[test]
fn after_c_finalize_no_memory_holds_the_token_of_the_pin() {
    let prepare = || with_pin(service_without_token());
    if let Some((_, run)) = in_child(test_name!(), prepare, sign_and_finalize) {
        run.assert_silent();
    }
}

#[test]
fn after_c_logout_no_memory_holds_the_token_of_the_pin_and_the_next_login_asks_nothing_again() {
    let prepare = || with_pin(service_without_token());
    if let Some((service, run)) = in_child(test_name!(), prepare, sign_and_log_out) {
        run.assert_silent();
        assert_eq!(traffic(&service.requests()).lists, 1);
    }
}

#[test]
fn after_c_logout_no_memory_holds_the_token_that_went_over_a_connection_without_tls() {
    let prepare = || with_pin(without_token(service()));
    if let Some((_, run)) = in_child(test_name!(), prepare, sign_and_log_out) {
        run.assert_silent();
    }
}

/// Is refused with a PIN, and closes its sessions.
fn log_in_in_vain() {
    let raw = Raw::load();
    let session = common::raw::session(&raw);
    let mut pin = pin();
    assert!(occurrences() > 0, "the search does not find what is there");
    let length = pin.len() as CK_ULONG;
    let login = ck!(raw, C_Login(session, CKU_USER, pin.as_mut_ptr(), length));
    assert_eq!(login, CKR_PIN_INCORRECT);
    drop(pin);
    assert_eq!(occurrences(), 0, "after C_Login");
    assert_eq!(ck!(raw, C_CloseAllSessions(1)), CKR_OK);
    assert_eq!(occurrences(), 0, "after C_CloseAllSessions");
}

#[test]
fn after_a_refused_login_no_memory_holds_the_token_of_the_pin() {
    for tls in [false, true] {
        let prepare = || {
            let (service, mut environment) = match tls {
                true => service_without_token(),
                false => without_token(service()),
            };
            environment.push((BACKWARDS.to_owned(), backwards("a-token-of-nobody-here")));
            with_pin((service, environment))
        };
        let Some((_, run)) = in_child(test_name!(), prepare, log_in_in_vain) else {
            return;
        };
        run.assert_one_line(&["401"]);
    }
}

#[test]
fn after_c_finalize_no_memory_holds_the_password_of_the_proxy() {
    let prepare = || {
        const PASSWORD: &str = "the-password-of-the-proxy";
        let service = service();
        // The service answers requests that are written as for a proxy, too.
        let host = service.api_url().trim_start_matches("http://");
        let host = host.trim_end_matches("/Api");
        let (folder, path) = file(&format!(
            "{{\"HttpProxy\": \"http://user:{PASSWORD}@{host}\"}}"
        ));
        let mut environment = common::environment(
            &service,
            &[
                ("SIGNPATH_CONFIG_FILE", &path),
                (BACKWARDS, &backwards(PASSWORD)),
            ],
        );
        let another_machine = common::another_machine(&service).into_iter();
        environment.extend(another_machine.map(|(name, value)| (name.to_owned(), value)));
        ((service, folder), environment)
    };
    if let Some((_, run)) = in_child(test_name!(), prepare, sign_and_finalize) {
        run.assert_silent();
    }
}
