//! The operations of a session: which go on side by side, what ends them, and what threads that share a session get.

mod common;

use std::sync::Mutex;
use std::thread;

use common::{LIST, SIGN, in_child, module_path, options, traffic};
use cryptoki_sys::*;
use pkcs11_test::harness::{Answer, Key, Module, Output, Rv, Session, Stage, null};
use pkcs11_test::{Effect, Fault, call};

const ENDED: CK_RV = CKR_OPERATION_NOT_INITIALIZED;
const ACTIVE: CK_RV = CKR_OPERATION_ACTIVE;
const DIGEST: [u8; 32] = [7; 32];
const HASHING: CK_MECHANISM_TYPE = CKM_ECDSA_SHA256;

/// The beginning of the digest of abc (FIPS 180-4, the example of SHA-256).
const ABC: [u8; 4] = [0xba, 0x78, 0x16, 0xbf];

/// Runs a test with a logged-in session and the keys of demo/p-256, in a process of its own. It says how many signatures
/// are to be asked for.
fn on_stage(test: &str, signatures: usize, act: impl FnOnce(&Stage, Session, Key)) {
    let child = || {
        let stage = Stage::new(options(), &[]).unwrap();
        let module = Module::load(module_path());
        let session = module.logged_in().unwrap();
        act(&stage, session, session.key("demo/p-256"));
        assert_eq!(traffic(&stage.service.requests()).signatures, signatures);
    };
    in_child(test, || ((), Vec::new()), child);
}

/// The same without signatures.
fn with_keys(test: &str, act: impl FnOnce(Session, Key)) {
    on_stage(test, 0, |_, session, key| act(session, key));
}

/// Begins each of the six operations.
fn begin(s: Session, key: Key) -> [Rv; 6] {
    [
        s.find_init(&[]),
        s.digest_init(CKM_SHA256),
        s.sign_init(HASHING, key.private),
        s.verify_init(HASHING, key.public),
        s.message_sign_init(CKM_ECDSA, key.private),
        s.message_verify_init(CKM_ECDSA, key.public),
    ]
}

/// Goes on with each of the six.
fn go_on(s: Session) -> [Rv; 6] {
    [
        s.find_next(1).map_or_else(|rv| rv, |_| Rv(CKR_OK)),
        s.digest_update(b"abc"),
        s.sign_update(b"abc"),
        s.verify_update(b"abc"),
        s.sign_message(&DIGEST, None).rv,
        match s.verify_message(&DIGEST, &[1; 64]) {
            Rv(CKR_SIGNATURE_INVALID) => Rv(CKR_OK),
            rv => rv,
        },
    ]
}

/// What [`go_on`] gives when so many of the first ones have ended.
fn ended(first: usize) -> [CK_RV; 6] {
    std::array::from_fn(|index| if index < first { ENDED } else { CKR_OK })
}

#[test]
fn a_session_searches_digests_signs_and_verifies_at_the_same_time_and_each_begins_only_once() {
    with_keys(test_name!(), |s, key| {
        assert_eq!(go_on(s), [ENDED; 6]);
        assert_eq!(begin(s, key), [CKR_OK; 6]);
        assert_eq!(begin(s, key), [ACTIVE; 6]);
        assert_eq!(s.verify_signature_init(CKM_ECDSA, key.public, &[]), ACTIVE);
        assert_eq!(go_on(s), [CKR_OK; 6]);
    });
}

#[test]
fn an_initialization_without_a_mechanism_ends_its_own_operation_and_no_other() {
    with_keys(test_name!(), |session, key| {
        let (t, s, none) = (session.module, session.handle, null());
        assert_eq!(begin(session, key), [CKR_OK; 6]);
        let cancels: [&dyn Fn() -> Rv; 5] = [
            &|| call!(t, C_DigestInit(s, none)),
            &|| call!(t, C_SignInit(s, none, key.private)),
            &|| call!(t, C_VerifyInit(s, none, key.public)),
            &|| call!(t, C_MessageSignInit(s, none, key.private)),
            &|| call!(t, C_MessageVerifyInit(s, none, key.public)),
        ];
        for (index, cancel) in cancels.into_iter().enumerate() {
            assert_eq!(cancel(), CKR_OK);
            let mut expected = ended(index + 2);
            expected[0] = CKR_OK;
            assert_eq!(go_on(session), expected, "{index}");
            assert_eq!(cancel(), CKR_ARGUMENTS_BAD);
        }
        assert_eq!(session.verify_init(HASHING, key.public), CKR_OK);
        assert_eq!(
            call!(t, C_VerifySignatureInit(s, none, key.public, null(), 0)),
            CKR_OK
        );
        assert_eq!(session.verify_update(b"abc"), ENDED);
    });
}

