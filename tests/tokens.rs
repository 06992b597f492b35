//! Several tokens: each has its own slot, label, login, sessions, objects and service.

mod common;
#[path = "common/openssl.rs"]
mod openssl;

use std::io::Read;
use std::net::TcpListener;
use std::thread;

use common::{LIST, ONE_ATTEMPT, SIGN, assert_lines, on_stage, options};
use cryptoki_sys::*;
use openssl::Padding;
use pkcs11_test::harness::{Module, Rv, Session, Stage, ulong};
use pkcs11_test::{Options, PolicyFile, Service, call};
use serde_json::{Value, json};

const PARTNER_TOKEN: &str = "cGFydG5lcidzIHRva2VuLCBub2JvZHkgZWxzZSdz";

/// A service of another organization, with one signing policy.
fn partner() -> Service {
    let policies = json!({
        "organizationId": "7d1c5a2e-90b4-4f0e-8a77-000000000000",
        "users": [{"name": "partner", "token": PARTNER_TOKEN}],
        "policies": [{"project": "partner", "policy": "p-256", "key": "p-256"}],
    });
    let policies = PolicyFile::parse(&policies.to_string()).unwrap();
    Service::start(Options { policies, ..options() }).unwrap()
}

/// Initializes the module with these entries of the setting Tokens, beside the environment of the stage.
fn initialize(stage: &Stage, module: &Module, tokens: &Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({ "Tokens": tokens }).to_string()).unwrap();
    stage.set("SIGNPATH_CONFIG_FILE", file.path().to_str().unwrap());
    assert_eq!(module.initialize(), CKR_OK);
}

fn open(module: &Module, slot: CK_SLOT_ID) -> Session<'_> {
    module.open(slot, CKF_SERIAL_SESSION).unwrap()
}

fn slots(module: &Module) -> Vec<CK_SLOT_ID> {
    let (mut slots, mut count) = (vec![0; 16], 16);
    let rv = call!(module, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count));
    assert_eq!(rv, CKR_OK);
    slots.truncate(count as usize);
    slots
}

fn info(module: &Module, slot: CK_SLOT_ID) -> CK_TOKEN_INFO {
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(module, C_GetTokenInfo(slot, &mut info)), CKR_OK);
    info
}

/// What a call answers that says why on stderr.
fn refused(stage: &Stage, call: impl FnOnce() -> Rv) -> Rv {
    let seen = stage.see(call);
    assert_eq!(seen.lines.len(), 1, "{:#?}", seen.lines);
    seen.value
}

fn text(field: &[CK_UTF8CHAR]) -> &str {
    std::str::from_utf8(field).unwrap().trim_end()
}

/// The names of the private keys.
fn keys(session: Session) -> Vec<String> {
    let found = session.find(&[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))]).unwrap();
    let label = |key: &CK_OBJECT_HANDLE| {
        String::from_utf8(session.attribute(*key, CKA_LABEL).unwrap()).unwrap()
    };
    found.iter().map(label).collect()
}

