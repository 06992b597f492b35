//! Whom a PIN stands for: always the identity that it names, and never another.

mod common;

use std::path::Path;
use std::ptr::null_mut;

use common::raw::{Raw, ck, object, search};
use common::{LIST, SIGN, environment, in_child, options};
use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault, Options, Service};

/// `{OrganizationId}:{ApiToken}` of the second user.
const OTHER_PIN: &str = "SIGNPATH_TEST_OTHER_PIN";

/// The API token of the second user.
const OTHER_TOKEN: &str = "SIGNPATH_TEST_OTHER_TOKEN";

/// A service with two users, each with a signing policy of its own and both with a third.
fn two_users() -> Service {
    let policies = serde_json::from_str(
        r#"{"users": [{"name": "ci", "submitterOf": ["demo/p-256", "demo/p-521"]},
                      {"name": "other", "submitterOf": ["demo/p-384", "demo/p-521"]}],
            "policies": [{"project": "demo", "policy": "p-256", "key": "p-256"},
                         {"project": "demo", "policy": "p-384", "key": "p-384"},
                         {"project": "demo", "policy": "p-521", "key": "p-521"}]}"#,
    )
    .unwrap();
    Service::start(Options {
        policies,
        ..options()
    })
    .unwrap()
}

/// Runs `child` with the first user in the configuration, the second in [`OTHER_PIN`], and `more`.
fn with_two_users(
    test: &str,
    more: &[(&str, &str)],
    child: impl FnOnce(),
) -> Option<(Service, common::Run)> {
    let prepare = || {
        let service = two_users();
        let token = service.token_of("other").unwrap();
        let pin = format!("{}:{token}", service.organization_id());
        let others = [(OTHER_PIN, &*pin), (OTHER_TOKEN, token)];
        let environment = environment(&service, &[&others, more].concat());
        (service, environment)
    };
    in_child(test, prepare, child)
}

/// Who asked for the list, and who for a signature, in this order.
fn users(service: &Service) -> Vec<String> {
    service
        .requests()
        .into_iter()
        .map(|request| {
            let what = match request.route == LIST {
                true => "lists",
                false => "signs",
            };
            format!("{} {what}", request.user.unwrap_or("nobody".to_owned()))
        })
        .collect()
}

fn initialized() -> Raw {
    let raw = Raw::load();
    assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
    raw
}

fn open(raw: &Raw) -> CK_SESSION_HANDLE {
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION;
    let opened = ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
    assert_eq!(opened, CKR_OK);
    session
}

fn login(raw: &Raw, session: CK_SESSION_HANDLE, pin: &str) -> CK_RV {
    let length = pin.len() as CK_ULONG;
    let pin = pin.as_ptr().cast_mut();
    ck!(raw, C_Login(session, CKU_USER, pin, length))
}

/// Signs with the key of a policy that has a curve of `length` bytes.
fn sign(raw: &Raw, session: CK_SESSION_HANDLE, name: &str, length: usize) {
    let key = object(raw, session, CKO_PRIVATE_KEY, name);
    assert_eq!(try_to_sign(raw, session, key, length), CKR_OK);
}

fn try_to_sign(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
    length: usize,
) -> CK_RV {
    let mut mechanism = common::raw::mechanism(CKM_ECDSA);
    let mut signature = vec![0; 2 * length];
    let mut length = signature.len() as CK_ULONG;
    let mut digest = [7; 32];
    let init = ck!(raw, C_SignInit(session, &mut mechanism, key));
    assert_eq!(init, CKR_OK);
    let (digest, signature) = (digest.as_mut_ptr(), signature.as_mut_ptr());
    ck!(raw, C_Sign(session, digest, 32, signature, &mut length))
}

fn private_keys(raw: &Raw, session: CK_SESSION_HANDLE) -> usize {
    let class = CKO_PRIVATE_KEY.to_ne_bytes().to_vec();
    search(raw, session, &[(CKA_CLASS, class)]).len()
}

