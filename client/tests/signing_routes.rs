//! Which of the two routes signs, and how often a missing one is requested.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs11_test::{Effect, Fault, Service};
use signpath_client::{
    Cancellation, Client, Credentials, ErrorKind, Options, PolicyList, Result, Retry, Secret,
    SigningApi, Threads, Transport,
};
use signpath_crypto::{HashAlgorithm, SignatureAlgorithm};

const LIST: &str = "GET /Cryptoki/MySigningPolicies";
const FAST: &str = "POST /SigningRequests";
const SIGN_HASH: &str = "POST /SigningRequests/SignHash";

const RETIRED: &str = r#"{"title": "Gone", "status": 410, "detail": "Use SignHash."}"#;

fn service() -> Service {
    let directory = concat!(env!("CARGO_TARGET_TMPDIR"), "/service");
    Service::start(pkcs11_test::Options::new(directory)).unwrap()
}

/// A client and its list of signing policies.
struct User(Client, PolicyList);

impl User {
    fn new(service: &Service, api: SigningApi) -> Self {
        let url = service.api_url().parse().unwrap();
        let options = Options { signing_api: api, ..Options::new(url) };
        let credentials = Credentials {
            organization_id: service.organization_id(),
            api_token: Secret::new(service.token().to_owned()),
        };
        let transport = Arc::new(Transport::new(options, Threads::Allowed));
        let client = Client::new(transport, &credentials, &[]);
        let list = client.signing_policies(Retry::Configured, &Cancellation::new());
        Self(client, list.unwrap())
    }

    fn sign(&self, hash: HashAlgorithm, name: &str) -> Result<Vec<u8>> {
        let mut policies = self.1.clone().usable().into_iter();
        let policy = policies.find(|policy| policy.name.to_string() == name);
        let policy = policy.unwrap();
        let algorithm = match policy.public_key.as_ref().unwrap().is_rsa() {
            true => SignatureAlgorithm::RsaPkcs1,
            false => SignatureAlgorithm::Ecdsa,
        };
        let digest = hash.digest(b"what is signed");
        let signed = self.0.sign(&policy, algorithm, &digest, &Cancellation::new());
        signed.map(|signed| signed.signature)
    }

    fn sign_sha256(&self) -> Result<Vec<u8>> {
        self.sign(HashAlgorithm::Sha256, "demo/p-256")
    }
}

/// The routes of the signing requests.
fn requests(service: &Service) -> Vec<String> {
    let routes = service.requests().into_iter().map(|request| request.route);
    routes.filter(|route| route != LIST).collect()
}

fn answer(service: &Service, route: &str, status: u16, body: &str) {
    let answer = Effect::answer(status, &[], body);
    service.inject(Fault::on(route, answer)).unwrap();
}

/// `tests/signing_api` has the other ways in which a route is gone.
#[test]
fn the_fast_route_comes_first_and_replaces_sign_hash_if_that_is_gone() {
    let service = service();
    let user = User::new(&service, SigningApi::Auto);
    for gone in [None, Some(FAST), Some(SIGN_HASH), None] {
        if let Some(route) = gone {
            answer(&service, route, 410, RETIRED);
        }
        user.sign_sha256().unwrap();
    }
    let expected = [FAST, FAST, SIGN_HASH, SIGN_HASH, FAST, FAST];
    assert_eq!(requests(&service), expected);
}

#[test]
fn sign_hash_gets_no_request_for_md5() {
    for (api, expected) in [(SigningApi::SignHash, &[][..]), (SigningApi::Auto, &[FAST])] {
        let service = service();
        service.inject(Fault::gone(FAST, 410)).unwrap();
        let user = User::new(&service, api);
        for _ in 0..2 {
            let error = user.sign(HashAlgorithm::Md5, "demo/rsa-2048").unwrap_err();
            let reason = "SignPath's route SignHash does not sign MD5 digests; use SHA-256";
            assert_eq!((error.kind, &*error.reason), (ErrorKind::Refused, reason));
        }
        assert_eq!(requests(&service), expected, "{api:?}");
    }
}

#[test]
fn the_case_of_property_names_does_not_matter() {
    let service = service();
    let user = User::new(&service, SigningApi::SignHash);
    let base64 = STANDARD.encode(user.sign_sha256().unwrap());
    let body =
        format!(r#"{{"SigningRequestid": "1", "HASHSIGNINGRESULT": {{"Signature": "{base64}"}}}}"#);
    answer(&service, SIGN_HASH, 200, &body);
    user.sign_sha256().unwrap();

    let user = User::new(&service, SigningApi::FastSigningRequest);
    answer(&service, FAST, 200, &format!(r#"{{"signature": "{base64}"}}"#));
    user.sign_sha256().unwrap();

    let list = r#"{"SigningPolicies": [{"ProjectSlug": "demo", "SIGNINGPOLICYSLUG": "release", "Keytype": "Rsa",
        "keysizeinbits": 2048, "Unknown": [1, {}], "PublicKeyBytes": "", "certificatebytes": null}]}"#;
    answer(&service, LIST, 200, list);
    assert!(!User::new(&service, SigningApi::Auto).1.is_empty());
}
