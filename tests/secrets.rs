//! The API token, the PIN and the proxy's password are wiped from memory. Only Linux lets a process read its memory as a file.

#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use common::{Run, another_machine, environment, in_child, load, service, traffic, with_tls};
use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Session};
use pkcs11_test::{Service, call};
use zeroize::Zeroizing;

/// Holds the secret backwards, so that it is not found in the environment.
const BACKWARDS: &str = "SIGNPATH_TEST_BACKWARDS";

/// What comes before the secret in the PIN.
const PIN_PREFIX: &str = "SIGNPATH_TEST_PIN_PREFIX";

const CONFIG_FILE: &str = "SIGNPATH_CONFIG_FILE";
const API_TOKEN: &str = "SIGNPATH_API_TOKEN";

fn backwards(secret: &str) -> (&'static str, String) {
    (BACKWARDS, secret.chars().rev().collect())
}

/// How often the secret of [`BACKWARDS`] is in the writable memory of this process.
fn occurrences() -> usize {
    let backwards = std::env::var(BACKWARDS).unwrap();
    let (first, rest) = backwards.as_bytes().split_last().unwrap();
    let follows = |start: &[u8]| rest.iter().rev().eq(start.iter().take(rest.len()));
    let memory = File::open("/proc/self/mem").unwrap();
    // It is searched too, so it must not keep a secret that was found.
    let mut buffer = Zeroizing::new(vec![0; 1 << 20]);
    let mut found = 0;
    // Large enough for a mapping of its own, so that it does not overwrite freed memory.
    let mut maps = String::with_capacity(1 << 20);
    let mut file = File::open("/proc/self/maps").unwrap();
    file.read_to_string(&mut maps).unwrap();
    for line in maps.lines() {
        let (range, rights) = line.split_once(' ').unwrap();
        if !rights.starts_with("rw") {
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
            // A secret may extend into the next part.
            let is_last = start + length as u64 >= end;
            let overlap = if is_last { 0 } else { rest.len() };
            start += (length - overlap.min(length - 1)) as u64;
        }
    }
    found
}

/// `CONFIG`, or the PIN with the secret.
fn pin() -> Zeroizing<Vec<u8>> {
    let Ok(prefix) = std::env::var(PIN_PREFIX) else {
        return Zeroizing::new(b"CONFIG".to_vec());
    };
    let backwards = std::env::var(BACKWARDS).unwrap();
    let mut pin = Zeroizing::new(vec![0; prefix.len() + backwards.len()]);
    let bytes = prefix.bytes().chain(backwards.bytes().rev());
    pin.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    pin
}

/// Logs in and signs, which puts the secret into memory.
fn sign(module: &Module) -> Session<'_> {
    let session = module.session();
    assert_eq!(session.login_as(CKU_USER, &pin()), CKR_OK);
    let key = session.key("demo/p-256");
    key.sign(CKM_ECDSA, &[7; 32]).unwrap();
    assert!(occurrences() > 0, "the search does not find what is there");
    session
}

fn sign_and_finalize(module: &Module) {
    sign(module);
    assert_eq!(module.finalize(), CKR_OK);
    assert_eq!(occurrences(), 0);
}

/// Signs twice, and logs out with C_Logout and by closing the last session.
fn sign_and_log_out(module: &Module) {
    let session = sign(module);
    assert_eq!(session.logout(), CKR_OK);
    assert_eq!(occurrences(), 0, "after C_Logout");
    assert_eq!(session.close(), CKR_OK);
    assert_eq!(sign(module).close(), CKR_OK);
    assert_eq!(occurrences(), 0, "after the last C_CloseSession");
}

fn log_in_in_vain(module: &Module) {
    let session = module.session();
    let pin = pin();
    assert!(occurrences() > 0, "the search does not find what is there");
    assert_eq!(session.login_as(CKU_USER, &pin), CKR_PIN_INCORRECT);
    drop(pin);
    assert_eq!(occurrences(), 0, "after C_Login");
    assert_eq!(call!(module, C_CloseAllSessions(1)), CKR_OK);
    assert_eq!(occurrences(), 0, "after C_CloseAllSessions");
}

type Variables = Vec<(&'static str, String)>;

/// Starts a service.
type Start = fn() -> Service;

/// Variables that lead to a secret, for a service and a folder.
type Source = fn(&Service, &Path) -> Variables;

/// Runs `child` with the variables of `more`, which may write files, but no token in the environment.
fn forgets(test: &str, start: Start, more: Source, child: fn(&Module)) -> Option<(Service, Run)> {
    let prepare = || {
        let (service, folder) = (start(), tempfile::tempdir().unwrap());
        let mut environment = environment(&service, &[(API_TOKEN, "")]);
        let more = [backwards(service.token())].into_iter().chain(more(&service, folder.path()));
        environment.extend(more.map(|(name, value)| (name.to_owned(), value)));
        ((service, folder), environment)
    };
    let child = || {
        let module = load();
        assert_eq!(module.initialize(), CKR_OK);
        child(&module);
    };
    let ((service, _), run) = in_child(test, prepare, child)?;
    Some((service, run))
}

fn in_pin(service: &Service, _: &Path) -> Variables {
    vec![(PIN_PREFIX, format!("{}:", service.organization_id()))]
}

fn file(folder: &Path, content: &str) -> String {
    let path = folder.join("file");
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// Where a secret comes from.
const SOURCES: &[(Start, Source)] = &[
    // The parser unescapes into memory of its own.
    (with_tls, |service, folder| {
        let (first, rest) = service.token().split_at(1);
        let escaped = format!("\\u{:04x}{rest}", first.as_bytes()[0]);
        let content = format!("{{\"ApiToken\": \"{escaped}\"}}");
        vec![(CONFIG_FILE, file(folder, &content))]
    }),
    (with_tls, |service, folder| {
        let file = file(folder, &format!("{}\n", service.token()));
        vec![(API_TOKEN, format!("file:{file}"))]
    }),
    (with_tls, in_pin),
    // The service is its own proxy.
    (service, |service, folder| {
        const PASSWORD: &str = "the-password-of-the-proxy";
        let host = service.api_url().split('/').nth(2).unwrap();
        let content = format!("{{\"HttpProxy\": \"http://user:{PASSWORD}@{host}\"}}");
        let [url, permission] = another_machine(service);
        let token = (API_TOKEN, service.token().to_owned());
        let file = (CONFIG_FILE, file(folder, &content));
        vec![url, permission, token, file, backwards(PASSWORD)]
    }),
];

#[test]
fn tokens_and_passwords_are_wiped_at_c_finalize() {
    for (start, source) in SOURCES {
        let (_, run) = in_parent!(forgets(test_name!(), *start, *source, sign_and_finalize));
        run.assert_silent();
    }
}

#[test]
fn the_token_of_a_pin_is_wiped_at_c_logout() {
    for start in [with_tls, service] {
        let (service, run) = in_parent!(forgets(test_name!(), start, in_pin, sign_and_log_out));
        run.assert_silent();
        assert_eq!(traffic(&service.requests()).lists, 1, "the list is kept");
    }
}

#[test]
fn a_refused_token_is_wiped_at_once() {
    for start in [with_tls, service] {
        let unknown: Source = |service, folder| {
            let unknown = backwards("a-token-of-nobody-here");
            [in_pin(service, folder), vec![unknown]].concat()
        };
        let (_, run) = in_parent!(forgets(test_name!(), start, unknown, log_in_in_vain));
        run.assert_one_line(&["401"]);
    }
}