#[test]
fn config_an_empty_pin_and_none_are_the_configured_user_and_another_pin_is_the_one_it_names() {
    let child = || {
        let raw = initialized();
        let session = open(&raw);
        let other = std::env::var(OTHER_PIN).unwrap();
        for pin in ["CONFIG", ""] {
            assert_eq!(login(&raw, session, pin), CKR_OK);
            sign(&raw, session, "demo/p-256", 32);
            assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
        }
        let null = ck!(raw, C_Login(session, CKU_USER, null_mut(), 0));
        assert_eq!(null, CKR_OK);
        sign(&raw, session, "demo/p-521", 66);
        assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);

        assert_eq!(login(&raw, session, &other), CKR_OK);
        sign(&raw, session, "demo/p-384", 48);
        sign(&raw, session, "demo/p-521", 66);
        assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
        assert_eq!(login(&raw, session, "CONFIG"), CKR_OK);
        sign(&raw, session, "demo/p-521", 66);
    };
    let Some((service, run)) = with_two_users(test_name!(), &[], child) else {
        return;
    };
    run.assert_silent();
    assert_eq!(
        users(&service),
        [
            "ci lists",
            "ci signs",
            "ci signs",
            "ci signs",
            "other lists",
            "other signs",
            "other signs",
            "ci signs",
        ]
    );
}

#[test]
fn a_second_session_with_another_pin_stays_with_the_user_who_is_logged_in() {
    let child = || {
        let raw = initialized();
        let (first, second) = (open(&raw), open(&raw));
        let other = std::env::var(OTHER_PIN).unwrap();
        assert_eq!(login(&raw, first, "CONFIG"), CKR_OK);
        assert_eq!(login(&raw, second, &other), CKR_USER_ALREADY_LOGGED_IN);
        sign(&raw, second, "demo/p-521", 66);
        assert_eq!(ck!(raw, C_Logout(second)), CKR_OK);
        assert_eq!(login(&raw, second, &other), CKR_OK);
        sign(&raw, first, "demo/p-521", 66);
    };
    let Some((service, run)) = with_two_users(test_name!(), &[], child) else {
        return;
    };
    run.assert_silent();
    assert_eq!(
        users(&service),
        ["ci lists", "ci signs", "other lists", "other signs"]
    );
}

