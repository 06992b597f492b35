//! Every function works on a thread with a stack of 48 KiB, as the threads of some daemons have.

use std::thread;

use pkcs11_test::harness::ulong;
use pkcs11_test::{Effect, Fault, Service, TlsOptions, TlsVersions};

use super::*;
use crate::common::programs::{Program, tinyproxy};
use crate::common::{
    LIST, SIGN, another_machine, environment, in_child, service, tls_service, with_tls,
};
use crate::{in_parent, test_name};

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
    let session = module.opened();
    session.find(&[]).unwrap();
    assert_eq!(session.login(), CKR_OK);
    for (name, mechanism) in KEYS {
        let key = session.key(name);
        let signature = key.sign(mechanism, &[7; 100]).unwrap();
        let verified = key.verify(mechanism, &[7; 100], &signature);
        assert_eq!(verified, CKR_OK, "{name}");
    }
    // Any bytes are a public key, and with no hints a signature (FIPS 204, sections 7.1 and 7.2).
    let ml_dsa = session.create(&[
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_ML_DSA)),
        (CKA_PARAMETER_SET, ulong(CKP_ML_DSA_87)),
        (CKA_VALUE, vec![7; 2592]),
    ]);
    assert_eq!(session.verify_init(CKM_ML_DSA, ml_dsa.unwrap()), CKR_OK);
    assert_eq!(session.verify(b"", &[vec![1; 4544], vec![0; 83]].concat()), CKR_SIGNATURE_INVALID);
    assert_eq!(session.logout(), CKR_OK);
    assert_eq!(module.finalize(), CKR_OK);
}

/// A service, variables, and perhaps a proxy, which must be used.
type Way = fn() -> (Service, Vec<(&'static str, String)>, Option<Program>);

const WAYS: [Way; 5] = [
    || (service(), vec![], None),
    || (with_tls(), vec![], None),
    || {
        let service =
            tls_service(TlsOptions { versions: TlsVersions::Only12, ..TlsOptions::default() });
        (service, vec![], None)
    },
    || {
        let service = tls_service(TlsOptions { client_certificate: true, ..TlsOptions::default() });
        let file = service.client_certificate().unwrap().display();
        let certificate = ("SIGNPATH_TLS_CLIENT_CERTIFICATE", format!("file:{file}"));
        (service, vec![certificate], None)
    },
    || {
        let (service, proxy) = (with_tls(), tinyproxy(""));
        let [url, permission] = another_machine(&service);
        let variable = ("http_proxy", proxy.address.clone());
        (service, vec![url, permission, variable], Some(proxy))
    },
];

#[test]
fn everything_works_on_a_small_stack() {
    for way in WAYS {
        let prepare = || {
            let (service, variables, proxy) = way();
            // Some requests are retried over a new connection.
            let headers = [("Retry-After", "0"), ("Connection", "close")];
            for (route, levels) in [(LIST, 100), (SIGN, 100), (SIGN, 9)] {
                let errors = "[".repeat(levels) + &"]".repeat(levels);
                let busy = Effect::answer(503, &headers, format!("{{\"errors\": {errors}}}"));
                service.inject(Fault::on(route, busy)).unwrap();
            }
            let cache = tempfile::tempdir().unwrap();
            let more = [
                ("SIGNPATH_LOG_FILE_LEVEL", "verbose"),
                ("SIGNPATH_POLICY_CACHE_SECONDS", "60"),
                ("XDG_CACHE_HOME", cache.path().to_str().unwrap()),
            ];
            let mut environment = environment(&service, &more);
            let variables = variables.into_iter();
            environment.extend(variables.map(|(name, value)| (name.to_owned(), value)));
            ((service, proxy, cache), environment)
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
        let ((_, proxy, _), _) = in_parent!(in_child(test_name!(), prepare, child));
        assert!(proxy.is_none_or(|proxy| proxy.has_led_to("0.0.0.0")));
    }
}