#[test]
fn c_session_cancel_ends_what_its_flags_name_and_ignores_what_is_not_active() {
    with_keys(test_name!(), |s, key| {
        assert_eq!(begin(s, key), [CKR_OK; 6]);
        for (flags, count) in [
            (0, 0),
            (CKF_ENCRYPT | CKF_GENERATE | CKF_WRAP, 0),
            (CKF_FIND_OBJECTS, 1),
            (CKF_DIGEST, 2),
            (CKF_SIGN, 3),
            (CKF_VERIFY, 4),
            (CKF_MESSAGE_SIGN, 5),
            (CKF_MESSAGE_VERIFY, 6),
        ] {
            assert_eq!(s.cancel(flags), CKR_OK);
            assert_eq!(go_on(s), ended(count), "{flags:#x}");
            assert_eq!(s.cancel(flags), CKR_OK, "not active any more");
        }
        assert_eq!(begin(s, key), [CKR_OK; 6]);
        assert_eq!(s.cancel(CK_FLAGS::MAX), CKR_OK);
        assert_eq!(go_on(s), [ENDED; 6]);
    });
}

#[test]
fn c_logout_ends_what_uses_a_private_key_and_nothing_else() {
    with_keys(test_name!(), |s, key| {
        assert_eq!(begin(s, key), [CKR_OK; 6]);
        assert_eq!(s.logout(), CKR_OK);
        assert_eq!(go_on(s), [CKR_OK, CKR_OK, ENDED, CKR_OK, ENDED, CKR_OK]);
    });
}

#[test]
fn the_state_of_an_operation_cannot_be_saved_and_no_state_is_good() {
    with_keys(test_name!(), |s, key| {
        let state = || call!(s.module, C_GetOperationState(s.handle, null(), &mut 0));
        assert_eq!(state(), ENDED, "nothing is active");
        assert_eq!(s.find_init(&[]), CKR_OK);
        assert_eq!(s.message_sign_init(CKM_ECDSA, key.private), CKR_OK);
        assert_eq!(state(), ENDED, "nothing that could be saved");
        let begin: [&dyn Fn() -> Rv; 3] = [
            &|| s.digest_init(CKM_SHA256),
            &|| s.sign_init(HASHING, key.private),
            &|| s.verify_init(HASHING, key.public),
        ];
        for begin in begin {
            assert_eq!(begin(), CKR_OK);
            assert_eq!(state(), CKR_STATE_UNSAVEABLE);
            assert_eq!(s.cancel(CKF_DIGEST | CKF_SIGN | CKF_VERIFY), CKR_OK);
        }
        let mut state = [0; 16];
        let set = call!(
            s.module,
            C_SetOperationState(s.handle, state.as_mut_ptr(), 16, 0, 0)
        );
        assert_eq!(set, CKR_SAVED_STATE_INVALID);
    });
}

#[test]
fn functions_of_one_way_to_verify_leave_a_verification_of_the_other_way_alone() {
    with_keys(test_name!(), |session, key| {
        let (t, s, mut bytes) = (session.module, session.handle, [1; 64]);
        let b = bytes.as_mut_ptr();
        assert_eq!(session.verify_init(HASHING, key.public), CKR_OK);
        assert_eq!(call!(t, C_VerifySignature(s, b, 3)), ENDED);
        assert_eq!(call!(t, C_VerifySignatureUpdate(s, b, 3)), ENDED);
        assert_eq!(call!(t, C_VerifySignatureFinal(s)), ENDED);
        assert_eq!(session.verify(b"abc", &[1; 64]), CKR_SIGNATURE_INVALID);
        assert_eq!(
            session.verify_signature_init(CKM_ECDSA, key.public, &[1; 64]),
            CKR_OK
        );
        assert_eq!(session.verify(b"abc", &[1; 64]), ENDED);
        assert_eq!(session.verify_update(b"abc"), ENDED);
        assert_eq!(session.verify_final(&[1; 64]), ENDED);
        assert_eq!(call!(t, C_VerifySignature(s, b, 3)), CKR_SIGNATURE_INVALID);
    });
}

/// Panics unless C_… says that the other form of the signature is active, and how to end it.
fn assert_active(stage: &Stage, line: &str, act: impl FnOnce() -> Rv) {
    let seen = stage.see(act);
    assert_eq!(seen.value, ACTIVE);
    assert_eq!(
        seen.lines,
        [format!("error: {line} [CKR_OPERATION_ACTIVE]")]
    );
}