#[test]
fn each_token_has_its_slot_and_its_keys() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let partner = partner();
        let tokens = json!([
            {"Label": "SignPath"},
            {"Label": "Demo", "ProjectSlug": "demo", "SigningPolicySlug": "p-256"},
            {"Label": "Partner", "OrganizationId": partner.organization_id(), "ApiToken": PARTNER_TOKEN,
             "ApiUrl": partner.api_url()},
        ]);
        initialize(stage, module, &tokens);
        assert_eq!(slots(module), [1, 2, 3]);
        let label_and_serial = |slot| {
            let info = info(module, slot);
            [&info.label[..], &info.serialNumber].map(|field| text(field).to_owned())
        };
        let [first, second, third] = [1, 2, 3].map(label_and_serial);
        // gpg's key stubs hold the first token's serial number.
        assert_eq!(first, ["SignPath", "1"]);
        assert_eq!([&*second[0], &third[0]], ["Demo", "Partner"]);
        assert!(second[1].len() == 16 && third[1].len() == 16 && second[1] != third[1]);
        let none = || call!(module, C_GetTokenInfo(4, &mut CK_TOKEN_INFO::default()));
        assert_eq!(refused(stage, none), CKR_SLOT_ID_INVALID);

        let [all, demo, other] = [1, 2, 3].map(|slot| open(module, slot));
        assert_eq!([all, demo, other].map(Session::login), [CKR_OK; 3]);
        assert!(keys(all).len() > 2);
        for (session, name) in [(demo, "demo/p-256"), (other, "partner/p-256")] {
            assert_eq!(keys(session), [name]);
            let signature = session.key(name).sign(CKM_ECDSA_SHA256, b"data").unwrap();
            let certificate = session.attribute(session.certificate(name), CKA_VALUE).unwrap();
            let key = openssl::public_key(&certificate);
            openssl::verify(&key, "sha256", Padding::Ecdsa, b"data", &signature);
        }
        let users = partner.requests().into_iter().map(|request| (request.route, request.user));
        let expected = [LIST, SIGN].map(|route| (route.to_owned(), Some("partner".to_owned())));
        assert_eq!(users.collect::<Vec<_>>(), expected);
    });
}

#[test]
fn one_token_of_several_is_shown_in_its_slot() {
    let only = [("SIGNPATH_TOKEN_LABEL", "B")];
    on_stage(test_name!(), options, &only, |stage, module| {
        let tokens = json!([{"Label": "A"}, {"Label": "B", "SigningPolicySlug": "p-256"}]);
        initialize(stage, module, &tokens);
        assert_eq!(slots(module), [2]);
        assert_eq!(text(&info(module, 2).label), "B");
        let session = open(module, 2);
        assert_eq!(session.login(), CKR_OK);
        assert_eq!(keys(session), ["demo/p-256"]);
        let hidden = stage.see(|| Rv::from(module.open(1, CKF_SERIAL_SESSION)));
        assert_eq!(hidden.value, CKR_SLOT_ID_INVALID);
        assert_lines(&hidden.lines, &["no slot 1; the only slot ID is 2"]);
    });
}

#[test]
fn a_token_that_waits_for_its_service_holds_up_no_other() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let tokens = json!([{"Label": "A"}, {"Label": "B", "ApiToken": "of B", "ApiUrl": url}]);
        initialize(stage, module, &tokens);
        let waiting = open(module, 2);
        let login = thread::scope(|scope| {
            let login = scope.spawn(|| waiting.login());
            let (mut client, _) = silent.accept().unwrap();
            assert!(client.read(&mut [0; 4096]).unwrap() > 0);
            let session = open(module, 1);
            assert_eq!(session.login(), CKR_OK);
            session.key("demo/p-256").sign(CKM_ECDSA, &[7; 32]).unwrap();
            assert_eq!(call!(module, C_CloseAllSessions(1)), CKR_OK);
            assert!(!login.is_finished());
            assert_eq!(call!(module, C_CloseAllSessions(2)), CKR_OK);
            login.join().unwrap()
        });
        assert_eq!(login, CKR_SESSION_CLOSED);
    });
}

