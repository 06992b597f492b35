//! The operations of a session: which go on side by side, what ends them, and what threads that share a session get.

mod common;

use std::sync::Mutex;
use std::thread;

use common::{LIST, SIGN, on_stage, options};
use cryptoki_sys::*;
use pkcs11_test::harness::{Answer, Key, Module, Output, Rv, Session, Stage, null};
use pkcs11_test::{Effect, Fault, call};

const ENDED: CK_RV = CKR_OPERATION_NOT_INITIALIZED;
const ACTIVE: CK_RV = CKR_OPERATION_ACTIVE;
const DIGEST: [u8; 32] = [7; 32];
const HASHING: CK_MECHANISM_TYPE = CKM_ECDSA_SHA256;

/// The beginning of the digest of abc (FIPS 180-4, the example of SHA-256).
const ABC: [u8; 4] = [0xba, 0x78, 0x16, 0xbf];

/// Runs a test with a logged-in session and the keys of demo/p-256. It says how many signatures are to be requested.
fn with_keys(test: &str, signatures: usize, act: impl FnOnce(&Stage, Session, Key)) {
    on_stage(test, options, &[], |stage, t: &Module| {
        let session = t.logged_in().unwrap();
        stage.see(|| act(stage, session, session.key("demo/p-256")));
        let requests = stage.service.requests();
        let routes = requests.iter().map(|request| (&*request.route, request.connection));
        let mut expected = vec![(SIGN, 1); signatures + 1];
        expected[0] = (LIST, 1);
        assert_eq!(routes.collect::<Vec<_>>(), expected, "over one connection");
    });
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

/// Goes on with each of the six, and tells which are still active.
fn active(s: Session) -> [bool; 6] {
    let rvs = [
        s.find_next(1).into(),
        s.digest_update(b"abc"),
        s.sign_update(b"abc"),
        s.verify_update(b"abc"),
        s.sign_message(&DIGEST, None).rv,
        s.verify_message(&DIGEST, &[1; 64]),
    ];
    let known = |rv: &Rv| matches!(rv, Rv(CKR_OK | CKR_SIGNATURE_INVALID | ENDED));
    assert!(rvs.iter().all(known), "{rvs:?}");
    rvs.map(|rv| rv != ENDED)
}

#[test]
fn each_operation_begins_once_goes_on_and_ends_alone() {
    with_keys(test_name!(), 0, |_, session, key| {
        let (t, s, none) = (session.module, session.handle, null());
        let cancel = |flags| session.cancel(flags);
        // How to end the first, the second ... and whether there is an error if it is not active.
        let ends: [(&dyn Fn() -> Rv, CK_RV); 14] = table! {
            (&|| cancel(0), CKR_OK),
            (&|| cancel(CKF_ENCRYPT | CKF_GENERATE | CKF_WRAP), CKR_OK),
            (&|| cancel(CKF_FIND_OBJECTS), CKR_OK),
            (&|| cancel(CKF_DIGEST), CKR_OK),
            (&|| cancel(CKF_SIGN), CKR_OK),
            (&|| cancel(CKF_VERIFY), CKR_OK),
            (&|| cancel(CKF_MESSAGE_SIGN), CKR_OK),
            (&|| cancel(CKF_MESSAGE_VERIFY), CKR_OK),
            (&|| session.find_final(), ENDED),
            (&|| call!(t, C_DigestInit(s, none)), CKR_ARGUMENTS_BAD),
            (&|| call!(t, C_SignInit(s, none, key.private)), CKR_ARGUMENTS_BAD),
            (&|| call!(t, C_VerifyInit(s, none, key.public)), CKR_ARGUMENTS_BAD),
            (&|| call!(t, C_MessageSignInit(s, none, key.private)), CKR_ARGUMENTS_BAD),
            (&|| call!(t, C_MessageVerifyInit(s, none, key.public)), CKR_ARGUMENTS_BAD),
        };
        assert_eq!(active(session), [false; 6]);
        for (index, (end, again)) in ends.into_iter().enumerate() {
            assert_eq!(begin(session, key), [CKR_OK; 6]);
            assert_eq!(begin(session, key), [ACTIVE; 6]);
            let with_signature = session.verify_signature_init(CKM_ECDSA, key.public, &[]);
            assert_eq!(with_signature, ACTIVE);
            assert_eq!(active(session), [true; 6]);
            let ended = |of: usize| index > 1 && of == (index - 2) % 6;
            assert_eq!([end(), end()], [CKR_OK, again], "{index}");
            let expected: [bool; 6] = std::array::from_fn(|of| !ended(of));
            assert_eq!(active(session), expected, "{index}");
            assert_eq!(cancel(CK_FLAGS::MAX), CKR_OK);
            assert_eq!(active(session), [false; 6]);
        }
        assert_eq!(session.verify_init(HASHING, key.public), CKR_OK);
        let cancelled = call!(t, C_VerifySignatureInit(s, none, key.public, null(), 0));
        assert_eq!([cancelled, session.verify_update(b"abc")], [CKR_OK, ENDED]);

        assert_eq!(begin(session, key), [CKR_OK; 6]);
        assert_eq!(session.logout(), CKR_OK);
        let without_private_keys = [true, true, false, true, false, true];
        assert_eq!(active(session), without_private_keys);
    });
}

/// The return value of a call that fills a buffer, and the length that it came back with.
fn sized(output: &Output) -> (CK_RV, CK_ULONG) {
    (output.rv.0, output.length)
}

#[test]
fn each_signature_is_one_request_and_asking_for_the_length_is_none() {
    with_keys(test_name!(), 8, |stage, s, key| {
        for in_parts in [false, true] {
            assert_eq!(s.sign_init(HASHING, key.private), CKR_OK);
            if in_parts {
                assert_eq!(s.sign_update(b"abc"), CKR_OK);
            }
            let sign = |room: Option<usize>| match in_parts {
                false => s.sign_into(b"abc", room),
                true => s.sign_final_into(room),
            };
            assert_eq!(sized(&sign(None)), (CKR_OK, 64));
            assert_eq!(sized(&sign(Some(63))), (CKR_BUFFER_TOO_SMALL, 64));
            let signature = sign(Some(200));
            assert_eq!(sized(&signature), (CKR_OK, 64));
            assert_eq!(signature.buffer[64..], [0; 136], "nothing is written after the signature");
        }
        assert_eq!(s.message_sign_init(CKM_ECDSA, key.private), CKR_OK);
        let good = |signature: Output| {
            assert_eq!(sized(&signature), (CKR_OK, 64));
            assert_eq!(key.verify(CKM_ECDSA, &DIGEST, &signature.buffer), CKR_OK);
        };
        assert_eq!(sized(&s.sign_message(&DIGEST, None)), (CKR_OK, 64));
        let small = s.sign_message(&DIGEST, 63);
        assert_eq!(sized(&small), (CKR_BUFFER_TOO_SMALL, 64));
        assert_eq!(small.buffer, [0; 63], "nothing is written");
        good(s.sign_message(&DIGEST, 64));
        good(s.sign_message(&DIGEST, 64));
        // In parts: the last part comes again after a question or with more room.
        assert_eq!(s.sign_message_begin(), CKR_OK);
        assert_eq!(s.sign_message_part(&DIGEST[..7]), CKR_OK);
        let last = |room: Option<usize>| s.sign_message_last(&DIGEST[7..], room);
        assert_eq!(sized(&last(None)), (CKR_OK, 64));
        assert_eq!(sized(&last(Some(10))), (CKR_BUFFER_TOO_SMALL, 64));
        good(last(Some(64)));
        // A message that cannot be signed does not end the others.
        stage.inject(Fault::on(SIGN, Effect::status(400)));
        assert_eq!(s.sign_message(&DIGEST, 64).rv, CKR_ARGUMENTS_BAD);
        good(s.sign_message(&DIGEST, 64));
        assert_eq!(s.sign_message_begin(), CKR_OK);
        assert_eq!(s.sign_message_part(&[0; 2000]), CKR_DATA_LEN_RANGE);
        assert_eq!(s.sign_message_part(&DIGEST), ENDED);
        good(s.sign_message(&DIGEST, 64));
    });
}

#[test]
fn threads_that_share_a_session_get_a_good_signature_or_a_reason() {
    on_stage(test_name!(), options, &[], |stage, t| {
        let session = t.logged_in().unwrap();
        let key = session.key("demo/p-256");
        let signatures = Mutex::new(Vec::new());
        let sign = || -> Answer<Vec<u8>> {
            let init = session.sign_init(CKM_ECDSA, key.private);
            assert!(matches!(init, Rv(CKR_OK | ACTIVE)), "{init}");
            session.sign(&DIGEST)
        };
        let sign_often = || {
            for _ in 0..50 {
                match sign() {
                    Ok(signature) => signatures.lock().unwrap().push(signature),
                    Err(rv) => assert!(matches!(rv, Rv(ACTIVE | ENDED)), "{rv}"),
                }
            }
        };
        stage.see(|| thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(sign_often)))));
        let signatures = signatures.into_inner().unwrap();
        assert!(!signatures.is_empty());
        for signature in &signatures {
            assert_eq!(key.verify(CKM_ECDSA, &DIGEST, signature), CKR_OK);
        }
        assert_eq!(stage.service.requests().len(), 1 + signatures.len());
        // The session is as good as new.
        assert_eq!(session.sign_init(HASHING, key.private), CKR_OK);
        assert_eq!(session.sign_update(b"abc"), CKR_OK);
    });
}

#[test]
fn threads_that_cancel_and_update_a_digest_neither_hang_nor_spoil_it() {
    // The other thread may also cancel a digest that is just beginning.
    let is_known = |rv| matches!(rv, Rv(CKR_OK | ACTIVE | ENDED | CKR_FUNCTION_CANCELED));
    with_keys(test_name!(), 0, |_, s, _| {
        let digest_often = || {
            for _ in 0..2000 {
                let begun = s.digest_init(CKM_SHA256);
                let rvs = [begun, s.digest_update(b"abc"), s.cancel(CKF_DIGEST)];
                assert!(rvs.into_iter().all(is_known), "{rvs:?}");
            }
        };
        thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(digest_often))));
        assert_eq!(s.digest_init(CKM_SHA256), CKR_OK);
        assert_eq!(s.digest_update(b"abc"), CKR_OK);
        let digest = s.digest_final_into(32);
        assert_eq!(sized(&digest), (CKR_OK, 32));
        assert_eq!(digest.buffer[..4], ABC);
    });
}