#[test]
fn neither_form_of_an_operation_ends_one_that_was_begun_in_the_other() {
    const BY_SIGN: &str =
        "a signature begun by C_Sign is active in this session; end it with C_Sign";
    const BY_UPDATE: &str =
        "a signature begun by C_SignUpdate is active in this session; end it with C_SignFinal";
    on_stage(test_name!(), 7, |stage, s, key| {
        let verified = |signature: Output| {
            let signature = signature.bytes().unwrap();
            assert_eq!(
                key.verify(HASHING, b"abc", &signature),
                CKR_OK,
                "a signature of abc"
            );
        };
        let digested = |digest: Output| assert_eq!(digest.bytes().unwrap()[..4], ABC);
        let sign = |room| s.sign_into(b"abc", room);
        let digest = |room| s.digest_into(b"abc", room);
        for (room, answer) in [
            (None, CKR_OK),
            (Some(0), CKR_BUFFER_TOO_SMALL),
            (Some(31), CKR_BUFFER_TOO_SMALL),
        ] {
            assert_eq!(s.sign_init(HASHING, key.private), CKR_OK);
            assert_eq!(sign(room).rv, answer);
            assert_active(stage, &format!("C_SignUpdate: {BY_SIGN}"), || {
                s.sign_update(b"abc")
            });
            assert_eq!(s.sign_final_into(None).rv, ACTIVE);
            assert_eq!(s.sign_final_into(64).rv, ACTIVE);
            verified(sign(Some(64)));

            assert_eq!(s.sign_init(HASHING, key.private), CKR_OK);
            assert_eq!(s.sign_update(b"abc"), CKR_OK);
            assert_active(stage, &format!("C_Sign: {BY_UPDATE}"), || sign(room).rv);
            assert_eq!(sign(Some(64)).rv, ACTIVE);
            assert_eq!(s.sign_final_into(room).rv, answer);
            verified(s.sign_final_into(64));

            assert_eq!(s.digest_init(CKM_SHA256), CKR_OK);
            assert_eq!(digest(room).rv, answer);
            assert_eq!(s.digest_update(b"abc"), ACTIVE);
            assert_eq!(s.digest_final_into(None).rv, ACTIVE);
            assert_eq!(s.digest_final_into(32).rv, ACTIVE);
            digested(digest(Some(32)));

            assert_eq!(s.digest_init(CKM_SHA256), CKR_OK);
            assert_eq!(s.digest_update(b"abc"), CKR_OK);
            assert_eq!(digest(room).rv, ACTIVE);
            assert_eq!(digest(Some(32)).rv, ACTIVE);
            digested(s.digest_final_into(32));
        }
        // To ask C_SignFinal for the length is no part.
        assert_eq!(s.sign_init(HASHING, key.private), CKR_OK);
        assert_eq!(s.sign_final_into(None).rv, CKR_OK);
        assert_eq!(s.sign_update(b"abc"), CKR_OK);
        let signature = s.sign_final_into(64).bytes().unwrap();

        assert_eq!(s.verify_init(HASHING, key.public), CKR_OK);
        assert_eq!(s.verify_update(b"abc"), CKR_OK);
        assert_eq!(s.verify(b"abc", &signature), ACTIVE);
        assert_eq!(s.verify_final(&signature), CKR_OK);
        let (t, handle, part) = (s.module, s.handle, b"abc".as_ptr().cast_mut());
        assert_eq!(
            s.verify_signature_init(HASHING, key.public, &signature),
            CKR_OK
        );
        assert_eq!(call!(t, C_VerifySignatureUpdate(handle, part, 3)), CKR_OK);
        assert_eq!(call!(t, C_VerifySignature(handle, part, 3)), ACTIVE);
        assert_eq!(call!(t, C_VerifySignatureFinal(handle)), CKR_OK);
    });
}

/// The return value of a call that fills a buffer, and the length that it came back with.
fn sized(output: &Output) -> (CK_RV, CK_ULONG) {
    (output.rv.0, output.length)
}

