//! When the service is asked, how often, and over which connections.

mod common;

use std::net::SocketAddr;
use std::ptr;

use common::programs::free_address;
use common::raw::{self, Raw, ck};
use common::{
    LIST, Traffic, environment, in_child, initialized, objects, options, service, slot, traffic,
};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault, Gate, Options, Service};

const PRIVATE_KEY: Attribute = Attribute::Class(ObjectClass::PRIVATE_KEY);

fn id(name: &str) -> Attribute {
    Attribute::Id(name.as_bytes().to_vec())
}

/// Runs `child` against a service and gives the requests that came.
fn traffic_of(test: &str, child: impl FnOnce()) -> Option<Traffic> {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let (service, run) = in_child(test, prepare, child)?;
    run.assert_silent();
    Some(traffic(&service.requests()))
}

#[test]
fn nothing_is_asked_before_it_is_needed() {
    let child = || {
        let module = initialized();
        let slot = slot(&module);
        module.get_library_info().unwrap();
        module.get_slot_info(slot).unwrap();
        module.get_token_info(slot).unwrap();
        for mechanism in module.get_mechanism_list(slot).unwrap() {
            module.get_mechanism_info(slot, mechanism).unwrap();
        }
        let session = module.open_ro_session(slot).unwrap();
        session.get_session_info().unwrap();
        // Nothing of this can be seen before login.
        assert_eq!(session.find_objects(&[PRIVATE_KEY]).unwrap(), []);
        assert_eq!(
            session.find_objects(&[Attribute::Private(true)]).unwrap(),
            []
        );
        let secret_key = Attribute::Class(ObjectClass::SECRET_KEY);
        assert_eq!(session.find_objects(&[secret_key]).unwrap(), []);
    };
    let Some(traffic) = traffic_of(test_name!(), child) else {
        return;
    };
    assert_eq!(traffic.lists, 0);
    assert_eq!(traffic.connections, 0);
}

