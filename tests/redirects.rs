//! Redirects are not followed, so the API token goes nowhere else.

mod common;

use std::net::TcpListener;

use common::{LIST, SIGN, on_stage, options};
use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault};

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
