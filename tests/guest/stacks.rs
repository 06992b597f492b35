//! Every function works on a thread with a stack of 48 KiB, as the threads of some daemons have.

use std::thread;

use pkcs11_test::{Effect, Fault, Service, TlsOptions, TlsVersions};

use super::*;
use crate::common::programs::{Program, tinyproxy};
use crate::common::{LIST, SIGN, environment, in_child, service, tls_service};
use crate::test_name;

/// In bytes, including what the C library needs.
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

/// Calls everything that sends a request, and signs with each key.
fn use_all(module: &Module) {
    assert_eq!(module.initialize(), CKR_OK);
    let session = module.session();
    session.find(&[]).unwrap();
    assert_eq!(session.login(), CKR_OK);
    for (name, mechanism) in KEYS {
        let key = session.key(name);
        let signature = key.sign(mechanism, &[7; 100]).unwrap();
        let verified = key.verify(mechanism, &[7; 100], &signature);
        assert_eq!(verified, CKR_OK, "{name}");
    }
    assert_eq!(session.logout(), CKR_OK);
    assert_eq!(module.finalize(), CKR_OK);
}

/// A service, a variable, and perhaps a proxy.
type Way = fn() -> (Service, Option<(&'static str, String)>, Option<Program>);

const WAYS: [Way; 5] = [
    || (service(), None, None),
    || (tls_service(TlsOptions::default()), None, None),
    || {
        let versions = TlsVersions::Only12;
        let options = TlsOptions {
            versions,
            ..TlsOptions::default()
        };
        (tls_service(options), None, None)
    },
    || {
        let service = tls_service(TlsOptions {
            client_certificate: true,
            ..TlsOptions::default()
        });
        let file = service.client_certificate().unwrap().display();
        let certificate = ("SIGNPATH_TLS_CLIENT_CERTIFICATE", format!("file:{file}"));
        (service, Some(certificate), None)
    },
    || {
        let proxy = tinyproxy("");
        let variable = ("http_proxy", proxy.address.clone());
        let service = tls_service(TlsOptions::default());
        (service, Some(variable), Some(proxy))
    },
];

#[test]
fn everything_works_on_a_small_stack() {
    for way in WAYS {
        let prepare = || {
            let (service, variable, program) = way();
            // Some requests are retried over a new connection.
            let headers = [("Retry-After", "0"), ("Connection", "close")];
            let busy = Effect::answer(503, &headers, "");
            let faults = [(LIST, 1), (SIGN, 2)];
            for (route, times) in faults {
                let fault = Fault::on(route, busy.clone()).times(times);
                service.inject(fault).unwrap();
            }
            let cache = tempfile::tempdir().unwrap();
            let more = [
                ("SIGNPATH_LOG_FILE_LEVEL", "verbose"),
                ("SIGNPATH_POLICY_CACHE_SECONDS", "60"),
                ("XDG_CACHE_HOME", cache.path().to_str().unwrap()),
            ];
            let mut environment = environment(&service, &more);
            environment.extend(variable.map(|(name, value)| (name.to_owned(), value)));
            ((service, program, cache), environment)
        };
        let child = || {
            let module = load();
            thread::scope(|scope| {
                // The second time with the cached list.
                let calls = || (0..2).for_each(|_| use_all(&module));
                let small = thread::Builder::new().stack_size(SMALL);
                small.spawn_scoped(scope, calls).unwrap();
            });
        };
        if in_child(test_name!(), prepare, child).is_none() {
            return;
        }
    }
}