#[test]
fn logins_and_sessions_are_those_of_a_token() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let tokens = json!([{"Label": "A"}, {"Label": "B", "ProjectSlug": "demo"}]);
        initialize(stage, module, &tokens);
        let state = |session: Session| session.info().unwrap().state;
        let (a, b) = (open(module, 1), open(module, 2));
        assert_eq!((a.info().unwrap().slotID, b.info().unwrap().slotID), (1, 2));
        assert_eq!(a.login(), CKR_OK);
        assert_eq!((state(a), state(b)), (CKS_RO_USER_FUNCTIONS, CKS_RO_PUBLIC_SESSION));
        assert_eq!((a.login(), b.login()), (Rv(CKR_USER_ALREADY_LOGGED_IN), Rv(CKR_OK)));

        // An object belongs to the token of its session.
        let (of_a, of_b) = (a.key("demo/p-256"), b.key("demo/p-256"));
        assert_ne!(of_a.private, of_b.private);
        let sign = || b.sign_init(CKM_ECDSA, of_a.private);
        assert_eq!(refused(stage, sign), CKR_KEY_HANDLE_INVALID);
        let read = || b.attribute(of_a.private, CKA_LABEL).unwrap_err();
        assert_eq!(refused(stage, read), CKR_OBJECT_HANDLE_INVALID);
        let template = [
            (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
            (CKA_KEY_TYPE, ulong(CKK_EC)),
            (CKA_EC_PARAMS, a.attribute(of_a.public, CKA_EC_PARAMS).unwrap()),
            (CKA_EC_POINT, a.attribute(of_a.public, CKA_EC_POINT).unwrap()),
        ];
        let created = a.create(&template).unwrap();
        assert_eq!(refused(stage, || b.destroy(created)), CKR_OBJECT_HANDLE_INVALID);

        // Read-only sessions of one token do not keep the security officer from another one.
        assert_eq!(call!(module, C_CloseAllSessions(2)), CKR_OK);
        let b = module.open(2, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        let officer = |session: Session| refused(stage, || session.login_as(CKU_SO, b"1234"));
        assert_eq!(officer(a), CKR_SESSION_READ_ONLY_EXISTS);
        assert_eq!(officer(b), CKR_PIN_INCORRECT);
        let counts = |slot| {
            let info = info(module, slot);
            (info.ulSessionCount, info.ulRwSessionCount)
        };
        assert_eq!((counts(1), counts(2)), ((1, 0), (1, 1)));

        // Logging out, and closing the last session, concern one token.
        assert_eq!(b.login(), CKR_OK);
        assert_eq!(b.logout(), CKR_OK);
        assert_eq!((state(a), state(b)), (CKS_RO_USER_FUNCTIONS, CKS_RW_PUBLIC_SESSION));
        of_a.sign(CKM_ECDSA, &[7; 32]).unwrap();
        assert_eq!(b.login(), CKR_OK);
        assert_eq!(a.close(), CKR_OK);
        assert_eq!(state(b), CKS_RW_USER_FUNCTIONS);
        assert_eq!(state(open(module, 1)), CKS_RO_PUBLIC_SESSION);
    });
}

#[test]
fn no_api_token_reaches_the_server_of_another_token() {
    on_stage(test_name!(), options, &[ONE_ATTEMPT], |stage, module| {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let tokens = json!([{"Label": "A"}, {"Label": "B", "ApiUrl": url}]);
        initialize(stage, module, &tokens);
        let session = open(module, 2);
        let public = [(CKA_CLASS, ulong(CKO_PUBLIC_KEY))];
        assert!(session.find(&public).unwrap().is_empty());
        let organization = stage.service.organization_id();
        let logins: [&dyn Fn() -> Rv; 3] = table! {
            &|| session.login(), &|| session.login_as(CKU_USER, b""), &|| session.login_user(&organization, "CONFIG")
        };
        for login in logins {
            let refused = stage.see(login);
            assert_eq!(refused.value, CKR_PIN_INCORRECT);
            assert_lines(&refused.lines, &["the token B has no API token"]);
        }
        // A PIN of organization and token goes to the server of its slot, as the first request there.
        let talk = || {
            let (mut client, _) = server.accept().unwrap();
            let mut request = [0; 4096];
            let length = client.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]);
            assert!(request.contains("/organization/"), "{request}");
            assert!(request.contains("Bearer of-the-pin"), "{request}");
            assert!(!request.contains(stage.service.token()), "{request}");
        };
        let login = || {
            thread::scope(|scope| {
                scope.spawn(talk);
                session.login_as(CKU_USER, b"organization:of-the-pin");
            });
        };
        let requests = stage.see(login).requests;
        assert!(requests.is_empty(), "{requests:?}");
    });
}
