//! The cost of finding and reading objects.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pkcs11_test::{Effect, Fault};
use serde_json::{Value, json};
use signpath_client::{Options, Secret, Threads};
use signpath_config::{ApiToken, Config};

use super::*;
use crate::object::examined;
use crate::token::Login;

/// The generator of P-256 as a SubjectPublicKeyInfo (SEC 2, section 2.4.2).
const KEY: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\
    \xce\x3d\x03\x01\x07\x03\x42\x00\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\
    \xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x4f\xe3\x42\
    \xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\
    \xb6\x40\x68\x37\xbf\x51\xf5";

/// A token with `policies` signing policies, named `demo/0` and so on, and a logged-in user.
fn token(policies: usize) -> Token {
    let state = tempfile::tempdir().unwrap();
    let options = pkcs11_test::Options::new(state.path());
    let service = pkcs11_test::Service::start(pkcs11_test::Options {
        policies: pkcs11_test::PolicyFile::parse(r#"{"policies": []}"#).unwrap(),
        ..options
    })
    .unwrap();
    let key = BASE64_STANDARD.encode(KEY);
    let entry = |number: usize| -> Value {
        json!({
            "projectSlug": "demo",
            "signingPolicySlug": number.to_string(),
            "keyType": "Ecdsa",
            "publicKeyBytes": key,
        })
    };
    let entries: Vec<_> = (0..policies).map(entry).collect();
    let list = json!({"signingPolicies": entries}).to_string();
    let list = Effect::answer(200, &[("Content-Type", "application/json")], list);
    let fault = Fault::on("GET /Cryptoki/MySigningPolicies", list);
    service.inject(fault).unwrap();
    let config = Config {
        client_options: Options::new(service.api_url().parse().unwrap()),
        organization_id: Some(service.organization_id()),
        api_token: Some(ApiToken::Given(Secret::new(service.token().to_owned()))),
        ..Config::load().unwrap()
    };
    let token = Token::new(config, Threads::Allowed).unwrap();
    let login = Login { username: b"", pin: b"CONFIG" };
    let user = token.authenticate(&login, &Cancellation::new()).unwrap();
    token.log_in(user).unwrap();
    token
}

fn named(policy: usize) -> [Attribute<'static>; 2] {
    let (class, id) = (CKO_PRIVATE_KEY.to_ne_bytes().to_vec(), format!("demo/{policy}"));
    [(CKA_CLASS, class), (CKA_ID, id.into_bytes())].map(|(id, value)| {
        let value: &'static [u8] = value.leak();
        Attribute::new(id, value.len(), move || value)
    })
}

#[test]
fn finding_one_object_costs_the_same_among_ten_times_as_many() {
    let costs = [100, 1000].map(|policies| {
        let token = token(policies);
        let template = named(policies - 1);
        let cancellation = Cancellation::new();
        let (found, search) = examined::during(|| token.find(&template, &cancellation));
        let handle = found.unwrap()[0];
        let (object, reading) = examined::during(|| token.object(handle));
        assert!(object.unwrap().matches(&template));
        let (key, signing) = examined::during(|| token.key(handle));
        assert!(key.is_ok());
        [search, reading, signing]
    });
    assert_eq!(costs[0], costs[1]);
}

#[test]
fn listing_all_objects_scales_linearly() {
    let [some, many] = [100, 1000].map(|policies| {
        let token = token(policies);
        let all = || {
            let handles = token.find(&[], &Cancellation::new()).unwrap();
            assert!(handles.len() > 2 * policies);
            for handle in handles {
                token.object(handle).unwrap();
            }
        };
        examined::during(all).1
    });
    assert!(many <= 10 * some, "{some}, {many}");
}