#[test]
fn a_refused_pin_and_a_logout_leave_no_way_to_sign_as_anybody() {
    let child = || {
        let raw = initialized();
        let session = open(&raw);
        let other = std::env::var(OTHER_PIN).unwrap();
        assert_eq!(login(&raw, session, &other), CKR_OK);
        let key = object(&raw, session, CKO_PRIVATE_KEY, "demo/p-521");
        let mut mechanism = common::raw::mechanism(CKM_ECDSA);
        let mut sign_init = || ck!(raw, C_SignInit(session, &mut mechanism, key));
        assert_eq!(sign_init(), CKR_OK);
        assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
        let (mut digest, mut signature, mut length) = ([7; 32], [0; 132], 132);
        let signed = ck!(
            raw,
            C_Sign(
                session,
                digest.as_mut_ptr(),
                32,
                signature.as_mut_ptr(),
                &mut length
            )
        );
        assert_eq!(signed, CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(sign_init(), CKR_USER_NOT_LOGGED_IN);

        let wrong = login(&raw, session, &format!("{other}x"));
        assert_eq!(wrong, CKR_PIN_INCORRECT);
        assert_eq!(private_keys(&raw, session), 0);
        assert_eq!(sign_init(), CKR_USER_NOT_LOGGED_IN);
        assert_eq!(login(&raw, session, "CONFIG"), CKR_OK);
        assert_eq!(private_keys(&raw, session), 2);
    };
    let Some((service, _)) = with_two_users(test_name!(), &[], child) else {
        return;
    };
    assert_eq!(users(&service), ["other lists", "nobody lists", "ci lists"]);
}

#[test]
fn a_list_that_is_kept_on_disk_is_shown_to_its_own_user_only() {
    let cache = tempfile::tempdir().unwrap();
    let more = [
        ("SIGNPATH_POLICY_CACHE_SECONDS", "600"),
        ("XDG_CACHE_HOME", cache.path().to_str().unwrap()),
    ];
    let child = || {
        let other = std::env::var(OTHER_PIN).unwrap();
        let raw = initialized();
        for (pin, name, length) in [
            ("CONFIG", "demo/p-256", 32),
            (&*other, "demo/p-384", 48),
            ("CONFIG", "demo/p-256", 32),
            (&*other, "demo/p-384", 48),
        ] {
            let session = open(&raw);
            assert_eq!(login(&raw, session, pin), CKR_OK);
            assert_eq!(private_keys(&raw, session), 2);
            sign(&raw, session, name, length);
            assert_eq!(ck!(raw, C_Finalize(null_mut())), CKR_OK);
            assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        }
    };
    let Some((service, run)) = with_two_users(test_name!(), &more, child) else {
        return;
    };
    run.assert_silent();
    assert_eq!(
        users(&service),
        [
            "ci lists",
            "ci signs",
            "other lists",
            "other signs",
            "ci signs",
            "other signs"
        ]
    );
}

#[test]
fn where_no_login_is_required_a_pin_wins_until_the_logout() {
    let child = || {
        let raw = initialized();
        let session = open(&raw);
        let other = std::env::var(OTHER_PIN).unwrap();
        sign(&raw, session, "demo/p-521", 66);
        let key = object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
        assert_eq!(login(&raw, session, &other), CKR_OK);
        sign(&raw, session, "demo/p-521", 66);
        assert_eq!(private_keys(&raw, session), 2);
        let mut mechanism = common::raw::mechanism(CKM_ECDSA);
        let mut sign_init = || ck!(raw, C_SignInit(session, &mut mechanism, key));
        assert_eq!(sign_init(), CKR_KEY_HANDLE_INVALID);
        assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
        sign(&raw, session, "demo/p-256", 32);
    };
    let open = [("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false")];
    let Some((service, _)) = with_two_users(test_name!(), &open, child) else {
        return;
    };
    assert_eq!(
        users(&service),
        [
            "ci lists",
            "ci signs",
            "other lists",
            "other signs",
            "ci signs"
        ]
    );
}

#[test]
fn a_user_whom_the_service_refuses_by_now_cannot_log_in_again() {
    let child = || {
        // The child's own, which it can change between two calls.
        let service = two_users();
        let pin = format!("{}:{}", service.organization_id(), service.token());
        // SAFETY: no other thread of this process reads or writes the environment now.
        unsafe { std::env::set_var("SIGNPATH_API_URL", service.api_url()) };
        let raw = initialized();
        let session = open(&raw);
        assert_eq!(login(&raw, session, &pin), CKR_OK);
        for route in [SIGN, LIST] {
            let revoked = Fault::on(route, Effect::status(401)).always();
            service.inject(revoked).unwrap();
        }
        let key = object(&raw, session, CKO_PRIVATE_KEY, "demo/p-256");
        for _ in 0..2 {
            assert_eq!(try_to_sign(&raw, session, key, 32), CKR_ARGUMENTS_BAD);
        }
        assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
        for _ in 0..2 {
            assert_eq!(login(&raw, session, &pin), CKR_PIN_INCORRECT);
        }
        service.heal();
        assert_eq!(login(&raw, session, &pin), CKR_OK);
        sign(&raw, session, "demo/p-256", 32);
    };
    let Some((_, run)) = with_two_users(test_name!(), &[], child) else {
        return;
    };
    let lines = run.lines();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for (line, function) in lines.iter().zip(["C_Sign", "C_Sign", "C_Login", "C_Login"]) {
        let start = format!("error: {function}: SignPath refused the API token (401");
        assert!(line.contains(&start), "{line}");
    }
}

#[test]
fn a_token_in_a_file_is_read_again_at_each_login_and_search_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let token = format!("file:{}", path.display());
    let prepare = || {
        let service = two_users();
        std::fs::write(&path, format!("{}\n", service.token())).unwrap();
        let other = service.token_of("other").unwrap();
        let more = [("SIGNPATH_API_TOKEN", &*token), (OTHER_TOKEN, other)];
        let environment = environment(&service, &more);
        (service, environment)
    };
    let child = || {
        let raw = initialized();
        let session = open(&raw);
        assert_eq!(login(&raw, session, "CONFIG"), CKR_OK);
        sign(&raw, session, "demo/p-521", 66);

        let path = std::env::var("SIGNPATH_API_TOKEN").unwrap();
        let path = path.strip_prefix("file:").unwrap();
        let other = std::env::var(OTHER_TOKEN).unwrap();
        std::fs::write(path, format!("{other}\r\n")).unwrap();
        sign(&raw, session, "demo/p-256", 32);
        assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);
        object(&raw, session, CKO_CERTIFICATE, "demo/p-384");
        assert_eq!(login(&raw, session, "CONFIG"), CKR_OK);
        sign(&raw, session, "demo/p-384", 48);
        assert_eq!(ck!(raw, C_Logout(session)), CKR_OK);

        std::fs::remove_file(path).unwrap();
        object(&raw, session, CKO_CERTIFICATE, "demo/p-384");
        assert_eq!(login(&raw, session, "CONFIG"), CKR_GENERAL_ERROR);
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_one_line(&[
        "C_Login: ApiToken: cannot read ",
        path.to_str().unwrap(),
        "cannot read",
    ]);
    assert_eq!(
        users(&service),
        [
            "ci lists",
            "ci signs",
            "ci signs",
            "other lists",
            "other signs"
        ]
    );
}

