//! How often the module asks the service, and over how many connections.

mod common;

use std::net::TcpListener;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use common::programs::free_address;
use common::{LIST, NOTHING, SIGN, assert_lines, on_stage, options, sign, traffic, visible};
use cryptoki_sys::*;
use pkcs11_test::harness::{boolean, ulong};
use pkcs11_test::{Effect, Fault, Gate, Options, Service, call};

#[test]
fn asks_nothing_before_it_is_needed() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let seen = stage.see(|| {
            assert_eq!(module.initialize(), CKR_OK);
            assert_eq!(call!(module, C_GetInfo(&mut CK_INFO::default())), CKR_OK);
            let slot = module.slot();
            assert_eq!(call!(module, C_GetSlotInfo(slot, &mut CK_SLOT_INFO::default())), CKR_OK);
            for mechanism in module.mechanisms() {
                module.mechanism_info(slot, mechanism).unwrap();
            }
            let session = module.session();
            session.info().unwrap();
            // None of these can exist before login.
            let of_class = |class| (CKA_CLASS, ulong(class));
            let private = (CKA_PRIVATE, boolean(true));
            for template in [of_class(CKO_PRIVATE_KEY), of_class(CKO_SECRET_KEY), private] {
                assert_eq!(session.find(&[template]).unwrap(), NOTHING);
            }
        });
        assert_eq!((seen.lines, seen.requests), (vec![], vec![]));
    });
}

#[test]
fn a_search_before_login_gives_up_soon() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let gate = Gate::new();
        let faults = [Fault::hold(LIST, &gate), Fault::on(LIST, Effect::status(503))];
        for (number, fault) in faults.into_iter().enumerate() {
            stage.inject(fault);
            let seen = stage.see(|| {
                let session = module.opened();
                for _ in 0..3 {
                    assert_eq!(visible(session), NOTHING);
                }
                assert_eq!(session.login(), CKR_OK);
                assert_ne!(visible(session), NOTHING);
                assert_eq!(module.finalize(), CKR_OK);
            });
            assert_lines(&seen.lines, &["warning: cannot show objects before login"]);
            // The service records a request that it holds once its connection is closed.
            let asked = || stage.service.requests().len();
            let expected = 2 * (number + 1);
            while asked() < expected {
                thread::yield_now();
            }
            assert_eq!(asked(), expected, "one for the search, one for the login");
        }
    });
}

#[test]
fn threads_share_one_list_and_sign_at_the_same_time() {
    const THREADS: usize = 8;
    const SIGNATURES: usize = 5;
    on_stage(test_name!(), options, &[], |stage, module| {
        let session = module.opened();
        let start = Barrier::new(THREADS);
        let in_threads = |act: &(dyn Fn() + Sync)| {
            thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(act))));
        };
        in_threads(&|| {
            let session = module.session();
            start.wait();
            assert_eq!(visible(session).len(), 12);
        });
        assert_eq!(session.login(), CKR_OK);
        in_threads(&|| {
            let key = module.session().key("demo/p-256");
            start.wait();
            for _ in 0..SIGNATURES {
                key.sign(CKM_ECDSA, &[7; 32]).unwrap();
            }
        });
        let traffic = traffic(&stage.service.requests());
        assert_eq!((traffic.lists, traffic.signatures), (1, THREADS * SIGNATURES));
        assert!(traffic.connections <= THREADS, "{traffic:?}");
    });
}

#[test]
fn replaces_a_closed_connection_before_it_sends_a_request() {
    let at = |address: &str| Options { listen: address.parse().unwrap(), ..options() };
    let anywhere = || at(&free_address());
    on_stage(test_name!(), anywhere, &[], |stage, module| {
        let key = module.logged_in().unwrap().key("demo/p-256");
        let url = stage.service.api_url().to_owned();
        let address = url.split('/').nth(2).unwrap();
        stage.service.stop();
        for _ in 0..5 {
            let mut service = Service::start(at(address)).unwrap();
            key.sign(CKM_ECDSA, &[7; 32]).unwrap();
            assert_eq!(traffic(&service.requests()).signatures, 1);
            service.stop();
        }
    });
}

/// `tests/failures` shows what is retried.
#[test]
fn retries_end_when_the_total_time_is_up() {
    let total = [("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "3")];
    on_stage(test_name!(), options, &total, |stage, module| {
        let session = module.logged_in().unwrap();
        let busy = Fault::on(SIGN, Effect::retry_after(503, 0)).always();
        stage.inject(busy);
        let started = Instant::now();
        let signed = stage.see(|| sign(session));
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(6), "{elapsed:?}");
        assert_eq!(signed.value, CKR_FUNCTION_FAILED);
        let attempts = signed.requests.len();
        assert!(attempts > 2, "{attempts}");
        let gave_up = format!("gave up after attempt {attempts} (");
        let last = signed.lines.last().unwrap();
        assert!(last.contains(&gave_up), "{last}");
    });
}

/// So the API token goes nowhere else.
#[test]
fn a_redirect_is_not_followed() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        other.set_nonblocking(true).unwrap();
        let elsewhere = format!("http://{}/Api", other.local_addr().unwrap());
        let same = format!("{}/elsewhere", stage.service.api_url());
        for location in [&elsewhere, &same, "/Api/elsewhere"] {
            for status in [301, 302, 303, 307, 308] {
                for route in [LIST, SIGN] {
                    let redirect = Effect::redirect(status, location);
                    stage.inject(Fault::on(route, redirect));
                }
                let refused = stage.see(|| {
                    let session = module.opened();
                    let login = session.login();
                    assert_eq!(session.login(), CKR_OK);
                    let key = session.key("demo/p-256");
                    let sign = || key.sign(CKM_ECDSA, &[7; 32]);
                    let signed = sign().unwrap_err();
                    sign().unwrap();
                    assert_eq!(module.finalize(), CKR_OK);
                    [login, signed]
                });
                assert_eq!(refused.value, [CKR_GENERAL_ERROR; 2], "{status} to {location}");
                assert_eq!(refused.requests, [LIST, LIST, SIGN, SIGN]);
                assert_eq!(refused.lines.len(), 2, "{:#?}", refused.lines);
                for line in refused.lines {
                    assert!(line.contains("the API token must not be sent to"), "{line}");
                }
            }
        }
        let nobody = other.accept().unwrap_err();
        assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{nobody}");
    });
}
