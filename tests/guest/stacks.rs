//! Every function works on a thread with a stack of 48 KiB, as the threads of some daemons have.

use std::ptr;
use std::thread;

use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault, Service, TlsOptions, TlsVersions};

use crate::common::programs::{Program, tinyproxy};
use crate::common::raw::{self, Raw, ck};
use crate::common::{LIST, SIGN, environment, in_child, service, tls_service};
use crate::test_name;

/// In bytes, what the C library keeps there for itself included.
const SMALL: usize = 48 << 10;

/// The keys that sign, one of each type and size.
const KEYS: [(&str, CK_MECHANISM_TYPE); 7] = [
    ("demo/rsa-2048", CKM_SHA256_RSA_PKCS),
    ("demo/rsa-3072", CKM_SHA512_RSA_PKCS),
    ("demo/rsa-4096", CKM_SHA256_RSA_PKCS),
    ("demo/p-256", CKM_ECDSA_SHA256),
    ("demo/p-384", CKM_ECDSA_SHA384),
    ("demo/p-521", CKM_ECDSA_SHA512),
    ("demo/rsa-2048", CKM_MD5_RSA_PKCS),
];

/// Does all that asks the service, on a small stack: each key signs over a connection that the
/// service then closes, and after an attempt that fails.
fn use_all(raw: &Raw) {
    let session = raw::session(raw);
    let mut template = [];
    let search = ck!(raw, C_FindObjectsInit(session, template.as_mut_ptr(), 0));
    assert_eq!(search, CKR_OK);
    assert_eq!(ck!(raw, C_FindObjectsFinal(session)), CKR_OK);
    assert_eq!(raw::login(raw, session, "CONFIG"), CKR_OK);
    for (name, mechanism) in KEYS {
        let signed = raw::sign_and_verify(raw, session, name, mechanism);
        assert_eq!(signed, (CKR_OK, CKR_OK), "{name}");
    }
    assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
    assert_eq!(ck!(raw, C_Finalize(ptr::null_mut())), CKR_OK);
}

/// Requests that fail before they succeed, and connections that are new each time.
fn inject(service: &Service) {
    let headers = [("Retry-After", "0"), ("Connection", "close")];
    let busy = || Effect::answer(503, &headers, "");
    service.inject(Fault::on(LIST, busy())).unwrap();
    service.inject(Fault::on(SIGN, busy()).times(2)).unwrap();
}

/// A service, what it needs to be reached, and a program that may be in between.
type Way = fn() -> (Service, Vec<(&'static str, String)>, Option<Program>);

const WAYS: [(&str, Way); 5] = [
    ("http", || (service(), Vec::new(), None)),
    ("TLS", || {
        (tls_service(TlsOptions::default()), Vec::new(), None)
    }),
    ("TLS 1.2", || {
        let options = TlsOptions {
            versions: TlsVersions::Only12,
            ..TlsOptions::default()
        };
        (tls_service(options), Vec::new(), None)
    }),
    ("TLS with a client certificate", || {
        let service = tls_service(TlsOptions {
            client_certificate: true,
            ..TlsOptions::default()
        });
        let file = service.client_certificate().unwrap().display().to_string();
        let certificate = ("SIGNPATH_TLS_CLIENT_CERTIFICATE", format!("file:{file}"));
        (service, vec![certificate], None)
    }),
    ("TLS through a proxy", || {
        let proxy = tinyproxy("");
        let variable = ("http_proxy", proxy.address.clone());
        (
            tls_service(TlsOptions::default()),
            vec![variable],
            Some(proxy),
        )
    }),
];

#[test]
fn all_that_asks_the_service_works_on_a_small_stack() {
    for (name, way) in WAYS {
        let prepare = || {
            let (service, more, program) = way();
            inject(&service);
            let folder = tempfile::tempdir().unwrap();
            let cache = folder.path().to_str().unwrap().to_owned();
            let more: Vec<_> = more
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .chain([
                    ("SIGNPATH_LOG_FILE_LEVEL", "verbose"),
                    ("SIGNPATH_POLICY_CACHE_SECONDS", "60"),
                    ("XDG_CACHE_HOME", &cache),
                ])
                .collect();
            println!("{name}");
            let environment = environment(&service, &more);
            ((service, program, folder), environment)
        };
        let child = || {
            let raw = Raw::load();
            thread::scope(|scope| {
                let small = thread::Builder::new().stack_size(SMALL);
                // The second time with the list from disk.
                small
                    .spawn_scoped(scope, || (0..2).for_each(|_| use_all(&raw)))
                    .unwrap();
            });
        };
        if in_child(test_name!(), prepare, child).is_none() {
            return;
        }
    }
}