/// The variables that one way to write a token needs.
type Variables = Vec<(&'static str, String)>;

/// The configuration file and the token in the environment, which wins.
fn in_file(folder: &Path, content: String) -> Variables {
    let path = folder.join("signpath.json");
    std::fs::write(&path, content).unwrap();
    let path = ("SIGNPATH_CONFIG_FILE", path.display().to_string());
    vec![path, ("SIGNPATH_API_TOKEN", String::new())]
}

/// Texts as editors, shells and secret stores leave them.
const WAYS: &[fn(&Service, &Path) -> Variables] = &[
    |service, _| vec![("SIGNPATH_API_TOKEN", format!("{}\n", service.token()))],
    |service, _| {
        let token = format!("\u{feff}{}\r\n", service.token());
        vec![("SIGNPATH_API_TOKEN", token)]
    },
    |service, _| {
        vec![
            (
                "SIGNPATH_ORGANIZATION_ID",
                format!("{}\n", service.organization_id()),
            ),
            ("SIGNPATH_PROJECT_SLUG", "demo\n".to_owned()),
            ("SIGNPATH_SIGNING_POLICY_SLUG", "p-256\r\n".to_owned()),
        ]
    },
    |service, folder| {
        in_file(
            folder,
            format!("{{\"ApiToken\": \"{}\\n\"}}", service.token()),
        )
    },
    |service, folder| {
        let content = format!(
            "\u{feff}{{\"ApiToken\": \"\u{feff}{}\\r\\n\"}}",
            service.token()
        );
        in_file(folder, content)
    },
    |service, folder| {
        let path = folder.join("token");
        std::fs::write(&path, format!("\u{feff}{}\r\n", service.token())).unwrap();
        vec![("SIGNPATH_API_TOKEN", format!("file:{}", path.display()))]
    },
    |service, _| {
        let pin = format!(
            "\u{feff}{}:{}\r\n",
            service.organization_id(),
            service.token()
        );
        vec![("SIGNPATH_API_TOKEN", String::new()), (OTHER_PIN, pin)]
    },
];

#[test]
fn a_byte_order_mark_and_a_line_end_are_not_part_of_a_token() {
    for (number, way) in WAYS.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let prepare = || {
            let service = two_users();
            let mut environment = environment(&service, &[]);
            let more = way(&service, folder.path()).into_iter();
            environment.extend(more.map(|(name, value)| (name.to_owned(), value)));
            (service, environment)
        };
        let child = || {
            let raw = initialized();
            let session = open(&raw);
            let pin = std::env::var(OTHER_PIN).unwrap_or("CONFIG".to_owned());
            assert_eq!(login(&raw, session, &pin), CKR_OK);
            sign(&raw, session, "demo/p-256", 32);
        };
        let Some((service, run)) = in_child(test_name!(), prepare, child) else {
            return;
        };
        run.assert_silent();
        assert_eq!(users(&service), ["ci lists", "ci signs"], "way {number}");
    }
}
