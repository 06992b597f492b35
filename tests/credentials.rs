//! A PIN selects a user, and only that user's keys.

mod common;

use std::path::Path;

use common::{LIST, ONE_ATTEMPT, SIGN, assert_lines, on_stage, pin, visible, with_policies};
use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Rv, Session, Stage, null, ulong};
use pkcs11_test::{Effect, Fault, Options, call};

/// Two users who share a signing policy and have another one each.
fn two_users() -> Options {
    with_policies(
        r#"{"users": [{"name": "ci", "submitterOf": ["demo/p-256", "demo/p-521"]},
                      {"name": "other", "submitterOf": ["demo/p-384", "demo/p-521"]}],
            "policies": [{"project": "demo", "policy": "p-256", "key": "p-256"},
                         {"project": "demo", "policy": "p-384", "key": "p-384"},
                         {"project": "demo", "policy": "p-521", "key": "p-521"}]}"#,
    )
}

/// The first user is configured. `act` gets a session, and the PIN of the second user.
fn with_two_users(
    test: &str,
    more: &[(&str, &str)],
    act: impl FnOnce(&mut Stage, &Module, Session, &str),
) {
    on_stage(test, two_users, more, |stage, module| {
        let other = pin(&stage.service, stage.service.token_of("other").unwrap());
        assert_eq!(module.initialize(), CKR_OK);
        act(stage, module, module.session(), &other);
    });
}

/// Which user requested lists and signatures, in this order.
fn assert_asked(stage: &Stage, expected: &[&str]) {
    let requests = stage.service.requests().into_iter();
    let asked = requests.map(|request| {
        let what = ["signs", "lists"][usize::from(request.route == LIST)];
        format!("{} {what}", request.user.unwrap_or("nobody".to_owned()))
    });
    assert_eq!(asked.collect::<Vec<_>>(), expected);
}

fn login(session: Session, pin: &str) -> Rv {
    session.login_as(CKU_USER, pin.as_bytes())
}

fn sign(session: Session, name: &str) {
    let key = session.key(&format!("demo/{name}"));
    key.sign(CKM_ECDSA, &[7; 32]).unwrap();
}

fn use_pin(session: Session, pin: &str, names: &[&str]) {
    assert_eq!(login(session, pin), CKR_OK);
    names.iter().for_each(|name| sign(session, name));
    assert_eq!(session.logout(), CKR_OK);
}

fn private_keys(session: Session) -> usize {
    let keys = session.find(&[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))]);
    keys.unwrap().len()
}

#[test]
fn a_pin_is_the_configured_user_or_the_one_it_names() {
    with_two_users(test_name!(), &[], |stage, module, session, other| {
        // Before login, the certificates and public keys of the configured user.
        assert_eq!(visible(session).len(), 4);
        use_pin(session, "CONFIG", &["p-256"]);
        use_pin(session, "", &["p-256"]);
        let no_pin = call!(module, C_Login(session.handle, CKU_USER, null(), 0));
        assert_eq!(no_pin, CKR_OK);
        sign(session, "p-521");
        assert_eq!(session.logout(), CKR_OK);
        use_pin(session, other, &["p-384", "p-521"]);
        use_pin(session, "CONFIG", &["p-521"]);
        let ci = ["ci lists", "ci signs", "ci signs", "ci signs"];
        let other = ["other lists", "other signs", "other signs", "ci signs"];
        assert_asked(stage, &[ci, other].concat());
    });
}

#[test]
fn neither_a_second_login_nor_a_refused_pin_changes_the_user() {
    with_two_users(test_name!(), &[], |stage, module, first, other| {
        let second = module.session();
        assert_eq!(login(first, "CONFIG"), CKR_OK);
        assert_eq!(login(second, other), CKR_USER_ALREADY_LOGGED_IN);
        sign(second, "p-521");
        assert_eq!(second.logout(), CKR_OK);
        let wrong = stage.see(|| login(second, &format!("{other}x")));
        assert_eq!(wrong.value, CKR_PIN_INCORRECT);
        assert_eq!(private_keys(first), 0);
        assert_eq!(login(second, other), CKR_OK);
        sign(first, "p-521");
        let expected = ["ci lists", "ci signs", "nobody lists", "other lists", "other signs"];
        assert_asked(stage, &expected);
    });
}

