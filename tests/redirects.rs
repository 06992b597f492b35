//! Redirects, which lead the API token nowhere.

mod common;

use std::net::TcpListener;

use common::{
    LIST, SIGN, code, environment, in_child, initialized, private_key, said, say, service, slot,
    traffic,
};
use cryptoki::mechanism::Mechanism;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use pkcs11_test::{Effect, Fault};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

#[test]
fn a_redirect_is_not_followed_to_another_origin_nor_to_the_same() {
    let prepare = || {
        let service = service();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        other.set_nonblocking(true).unwrap();
        let elsewhere = format!("http://{}/Api", other.local_addr().unwrap());
        let same = format!("{}/elsewhere", service.api_url());
        // The last one of each route is well.
        for location in [&elsewhere, &same, "/Api/elsewhere"] {
            for status in STATUSES {
                for route in [LIST, SIGN] {
                    let redirect = Effect::redirect(status, location);
                    service.inject(Fault::on(route, redirect)).unwrap();
                }
            }
        }
        let environment = environment(&service, &[]);
        ((service, other), environment)
    };
    let child = || {
        let module = initialized();
        let session = module.open_ro_session(slot(&module)).unwrap();
        let pin = AuthPin::new("CONFIG".into());
        let login = || session.login(UserType::User, Some(&pin));
        for _ in 0..3 * STATUSES.len() {
            say(&code(login()));
        }
        login().unwrap();
        let key = private_key(&session, "demo/p-256");
        let sign = || session.sign(&Mechanism::Ecdsa, key, &[7; 32]);
        for _ in 0..3 * STATUSES.len() {
            say(&code(sign()));
        }
        sign().unwrap();
    };
    let Some(((service, other), run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let redirects = 3 * STATUSES.len();
    assert_eq!(said(&run.stdout), vec!["CKR_GENERAL_ERROR"; 2 * redirects]);
    let nobody = other.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{nobody}");
    // Any other route would not be counted, but panic.
    let traffic = traffic(&service.requests());
    assert_eq!(traffic.lists, redirects + 1);
    assert_eq!(traffic.signatures, redirects + 1);
    for line in run.lines() {
        assert!(line.contains("the API token must not be sent to"), "{line}");
    }
}
