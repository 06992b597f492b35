//! Which of the two routes signs, and how often that is found out.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::sync::Arc;

use pkcs11_test::{Effect, Fault, Service};
use signpath_client::{
    Cancellation, Client, Credentials, ErrorKind, Options, Retry, Secret, SigningApi,
    SigningPolicy, Threads, Transport,
};
use signpath_crypto::{HashAlgorithm, SignatureAlgorithm};

const LIST: &str = "GET /Cryptoki/MySigningPolicies";
const FAST: &str = "POST /SigningRequests";
const SIGN_HASH: &str = "POST /SigningRequests/SignHash";

const RETIRED: &str = r#"{"title": "Gone", "status": 410, "detail": "Use SignHash."}"#;
const NO_SUCH_POLICY: &str =
    r#"{"title": "Not Found", "status": 404, "detail": "There is no such policy."}"#;

fn service() -> Service {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/service");
    Service::start(pkcs11_test::Options::new(folder)).unwrap()
}

/// What a process has of its own.
struct Process {
    client: Client,
    policy: SigningPolicy,
}

impl Process {
    fn start(service: &Service, api: SigningApi, policy: &str) -> Self {
        let client = client(service, api);
        let listed = client.signing_policies(Retry::Configured, &Cancellation::new());
        let mut policies = listed.unwrap().usable().into_iter();
        let policy = policies
            .find(|known| known.name.to_string() == policy)
            .unwrap();
        Self { client, policy }
    }

    fn sign(&self, hash: HashAlgorithm) -> signpath_client::Result<Vec<u8>> {
        let algorithm = match self.policy.public_key.as_ref().unwrap().is_rsa() {
            true => SignatureAlgorithm::RsaPkcs1,
            false => SignatureAlgorithm::Ecdsa,
        };
        let digest = hash.digest(b"what is signed");
        self.client
            .sign(&self.policy, algorithm, &digest, &Cancellation::new())
    }
}

fn client(service: &Service, api: SigningApi) -> Client {
    let options = Options {
        signing_api: api,
        ..Options::new(service.api_url().parse().unwrap())
    };
    let credentials = Credentials {
        organization_id: service.organization_id(),
        api_token: Secret::new(service.token().to_owned()),
    };
    let transport = Transport::new(options, Threads::Allowed);
    Client::new(Arc::new(transport), &credentials, &[])
}

/// The signing requests, by their route.
fn requests(service: &Service) -> Vec<String> {
    let routes = service.requests().into_iter().map(|request| request.route);
    routes.filter(|route| route != LIST).collect()
}

#[test]
fn a_process_asks_for_a_missing_route_once() {
    for (status, body, expected) in [
        (410, "", &[FAST, SIGN_HASH, SIGN_HASH][..]),
        (410, RETIRED, &[FAST, SIGN_HASH, SIGN_HASH]),
        (404, "", &[FAST, SIGN_HASH, SIGN_HASH]),
        (405, "", &[FAST, SIGN_HASH, SIGN_HASH]),
        // The route is there, and says what is wrong.
        (404, NO_SUCH_POLICY, &[FAST, FAST]),
    ] {
        let service = service();
        service
            .inject(Fault::on(FAST, Effect::answer(status, &[], body)).always())
            .unwrap();
        let process = Process::start(&service, SigningApi::Auto, "demo/p-256");
        for _ in 0..2 {
            let signature = process.sign(HashAlgorithm::Sha256);
            assert_eq!(
                signature.is_ok(),
                expected.contains(&SIGN_HASH),
                "{status} {body}"
            );
        }
        assert_eq!(requests(&service), expected, "{status} {body}");
    }
}

#[test]
fn the_fast_route_comes_first_and_returns_if_sign_hash_goes() {
    let service = service();
    let process = Process::start(&service, SigningApi::Auto, "demo/p-256");
    process.sign(HashAlgorithm::Sha256).unwrap();
    let gone = |route| Fault::on(route, Effect::answer(410, &[], "")).times(1);
    service.inject(gone(FAST)).unwrap();
    process.sign(HashAlgorithm::Sha256).unwrap();
    service.inject(gone(SIGN_HASH)).unwrap();
    process.sign(HashAlgorithm::Sha256).unwrap();
    process.sign(HashAlgorithm::Sha256).unwrap();
    let expected = [FAST, FAST, SIGN_HASH, SIGN_HASH, FAST, FAST];
    assert_eq!(requests(&service), expected);
}

#[test]
fn sign_hash_is_not_asked_for_md5() {
    let service = service();
    for (api, expected) in [(SigningApi::SignHash, &[][..]), (SigningApi::Auto, &[FAST])] {
        service.heal();
        service.inject(Fault::gone(FAST, 410)).unwrap();
        let before = requests(&service).len();
        let process = Process::start(&service, api, "demo/rsa-2048");
        for _ in 0..2 {
            let error = process.sign(HashAlgorithm::Md5).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Refused);
            assert_eq!(
                error.reason,
                "SignPath's route SignHash does not sign MD5 digests; use SHA-256"
            );
        }
        assert_eq!(requests(&service)[before..], *expected, "{api:?}");
    }
}

#[test]
fn property_names_may_be_spelled_in_any_case() {
    let service = service();
    let process = Process::start(&service, SigningApi::SignHash, "demo/p-256");
    let signature = process.sign(HashAlgorithm::Sha256).unwrap();
    let encoded = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(signature)
    };
    let upper = format!(
        r#"{{"SigningRequestid": "1", "HASHSIGNINGRESULT": {{"Signature": "{encoded}"}}}}"#
    );
    let answer = Effect::answer(200, &[], upper);
    service
        .inject(Fault::on(SIGN_HASH, answer).times(1))
        .unwrap();
    process.sign(HashAlgorithm::Sha256).unwrap();

    let process = Process::start(&service, SigningApi::FastSigningRequest, "demo/p-256");
    let answer = Effect::answer(200, &[], format!(r#"{{"signature": "{encoded}"}}"#));
    service.inject(Fault::on(FAST, answer).times(1)).unwrap();
    process.sign(HashAlgorithm::Sha256).unwrap();

    let list = r#"{"SigningPolicies": [{"ProjectSlug": "demo", "SIGNINGPOLICYSLUG": "release", "Keytype": "Rsa",
        "keysizeinbits": 2048, "Unknown": [1, {}], "PublicKeyBytes": "", "certificatebytes": null}]}"#;
    let answer = Effect::answer(200, &[], list);
    service.inject(Fault::on(LIST, answer).times(1)).unwrap();
    let client = client(&service, SigningApi::Auto);
    let listed = client
        .signing_policies(Retry::Configured, &Cancellation::new())
        .unwrap();
    assert!(!listed.is_empty());
}