#[test]
fn each_message_is_one_signing_request_and_questions_for_the_length_are_none() {
    on_stage(test_name!(), 3, |stage, s, key| {
        assert_eq!(s.message_sign_init(CKM_ECDSA, key.private), CKR_OK);
        assert_eq!(s.message_verify_init(CKM_ECDSA, key.public), CKR_OK);
        let good = |signature: Output| {
            assert_eq!(sized(&signature), (CKR_OK, 64));
            assert_eq!(s.verify_message(&DIGEST, &signature.buffer), CKR_OK);
            assert_eq!(
                s.verify_message(&[8; 32], &signature.buffer),
                CKR_SIGNATURE_INVALID
            );
        };
        assert_eq!(sized(&s.sign_message(&DIGEST, None)), (CKR_OK, 64));
        let small = s.sign_message(&DIGEST, 63);
        assert_eq!(sized(&small), (CKR_BUFFER_TOO_SMALL, 64));
        assert_eq!(small.buffer, [0; 63], "nothing is written");
        good(s.sign_message(&DIGEST, 64));
        good(s.sign_message(&DIGEST, 64));
        // In parts: the last part comes again after a question or with more room.
        assert_eq!(s.sign_message_part(&DIGEST), ENDED);
        assert_eq!(s.sign_message_begin(), CKR_OK);
        assert_eq!(s.sign_message_begin(), ACTIVE);
        assert_eq!(s.sign_message(&DIGEST, None).rv, ACTIVE);
        assert_eq!(s.sign_message_part(&DIGEST[..7]), CKR_OK);
        let last = |room: Option<usize>| s.sign_message_last(&DIGEST[7..], room);
        assert_eq!(sized(&last(None)), (CKR_OK, 64));
        assert_eq!(sized(&last(Some(10))), (CKR_BUFFER_TOO_SMALL, 64));
        good(last(Some(64)));
        assert_eq!(s.sign_message_part(&DIGEST[7..]), ENDED);
        let finish = || call!(s.module, C_MessageSignFinal(s.handle));
        assert_eq!([finish(), finish()], [CKR_OK, ENDED]);
        assert_eq!(s.sign_message(&DIGEST, 64).rv, ENDED);
        let finish = || call!(s.module, C_MessageVerifyFinal(s.handle));
        assert_eq!([finish(), finish()], [CKR_OK, ENDED]);
        let requests = stage.service.requests();
        let routes = requests
            .iter()
            .map(|request| (&*request.route, request.connection));
        let expected = [(LIST, 1), (SIGN, 1), (SIGN, 1), (SIGN, 1)];
        assert_eq!(routes.collect::<Vec<_>>(), expected, "over one connection");
    });
}

#[test]
fn a_message_that_cannot_be_signed_does_not_end_the_others() {
    on_stage(test_name!(), 3, |stage, s, key| {
        let refused = Fault::on(SIGN, Effect::status(400));
        stage.service.inject(refused).unwrap();
        assert_eq!(s.message_sign_init(CKM_ECDSA, key.private), CKR_OK);
        assert_eq!(s.sign_message(&DIGEST, 64).rv, CKR_ARGUMENTS_BAD);
        assert_eq!(s.sign_message(&DIGEST, 64).rv, CKR_OK);
        assert_eq!(s.sign_message_begin(), CKR_OK);
        assert_eq!(s.sign_message_part(&[0; 2000]), CKR_DATA_LEN_RANGE);
        assert_eq!(s.sign_message_part(&DIGEST), ENDED);
        assert_eq!(s.sign_message(&DIGEST, 64).rv, CKR_OK);
    });
}

#[test]
fn threads_that_share_a_session_get_a_good_signature_or_a_code_that_says_why_not() {
    let child = || {
        let silent = [("SIGNPATH_LOG_CONSOLE_LEVEL", "none")];
        let stage = Stage::new(options(), &silent).unwrap();
        let module = Module::load(module_path());
        let session = module.logged_in().unwrap();
        let key = session.key("demo/p-256");
        let signatures = Mutex::new(Vec::new());
        let sign = || -> Answer<Vec<u8>> {
            let init = session.sign_init(CKM_ECDSA, key.private);
            assert!(matches!(init, Rv(CKR_OK | ACTIVE)), "{init}");
            session.sign(&DIGEST)
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        match sign() {
                            Ok(signature) => signatures.lock().unwrap().push(signature),
                            Err(rv) => assert!(matches!(rv, Rv(ACTIVE | ENDED)), "{rv}"),
                        }
                    }
                });
            }
        });
        let signatures = signatures.into_inner().unwrap();
        assert!(!signatures.is_empty());
        for signature in &signatures {
            assert_eq!(key.verify(CKM_ECDSA, &DIGEST, signature), CKR_OK);
        }
        let requests = traffic(&stage.service.requests()).signatures;
        assert_eq!(requests, signatures.len());
        // The session is as good as new.
        assert_eq!(session.sign_init(HASHING, key.private), CKR_OK);
        assert_eq!(session.sign_update(b"abc"), CKR_OK);
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}

#[test]
fn threads_that_cancel_and_update_one_digest_neither_hang_nor_mix_it_up() {
    // The other thread may also cancel a digest that is just beginning.
    let is_known = |rv| matches!(rv, Rv(CKR_OK | ACTIVE | ENDED | CKR_FUNCTION_CANCELED));
    with_keys(test_name!(), |s, _| {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let begun = s.digest_init(CKM_SHA256);
                        let rvs = [begun, s.digest_update(b"abc"), s.cancel(CKF_DIGEST)];
                        assert!(rvs.into_iter().all(is_known), "{rvs:?}");
                    }
                });
            }
        });
        assert_eq!(s.digest_init(CKM_SHA256), CKR_OK);
        assert_eq!(s.digest_update(b"abc"), CKR_OK);
        let digest = s.digest_final_into(32);
        assert_eq!(sized(&digest), (CKR_OK, 32));
        assert_eq!(digest.buffer[..4], ABC);
    });
}