#[test]
fn a_search_before_login_gives_up_soon_says_so_once_and_is_not_repeated() {
    // One service does not answer at all, the other is busy.
    for route_hangs in [true, false] {
        let prepare = || {
            let service = service();
            let gate = Gate::new();
            let fault = match route_hangs {
                true => Fault::hold(LIST, &gate),
                false => Fault::on(LIST, Effect::status(503)),
            };
            service.inject(fault).unwrap();
            let environment = environment(&service, &[]);
            ((service, gate), environment)
        };
        let child = || {
            let module = initialized();
            let session = module.open_ro_session(slot(&module)).unwrap();
            for _ in 0..3 {
                assert_eq!(objects(&session), []);
            }
            let pin = AuthPin::new("CONFIG".into());
            session.login(UserType::User, Some(&pin)).unwrap();
            assert_ne!(objects(&session), []);
        };
        let Some(((service, _), run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        run.assert_one_line(&["warning: cannot show objects before login"]);
        assert_eq!(traffic(&service.requests()).lists, 2, "search and login");
    }
}

#[test]
fn a_search_that_no_login_can_follow_waits_for_the_service() {
    let prepare = || {
        let service = service();
        let busy = Effect::retry_after(503, 0);
        service.inject(Fault::on(LIST, busy).times(2)).unwrap();
        let open = ("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false");
        let environment = environment(&service, &[open]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        assert_ne!(objects(&session), []);
    };
    if let Some((service, _)) = in_child(test_name!(), prepare, child) {
        assert_eq!(traffic(&service.requests()).lists, 3);
    }
}

#[test]
fn one_list_serves_searches_before_login_the_login_and_later_logins() {
    let child = || {
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        let found = objects(&session);
        assert_eq!(found.len(), 12, "six certificates and six public keys");
        for _ in 0..3 {
            let pin = AuthPin::new("CONFIG".into());
            session.login(UserType::User, Some(&pin)).unwrap();
            assert_eq!(objects(&session).len(), 18);
            session.logout().unwrap();
        }
        let everything = AttributeType::Value;
        session.get_attributes(found[0], &[everything]).unwrap();
    };
    let Some(traffic) = traffic_of(test_name!(), child) else {
        return;
    };
    assert_eq!(traffic.lists, 1);
}

#[test]
fn another_identity_in_the_pin_is_asked_for_with_its_own_token() {
    let prepare = || {
        let policies = serde_json::from_str(
            r#"{"users": [{"name": "ci"}, {"name": "other", "submitterOf": ["demo/p-384"]}],
                "policies": [{"project": "demo", "policy": "p-256", "key": "p-256"},
                             {"project": "demo", "policy": "p-384", "key": "p-384"}]}"#,
        )
        .unwrap();
        let service = Service::start(Options {
            policies,
            ..options()
        })
        .unwrap();
        let pin = format!(
            "{}:{}",
            service.organization_id(),
            service.token_of("other").unwrap()
        );
        let environment = environment(&service, &[("SIGNPATH_TEST_PIN", &pin)]);
        (service, environment)
    };
    let child = || {
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        assert_eq!(objects(&session).len(), 4);
        let pin = AuthPin::new(std::env::var("SIGNPATH_TEST_PIN").unwrap().into());
        session.login(UserType::User, Some(&pin)).unwrap();
        let keys = session.find_objects(&[PRIVATE_KEY]).unwrap();
        assert_eq!(
            keys,
            session
                .find_objects(&[PRIVATE_KEY, id("demo/p-384")])
                .unwrap()
        );
        session.sign(&Mechanism::Ecdsa, keys[0], &[7; 32]).unwrap();
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
    let users: Vec<_> = service
        .requests()
        .into_iter()
        .map(|request| request.user)
        .collect();
    assert_eq!(
        users,
        [
            Some("ci".into()),
            Some("other".into()),
            Some("other".into())
        ]
    );
}

#[test]
fn questions_for_the_length_and_small_buffers_ask_nobody_and_keep_the_operation() {
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/p-384");
        let mut mechanism = raw::mechanism(CKM_ECDSA_SHA256);
        let mut data = *b"data";
        let mut buffer = [0xEE_u8; 200];
        for parts in [false, true] {
            assert_eq!(ck!(raw, C_SignInit(session, &mut mechanism, key)), CKR_OK);
            let update = || ck!(raw, C_SignUpdate(session, data.as_ptr().cast_mut(), 4));
            if parts {
                assert_eq!(update(), CKR_OK);
            }
            let mut sign = |buffer: *mut u8, length: &mut CK_ULONG| match parts {
                false => ck!(raw, C_Sign(session, data.as_mut_ptr(), 4, buffer, length)),
                true => ck!(raw, C_SignFinal(session, buffer, length)),
            };
            let mut length = 0;
            assert_eq!(sign(ptr::null_mut(), &mut length), CKR_OK);
            assert_eq!(length, 96);
            length = 95;
            assert_eq!(sign(buffer.as_mut_ptr(), &mut length), CKR_BUFFER_TOO_SMALL);
            assert_eq!(length, 96);
            assert_eq!(buffer, [0xEE; 200], "nothing is written to a small buffer");
            length = 200;
            assert_eq!(sign(buffer.as_mut_ptr(), &mut length), CKR_OK);
            assert_eq!(length, 96);
            assert_eq!(
                buffer[96..],
                [0xEE; 104],
                "nothing is written behind the signature"
            );
            buffer.fill(0xEE);
        }
    };
    let Some(traffic) = traffic_of(test_name!(), child) else {
        return;
    };
    assert_eq!(traffic.signatures, 2);
}

#[test]
fn md5_is_hashed_here_and_signed() {
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/rsa-2048");
        let mut mechanism = raw::mechanism(CKM_MD5_RSA_PKCS);
        let (mut data, mut signature, mut length) = (*b"data", [0; 256], 256);
        assert_eq!(ck!(raw, C_SignInit(session, &mut mechanism, key)), CKR_OK);
        let (data, signature) = (data.as_mut_ptr(), signature.as_mut_ptr());
        assert_eq!(
            ck!(raw, C_Sign(session, data, 4, signature, &mut length)),
            CKR_OK
        );
    };
    let Some(traffic) = traffic_of(test_name!(), child) else {
        return;
    };
    assert_eq!(traffic.signatures, 1);
}

#[test]
fn threads_do_not_wait_for_each_other_and_share_one_list() {
    const THREADS: usize = 8;
    const SIGNATURES: usize = 5;
    let child = || {
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        let start = std::sync::Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let session = module.open_ro_session(slot(&module)).unwrap();
                    start.wait();
                    assert_eq!(objects(&session).len(), 12);
                });
            }
        });
        let pin = AuthPin::new("CONFIG".into());
        session.login(UserType::User, Some(&pin)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let session = module.open_ro_session(slot(&module)).unwrap();
                    let key = session
                        .find_objects(&[PRIVATE_KEY, id("demo/p-256")])
                        .unwrap()[0];
                    start.wait();
                    for _ in 0..SIGNATURES {
                        session.sign(&Mechanism::Ecdsa, key, &[7; 32]).unwrap();
                    }
                });
            }
        });
    };
    let Some(traffic) = traffic_of(test_name!(), child) else {
        return;
    };
    assert_eq!(traffic.lists, 1);
    assert_eq!(traffic.signatures, THREADS * SIGNATURES);
    assert!(traffic.connections <= THREADS, "{traffic:?}");
}

#[test]
fn a_connection_that_the_service_closed_meanwhile_is_replaced_before_the_request() {
    let prepare = || {
        let free = free_address();
        let url = ("SIGNPATH_API_URL".to_owned(), format!("http://{free}/Api"));
        ((), vec![url, ("SIGNPATH_TEST_LISTEN".to_owned(), free)])
    };
    let child = || {
        let listen: SocketAddr = std::env::var("SIGNPATH_TEST_LISTEN")
            .unwrap()
            .parse()
            .unwrap();
        let start = || {
            Service::start(Options {
                listen,
                ..options()
            })
            .unwrap()
        };
        let mut service = start();
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        let pin = format!("{}:{}", service.organization_id(), service.token());
        session
            .login(UserType::User, Some(&AuthPin::new(pin.into())))
            .unwrap();
        let key = session
            .find_objects(&[PRIVATE_KEY, id("demo/p-256")])
            .unwrap()[0];
        for _ in 0..5 {
            service.stop();
            service = start();
            session.sign(&Mechanism::Ecdsa, key, &[7; 32]).unwrap();
            assert_eq!(traffic(&service.requests()).signatures, 1);
        }
    };
    let Some(((), run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
}