#[test]
fn a_cached_list_is_shown_to_its_own_user_only() {
    let cache = tempfile::tempdir().unwrap();
    let more = [
        ("SIGNPATH_POLICY_CACHE_SECONDS", "600"),
        ("XDG_CACHE_HOME", cache.path().to_str().unwrap()),
    ];
    with_two_users(test_name!(), &more, |stage, module, _, other| {
        for (pin, name) in [("CONFIG", "p-256"), (other, "p-384")].repeat(2) {
            let session = module.session();
            assert_eq!(login(session, pin), CKR_OK);
            assert_eq!(private_keys(session), 2);
            sign(session, name);
            assert_eq!(module.finalize(), CKR_OK);
            assert_eq!(module.initialize(), CKR_OK);
        }
        let first = ["ci lists", "ci signs", "other lists", "other signs"];
        assert_asked(stage, &[&first[..], &["ci signs", "other signs"]].concat());
    });
}

#[test]
fn a_pin_wins_over_a_configuration_without_login() {
    let open = [("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false")];
    with_two_users(test_name!(), &open, |stage, _, session, other| {
        sign(session, "p-521");
        let key = session.private("demo/p-256");
        assert_eq!(login(session, other), CKR_OK);
        sign(session, "p-521");
        assert_eq!(private_keys(session), 2);
        let init = stage.see(|| session.sign_init(CKM_ECDSA, key));
        assert_eq!(init.value, CKR_KEY_HANDLE_INVALID);
        assert_eq!(session.logout(), CKR_OK);
        sign(session, "p-256");
        let expected = ["ci lists", "ci signs", "other lists", "other signs", "ci signs"];
        assert_asked(stage, &expected);
    });
}

#[test]
fn a_user_cannot_log_in_again_whom_the_service_refuses() {
    with_two_users(test_name!(), &[], |stage, _, session, _| {
        let pin = pin(&stage.service, stage.service.token());
        assert_eq!(login(session, &pin), CKR_OK);
        let key = session.key("demo/p-256");
        for route in [SIGN, LIST] {
            let revoked = Fault::on(route, Effect::status(401)).always();
            stage.inject(revoked);
        }
        let fail = || key.sign(CKM_ECDSA, &[7; 32]).unwrap_err();
        let signed = stage.see(|| [fail(), fail()]);
        assert_eq!(signed.value, [CKR_ARGUMENTS_BAD; 2]);
        assert_eq!(session.logout(), CKR_OK);
        let refused = stage.see(|| [login(session, &pin), login(session, &pin)]);
        assert_eq!(refused.value, [CKR_PIN_INCORRECT; 2]);
        let line = "SignPath refused the API token (401";
        assert_lines(&signed.lines, &[&*format!("error: C_Sign: {line}"); 2]);
        assert_lines(&refused.lines, &[&*format!("error: C_Login: {line}"); 2]);
        stage.service.heal();
        use_pin(session, &pin, &["p-256"]);
    });
}

/// Writes the token of a user to a file, from which the next C_Initialize takes it.
fn write_token(stage: &Stage, file: &Path, user: &str, end: &str) {
    let token = stage.service.token_of(user).unwrap();
    std::fs::write(file, format!("{token}{end}")).unwrap();
    stage.set("SIGNPATH_API_TOKEN", &format!("file:{}", file.display()));
}

#[test]
fn a_token_file_is_read_again_at_each_login() {
    on_stage(test_name!(), two_users, &[], |stage, module| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        write_token(stage, &file, "ci", "\n");
        let session = module.opened();
        assert_eq!(session.login(), CKR_OK);
        sign(session, "p-521");
        write_token(stage, &file, "other", "\r\n");
        sign(session, "p-256");
        assert_eq!(session.logout(), CKR_OK);
        session.certificate("demo/p-384");
        use_pin(session, "CONFIG", &["p-384"]);
        std::fs::remove_file(&file).unwrap();
        session.certificate("demo/p-384");
        let unreadable = stage.see(|| session.login());
        assert_eq!(unreadable.value, CKR_GENERAL_ERROR);
        let line = format!("C_Login: ApiToken: cannot read {}", file.display());
        assert_lines(&unreadable.lines, &[&line]);
        let ci = ["ci lists", "ci signs", "ci signs"];
        assert_asked(stage, &[&ci[..], &["other lists", "other signs"]].concat());
    });
}

