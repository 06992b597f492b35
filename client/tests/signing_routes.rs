//! Which of the two routes signs, and how often that is found out.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use pkcs11_test::{Effect, Fault, Service};
use signpath_client::{
    Cancellation, Client, Credentials, ErrorKind, Options, PolicyCache, Retry, Secret, SigningApi,
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
            .map(|signed| signed.signature)
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

/// Signs once as one process does that keeps the list of signing policies. Only a process of its own has another cache
/// folder.
#[test]
fn child_that_keeps_the_list() {
    let Some(url) = std::env::var_os("TEST_API_URL") else {
        return;
    };
    let variable = |name| std::env::var(name).unwrap();
    let options = Options::new(url.to_str().unwrap().parse().unwrap());
    let credentials = Credentials {
        organization_id: variable("TEST_ORGANIZATION"),
        api_token: Secret::new(variable("TEST_TOKEN")),
    };
    let client = Client::new(
        Arc::new(Transport::new(options, Threads::Allowed)),
        &credentials,
        &[],
    );
    let cache = PolicyCache::new(
        &client,
        Duration::from_secs(variable("TEST_SECONDS").parse().unwrap()),
    )
    .unwrap();
    let policies = cache.read().unwrap_or_else(|| {
        let answer = client.signing_policies(Retry::Configured, &Cancellation::new());
        cache.note(&answer);
        answer.unwrap()
    });
    let policy = policies
        .usable()
        .into_iter()
        .find(|policy| policy.name.to_string() == "demo/p-256");
    let digest = HashAlgorithm::Sha256.digest(b"what is signed");
    client
        .sign(
            &policy.unwrap(),
            SignatureAlgorithm::Ecdsa,
            &digest,
            &Cancellation::new(),
        )
        .unwrap();
}

fn run_child(service: &Service, cache: &Path, seconds: &str) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_keeps_the_list", "--nocapture"])
        .env("XDG_CACHE_HOME", cache)
        .env("TEST_API_URL", service.api_url())
        .env("TEST_ORGANIZATION", service.organization_id())
        .env("TEST_TOKEN", service.token())
        .env("TEST_SECONDS", seconds)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
}

#[test]
fn with_a_kept_list_no_process_asks_for_the_missing_route_again() {
    let (service, cache) = (service(), tempfile::tempdir().unwrap());
    service.inject(Fault::gone(FAST, 410)).unwrap();
    for _ in 0..3 {
        run_child(&service, cache.path(), "3600");
    }
    assert_eq!(requests(&service), [FAST, SIGN_HASH, SIGN_HASH, SIGN_HASH]);

    // Where nothing is kept, the fast route is asked first again.
    let folder = cache.path().join("signpath-pkcs11");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(files.len(), 2, "{files:?}");
    std::fs::remove_dir_all(folder).unwrap();
    service.heal();
    run_child(&service, cache.path(), "3600");
    assert_eq!(requests(&service).last().unwrap(), FAST);
}