#[test]
fn keys_stay_usable_until_a_new_token_of_the_file_has_been_tried() {
    let open = [("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false"), ONE_ATTEMPT];
    on_stage(test_name!(), two_users, &open, |stage, module| {
        let file = tempfile::NamedTempFile::new().unwrap();
        write_token(stage, file.path(), "ci", "");
        let session = module.opened();
        let key = session.key("demo/p-521");
        let is_usable = || key.sign(CKM_ECDSA, &[7; 32]).is_ok();
        write_token(stage, file.path(), "other", "");
        stage.see(|| {
            for (status, expected) in [(503, CKR_FUNCTION_FAILED), (401, CKR_ARGUMENTS_BAD)] {
                stage.inject(Fault::on(LIST, Effect::status(status)));
                assert_eq!(session.find_init(&[]), expected);
                assert_eq!(is_usable(), status == 503, "{status}");
            }
        });
        session.key("demo/p-384");
        assert!(is_usable());
        let asked = ["ci lists", "other lists", "ci signs", "other lists"];
        assert_asked(stage, &[&asked[..], &["other lists", "other signs"]].concat());
    });
}

/// Ways to write the credentials as editors, shells and secret stores leave them: variables or the PIN, with ORGANIZATION, TOKEN and
/// MARK for those, and FILE for a file with the text after it.
const WAYS: &[&[(&str, &str)]] = &table! {
    &[("SIGNPATH_API_TOKEN", "TOKEN\n"), ("SIGNPATH_ORGANIZATION_ID", "ORGANIZATION\n"),
      ("SIGNPATH_PROJECT_SLUG", "demo\n"), ("SIGNPATH_SIGNING_POLICY_SLUG", "p-256\r\n")],
    &[("SIGNPATH_API_TOKEN", "MARKTOKEN\r\n")],
    &[("SIGNPATH_API_TOKEN", "TOKEN\r"), ("SIGNPATH_ORGANIZATION_ID", "ORGANIZATION\r")],
    &[("SIGNPATH_API_TOKEN", "file:FILEMARKTOKEN\r\n")],
    &[("SIGNPATH_API_TOKEN", ""), ("SIGNPATH_CONFIG_FILE", r#"FILE{"ApiToken": "TOKEN\n"}"#)],
    &[("SIGNPATH_API_TOKEN", ""), ("SIGNPATH_CONFIG_FILE", r#"FILEMARK{"ApiToken": "MARKTOKEN\r\n"}"#)],
    &[("SIGNPATH_API_TOKEN", ""), ("PIN", "MARKORGANIZATION:TOKEN\r\n")],
};

#[test]
fn a_token_may_have_a_byte_order_mark_and_line_ending() {
    on_stage(test_name!(), two_users, &[], |stage, module| {
        let file = tempfile::NamedTempFile::new().unwrap();
        for way in WAYS {
            let usual = stage.service.environment();
            usual.iter().for_each(|(name, value)| stage.set(name, value));
            let mut pin = "CONFIG".to_owned();
            for (name, text) in *way {
                let text = text.replace("TOKEN", stage.service.token()).replace("MARK", "\u{feff}");
                let text = text.replace("ORGANIZATION", &stage.service.organization_id());
                match text.split_once("FILE") {
                    _ if *name == "PIN" => pin = text,
                    None => stage.set(name, &text),
                    Some((start, content)) => {
                        std::fs::write(file.path(), content).unwrap();
                        stage.set(name, &format!("{start}{}", file.path().display()));
                    }
                }
            }
            let seen = stage.see(|| {
                assert_eq!(module.initialize(), CKR_OK, "{way:?}");
                use_pin(module.session(), &pin, &["p-256"]);
                assert_eq!(module.finalize(), CKR_OK);
            });
            assert_lines(&seen.lines, &[]);
            assert_eq!(seen.requests, [LIST, SIGN], "{way:?}");
            way.iter().for_each(|(name, _)| stage.set(name, ""));
        }
        let requests = stage.service.requests();
        assert!(requests.iter().all(|request| request.user.as_deref() == Some("ci")));
    });
}
