//! The operations of a session: which go on side by side, what ends them, and what threads that
//! share a session get.

mod common;

use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::raw::{self, Raw, ck, mechanism};
use common::{SIGN, Traffic, environment, in_child, options, service, traffic};
use cryptoki_sys::*;
use pkcs11_test::{Effect, Fault, Service};

const ENDED: CK_RV = CKR_OPERATION_NOT_INITIALIZED;
const ACTIVE: CK_RV = CKR_OPERATION_ACTIVE;
const DIGEST: [u8; 32] = [7; 32];

/// A logged-in session, and the keys of demo/p-256.
struct Session {
    raw: Raw,
    handle: CK_SESSION_HANDLE,
    private: CK_OBJECT_HANDLE,
    public: CK_OBJECT_HANDLE,
}

impl Session {
    fn open() -> Self {
        let raw = Raw::load();
        let handle = raw::logged_in(&raw);
        Self {
            private: raw::object(&raw, handle, CKO_PRIVATE_KEY, "demo/p-256"),
            public: raw::object(&raw, handle, CKO_PUBLIC_KEY, "demo/p-256"),
            raw,
            handle,
        }
    }

    fn find_init(&self) -> CK_RV {
        ck!(self.raw, C_FindObjectsInit(self.handle, null_mut(), 0))
    }

    fn find(&self) -> CK_RV {
        let (mut object, mut count) = (0, 0);
        ck!(
            self.raw,
            C_FindObjects(self.handle, &mut object, 1, &mut count)
        )
    }

    fn digest_init(&self) -> CK_RV {
        ck!(
            self.raw,
            C_DigestInit(self.handle, &mut mechanism(CKM_SHA256))
        )
    }

    fn digest_update(&self) -> CK_RV {
        let mut part = *b"abc";
        ck!(self.raw, C_DigestUpdate(self.handle, part.as_mut_ptr(), 3))
    }

    fn sign_init(&self) -> CK_RV {
        let mut ecdsa = mechanism(CKM_ECDSA_SHA256);
        ck!(self.raw, C_SignInit(self.handle, &mut ecdsa, self.private))
    }

    fn sign_update(&self) -> CK_RV {
        let mut part = *b"abc";
        ck!(self.raw, C_SignUpdate(self.handle, part.as_mut_ptr(), 3))
    }

    /// Calls C_Sign, C_SignFinal, C_Digest or C_DigestFinal with a buffer of `room` bytes ([`None`]
    /// for NULL), and gives what it wrote.
    fn output(
        &self,
        room: Option<usize>,
        call: impl FnOnce(*mut CK_BYTE, *mut CK_ULONG) -> CK_RV,
    ) -> (CK_RV, Vec<u8>) {
        let mut buffer = vec![0; room.unwrap_or_default()];
        let mut length = buffer.len() as CK_ULONG;
        let pointer = room.map_or(null_mut(), |_| buffer.as_mut_ptr());
        let rv = call(pointer, &mut length);
        let written = if rv == CKR_OK && room.is_some() {
            length
        } else {
            0
        };
        buffer.truncate(written as usize);
        (rv, buffer)
    }

    fn digest(&self, room: Option<usize>) -> (CK_RV, Vec<u8>) {
        let mut data = *b"abc";
        let data = data.as_mut_ptr();
        self.output(room, |digest, length| {
            ck!(self.raw, C_Digest(self.handle, data, 3, digest, length))
        })
    }

    fn digest_final(&self, room: Option<usize>) -> (CK_RV, Vec<u8>) {
        self.output(room, |digest, length| {
            ck!(self.raw, C_DigestFinal(self.handle, digest, length))
        })
    }

    fn sign(&self, room: Option<usize>) -> (CK_RV, Vec<u8>) {
        let mut data = *b"abc";
        let data = data.as_mut_ptr();
        self.output(room, |signature, length| {
            ck!(self.raw, C_Sign(self.handle, data, 3, signature, length))
        })
    }

    fn sign_final(&self, room: Option<usize>) -> (CK_RV, Vec<u8>) {
        self.output(room, |signature, length| {
            ck!(self.raw, C_SignFinal(self.handle, signature, length))
        })
    }

    fn verify(&self, signature: &mut [u8]) -> CK_RV {
        let (mut data, length) = (*b"abc", signature.len() as CK_ULONG);
        let (data, signature) = (data.as_mut_ptr(), signature.as_mut_ptr());
        ck!(self.raw, C_Verify(self.handle, data, 3, signature, length))
    }

    fn verify_init(&self) -> CK_RV {
        let mut ecdsa = mechanism(CKM_ECDSA_SHA256);
        ck!(self.raw, C_VerifyInit(self.handle, &mut ecdsa, self.public))
    }

    fn verify_update(&self) -> CK_RV {
        let mut part = *b"abc";
        ck!(self.raw, C_VerifyUpdate(self.handle, part.as_mut_ptr(), 3))
    }

    fn message_sign_init(&self, id: CK_MECHANISM_TYPE) -> CK_RV {
        let mut ecdsa = mechanism(id);
        ck!(
            self.raw,
            C_MessageSignInit(self.handle, &mut ecdsa, self.private)
        )
    }

    /// Signs [`DIGEST`] into a buffer of `room` bytes ([`None`] for NULL).
    fn sign_message(&self, room: Option<CK_ULONG>) -> (CK_RV, CK_ULONG, [u8; 64]) {
        let (mut data, mut signature) = (DIGEST, [0; 64]);
        let mut length = room.unwrap_or_default();
        let buffer = room.map_or(null_mut(), |_| signature.as_mut_ptr());
        let data = data.as_mut_ptr();
        let rv = ck!(
            self.raw,
            C_SignMessage(self.handle, null_mut(), 0, data, 32, buffer, &mut length)
        );
        (rv, length, signature)
    }

    fn sign_message_begin(&self) -> CK_RV {
        ck!(self.raw, C_SignMessageBegin(self.handle, null_mut(), 0))
    }

    /// Hands a part to C_SignMessageNext, the last one if there is a buffer.
    fn sign_message_next(&self, part: &[u8], last: Option<(*mut CK_BYTE, &mut CK_ULONG)>) -> CK_RV {
        let (data, size) = (part.as_ptr().cast_mut(), part.len() as CK_ULONG);
        let (buffer, length) = match last {
            Some((buffer, length)) => (buffer, ptr::from_mut(length)),
            None => (null_mut(), null_mut()),
        };
        ck!(
            self.raw,
            C_SignMessageNext(self.handle, null_mut(), 0, data, size, buffer, length)
        )
    }

    fn message_verify_init(&self, id: CK_MECHANISM_TYPE) -> CK_RV {
        let mut ecdsa = mechanism(id);
        ck!(
            self.raw,
            C_MessageVerifyInit(self.handle, &mut ecdsa, self.public)
        )
    }

    fn verify_message(&self, data: &[u8], signature: &[u8]) -> CK_RV {
        let (data, data_length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let (signature, length) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        ck!(
            self.raw,
            C_VerifyMessage(
                self.handle,
                null_mut(),
                0,
                data,
                data_length,
                signature,
                length
            )
        )
    }

    fn cancel(&self, flags: CK_FLAGS) -> CK_RV {
        ck!(self.raw, C_SessionCancel(self.handle, flags))
    }

    fn state(&self) -> CK_RV {
        let mut length = 0;
        ck!(
            self.raw,
            C_GetOperationState(self.handle, null_mut(), &mut length)
        )
    }

    /// Begins all six operations.
    fn begin_all(&self) {
        for begun in [
            self.find_init(),
            self.digest_init(),
            self.sign_init(),
            self.verify_init(),
            self.message_sign_init(CKM_ECDSA),
            self.message_verify_init(CKM_ECDSA),
        ] {
            assert_eq!(begun, CKR_OK);
        }
    }

    /// Goes on with each of the six, in the order of [`Session::begin_all`].
    fn go_on_with_all(&self) -> [CK_RV; 6] {
        [
            self.find(),
            self.digest_update(),
            self.sign_update(),
            self.verify_update(),
            self.sign_message(None).0,
            match self.verify_message(&DIGEST, &[1; 64]) {
                CKR_SIGNATURE_INVALID => CKR_OK,
                rv => rv,
            },
        ]
    }
}

fn with_service(test: &str, child: impl FnOnce()) -> Option<(Service, common::Run)> {
    let prepare = || {
        let service = service();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    in_child(test, prepare, child)
}

#[test]
fn a_session_searches_digests_signs_and_verifies_at_the_same_time_and_each_begins_only_once() {
    let child = || {
        let session = Session::open();
        assert_eq!(session.go_on_with_all(), [ENDED; 6]);
        session.begin_all();
        assert_eq!(session.find_init(), ACTIVE);
        assert_eq!(session.digest_init(), ACTIVE);
        assert_eq!(session.sign_init(), ACTIVE);
        assert_eq!(session.verify_init(), ACTIVE);
        assert_eq!(session.message_sign_init(CKM_ECDSA), ACTIVE);
        assert_eq!(session.message_verify_init(CKM_ECDSA), ACTIVE);
        let mut ecdsa = mechanism(CKM_ECDSA);
        let (key, none) = (session.public, null_mut());
        let init = ck!(
            session.raw,
            C_VerifySignatureInit(session.handle, &mut ecdsa, key, none, 0)
        );
        assert_eq!(init, ACTIVE);
        assert_eq!(session.go_on_with_all(), [CKR_OK; 6]);
    };
    with_service(test_name!(), child);
}

#[test]
fn an_initialization_without_a_mechanism_ends_its_own_operation_and_no_other() {
    let child = || {
        let session = Session::open();
        let (raw, handle, key) = (&session.raw, session.handle, session.private);
        let none = null_mut();
        session.begin_all();
        let cancels: [&dyn Fn() -> CK_RV; 5] = [
            &|| ck!(raw, C_DigestInit(handle, none)),
            &|| ck!(raw, C_SignInit(handle, none, key)),
            &|| ck!(raw, C_VerifyInit(handle, none, key)),
            &|| ck!(raw, C_MessageSignInit(handle, none, key)),
            &|| ck!(raw, C_MessageVerifyInit(handle, none, key)),
        ];
        for (index, cancel) in cancels.into_iter().enumerate() {
            assert_eq!(cancel(), CKR_OK);
            let mut expected = [CKR_OK; 6];
            expected[1..=index + 1].fill(ENDED);
            assert_eq!(session.go_on_with_all(), expected, "{index}");
            assert_eq!(cancel(), CKR_ARGUMENTS_BAD);
        }
        assert_eq!(session.verify_init(), CKR_OK);
        let cancel = ck!(raw, C_VerifySignatureInit(handle, none, key, null_mut(), 0));
        assert_eq!(cancel, CKR_OK);
        assert_eq!(session.verify_update(), ENDED);
    };
    with_service(test_name!(), child);
}

#[test]
fn c_session_cancel_ends_what_its_flags_name_and_ignores_what_is_not_active() {
    let child = || {
        let session = Session::open();
        session.begin_all();
        assert_eq!(session.cancel(0), CKR_OK);
        assert_eq!(
            session.cancel(CKF_ENCRYPT | CKF_GENERATE | CKF_WRAP),
            CKR_OK
        );
        assert_eq!(session.go_on_with_all(), [CKR_OK; 6]);
        let flags = [
            CKF_FIND_OBJECTS,
            CKF_DIGEST,
            CKF_SIGN,
            CKF_VERIFY,
            CKF_MESSAGE_SIGN,
            CKF_MESSAGE_VERIFY,
        ];
        for (index, flag) in flags.into_iter().enumerate() {
            assert_eq!(session.cancel(flag), CKR_OK);
            let mut expected = [CKR_OK; 6];
            expected[..=index].fill(ENDED);
            assert_eq!(session.go_on_with_all(), expected, "{index}");
            assert_eq!(session.cancel(flag), CKR_OK, "not active any more");
        }
        session.begin_all();
        assert_eq!(session.cancel(CK_FLAGS::MAX), CKR_OK);
        assert_eq!(session.go_on_with_all(), [ENDED; 6]);
    };
    with_service(test_name!(), child);
}

#[test]
fn c_logout_ends_what_uses_a_private_key_and_nothing_else() {
    let child = || {
        let session = Session::open();
        session.begin_all();
        assert_eq!(ck!(session.raw, C_Logout(session.handle)), CKR_OK);
        let expected = [CKR_OK, CKR_OK, ENDED, CKR_OK, ENDED, CKR_OK];
        assert_eq!(session.go_on_with_all(), expected);
    };
    with_service(test_name!(), child);
}

#[test]
fn the_state_of_an_operation_cannot_be_saved_and_no_state_is_good() {
    let child = || {
        let session = Session::open();
        assert_eq!(session.state(), ENDED, "nothing is active");
        assert_eq!(session.find_init(), CKR_OK);
        assert_eq!(session.message_sign_init(CKM_ECDSA), CKR_OK);
        assert_eq!(session.state(), ENDED, "nothing that could be saved");
        let begin: [&dyn Fn() -> CK_RV; 3] =
            [&|| session.digest_init(), &|| session.sign_init(), &|| {
                session.verify_init()
            }];
        for begin in begin {
            assert_eq!(begin(), CKR_OK);
            assert_eq!(session.state(), CKR_STATE_UNSAVEABLE);
            assert_eq!(session.cancel(CKF_DIGEST | CKF_SIGN | CKF_VERIFY), CKR_OK);
        }
        let mut state = [0; 16];
        let set = ck!(
            session.raw,
            C_SetOperationState(session.handle, state.as_mut_ptr(), 16, 0, 0)
        );
        assert_eq!(set, CKR_SAVED_STATE_INVALID);
    };
    with_service(test_name!(), child);
}

#[test]
fn functions_of_one_way_to_verify_leave_a_verification_of_the_other_way_alone() {
    let child = || {
        let session = Session::open();
        let (raw, handle) = (&session.raw, session.handle);
        let (mut bytes, mut ecdsa) = ([1; 64], mechanism(CKM_ECDSA));
        let bytes = bytes.as_mut_ptr();
        assert_eq!(session.verify_init(), CKR_OK);
        assert_eq!(ck!(raw, C_VerifySignature(handle, bytes, 3)), ENDED);
        assert_eq!(ck!(raw, C_VerifySignatureUpdate(handle, bytes, 3)), ENDED);
        assert_eq!(ck!(raw, C_VerifySignatureFinal(handle)), ENDED);
        let verify = ck!(raw, C_Verify(handle, bytes, 3, bytes, 64));
        assert_eq!(verify, CKR_SIGNATURE_INVALID);
        let init = ck!(
            raw,
            C_VerifySignatureInit(handle, &mut ecdsa, session.public, bytes, 64)
        );
        assert_eq!(init, CKR_OK);
        assert_eq!(ck!(raw, C_Verify(handle, bytes, 3, bytes, 64)), ENDED);
        assert_eq!(ck!(raw, C_VerifyUpdate(handle, bytes, 3)), ENDED);
        assert_eq!(ck!(raw, C_VerifyFinal(handle, bytes, 64)), ENDED);
        let verify = ck!(raw, C_VerifySignature(handle, bytes, 3));
        assert_eq!(verify, CKR_SIGNATURE_INVALID);
    };
    with_service(test_name!(), child);
}

#[test]
fn neither_form_of_an_operation_ends_one_that_was_begun_in_the_other() {
    const QUERIES: [(Option<usize>, CK_RV); 3] = [
        (None, CKR_OK),
        (Some(0), CKR_BUFFER_TOO_SMALL),
        (Some(31), CKR_BUFFER_TOO_SMALL),
    ];
    let child = || {
        let session = Session::open();
        let verified = |(rv, mut signature): (CK_RV, Vec<u8>)| {
            assert_eq!((rv, signature.len()), (CKR_OK, 64));
            assert_eq!(session.verify_init(), CKR_OK);
            assert_eq!(session.verify(&mut signature), CKR_OK, "a signature of abc");
        };
        let digested = |(rv, digest): (CK_RV, Vec<u8>)| {
            // FIPS 180-4, the example of SHA-256.
            assert_eq!((rv, &digest[..4]), (CKR_OK, &[0xba, 0x78, 0x16, 0xbf][..]));
        };
        for (room, answer) in QUERIES {
            assert_eq!(session.sign_init(), CKR_OK);
            assert_eq!(session.sign(room).0, answer);
            assert_eq!(session.sign_update(), ACTIVE);
            assert_eq!(session.sign_final(None).0, ACTIVE);
            assert_eq!(session.sign_final(Some(64)).0, ACTIVE);
            verified(session.sign(Some(64)));

            assert_eq!(session.sign_init(), CKR_OK);
            assert_eq!(session.sign_update(), CKR_OK);
            assert_eq!(session.sign(room).0, ACTIVE);
            assert_eq!(session.sign(Some(64)).0, ACTIVE);
            assert_eq!(session.sign_final(room).0, answer);
            verified(session.sign_final(Some(64)));

            assert_eq!(session.digest_init(), CKR_OK);
            assert_eq!(session.digest(room).0, answer);
            assert_eq!(session.digest_update(), ACTIVE);
            assert_eq!(session.digest_final(None).0, ACTIVE);
            assert_eq!(session.digest_final(Some(32)).0, ACTIVE);
            digested(session.digest(Some(32)));

            assert_eq!(session.digest_init(), CKR_OK);
            assert_eq!(session.digest_update(), CKR_OK);
            assert_eq!(session.digest(room).0, ACTIVE);
            assert_eq!(session.digest(Some(32)).0, ACTIVE);
            digested(session.digest_final(Some(32)));
        }
        // To ask C_SignFinal for the length is no part.
        assert_eq!(session.sign_init(), CKR_OK);
        assert_eq!(session.sign_final(None).0, CKR_OK);
        assert_eq!(session.sign_update(), CKR_OK);
        let (rv, mut signature) = session.sign_final(Some(64));
        assert_eq!(rv, CKR_OK);

        let (raw, handle) = (&session.raw, session.handle);
        let bytes = signature.as_mut_ptr();
        assert_eq!(session.verify_init(), CKR_OK);
        assert_eq!(session.verify_update(), CKR_OK);
        let verify = ck!(raw, C_Verify(handle, bytes, 3, bytes, 64));
        assert_eq!(verify, ACTIVE);
        assert_eq!(ck!(raw, C_VerifyFinal(handle, bytes, 64)), CKR_OK);
        let (mut ecdsa, mut part) = (mechanism(CKM_ECDSA_SHA256), *b"abc");
        let (key, part) = (session.public, part.as_mut_ptr());
        let init = ck!(
            raw,
            C_VerifySignatureInit(handle, &mut ecdsa, key, bytes, 64)
        );
        assert_eq!(init, CKR_OK);
        let update = ck!(raw, C_VerifySignatureUpdate(handle, part, 3));
        assert_eq!(update, CKR_OK);
        assert_eq!(ck!(raw, C_VerifySignature(handle, part, 3)), ACTIVE);
        assert_eq!(ck!(raw, C_VerifySignatureFinal(handle)), CKR_OK);
    };
    let Some((service, run)) = with_service(test_name!(), child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, 7);
    for line in [
        "C_SignUpdate: a signature that C_Sign began is active in this session; end it with C_Sign \
         [CKR_OPERATION_ACTIVE]",
        "C_Sign: a signature that C_SignUpdate began is active in this session; end it with \
         C_SignFinal [CKR_OPERATION_ACTIVE]",
    ] {
        assert!(run.stderr.contains(line), "{}", run.stderr);
    }
}

#[test]
fn each_message_is_one_signing_request_and_questions_for_the_length_are_none() {
    let child = || {
        let session = Session::open();
        assert_eq!(session.message_sign_init(CKM_ECDSA), CKR_OK);
        assert_eq!(session.message_verify_init(CKM_ECDSA), CKR_OK);
        assert_eq!(session.sign_message(None), (CKR_OK, 64, [0; 64]));
        assert_eq!(
            session.sign_message(Some(63)),
            (CKR_BUFFER_TOO_SMALL, 64, [0; 64])
        );
        for _ in 0..2 {
            let (rv, length, signature) = session.sign_message(Some(64));
            assert_eq!((rv, length), (CKR_OK, 64));
            assert_eq!(session.verify_message(&DIGEST, &signature), CKR_OK);
            assert_eq!(
                session.verify_message(&[8; 32], &signature),
                CKR_SIGNATURE_INVALID
            );
        }
        // In parts: the last part comes again after a question or with more room.
        let (mut signature, mut length) = ([0; 64], 0);
        let buffer = signature.as_mut_ptr();
        assert_eq!(session.sign_message_next(&DIGEST, None), ENDED);
        assert_eq!(session.sign_message_begin(), CKR_OK);
        assert_eq!(session.sign_message_begin(), ACTIVE);
        assert_eq!(session.sign_message(None).0, ACTIVE);
        assert_eq!(session.sign_message_next(&DIGEST[..7], None), CKR_OK);
        let rest = &DIGEST[7..];
        let asked = session.sign_message_next(rest, Some((null_mut(), &mut length)));
        assert_eq!((asked, length), (CKR_OK, 64));
        length = 10;
        let small = session.sign_message_next(rest, Some((buffer, &mut length)));
        assert_eq!((small, length), (CKR_BUFFER_TOO_SMALL, 64));
        let signed = session.sign_message_next(rest, Some((buffer, &mut length)));
        assert_eq!((signed, length), (CKR_OK, 64));
        assert_eq!(session.verify_message(&DIGEST, &signature), CKR_OK);
        assert_eq!(session.sign_message_next(rest, None), ENDED);
        let finish = || ck!(session.raw, C_MessageSignFinal(session.handle));
        assert_eq!(finish(), CKR_OK);
        assert_eq!(finish(), ENDED);
        assert_eq!(session.sign_message(Some(64)).0, ENDED);
        let finish = || ck!(session.raw, C_MessageVerifyFinal(session.handle));
        assert_eq!(finish(), CKR_OK);
        assert_eq!(finish(), ENDED);
    };
    let Some((service, _)) = with_service(test_name!(), child) else {
        return;
    };
    let expected = Traffic {
        lists: 1,
        signatures: 3,
        connections: 1,
    };
    assert_eq!(traffic(&service.requests()), expected);
}

#[test]
fn a_message_that_cannot_be_signed_does_not_end_the_others() {
    let prepare = || {
        let service = Service::start(options()).unwrap();
        let refused = Effect::status(400);
        service.inject(Fault::on(SIGN, refused)).unwrap();
        let environment = environment(&service, &[]);
        (service, environment)
    };
    let child = || {
        let session = Session::open();
        assert_eq!(session.message_sign_init(CKM_ECDSA), CKR_OK);
        assert_eq!(session.sign_message(Some(64)).0, CKR_ARGUMENTS_BAD);
        assert_eq!(session.sign_message(Some(64)).0, CKR_OK);
        assert_eq!(session.sign_message_begin(), CKR_OK);
        assert_eq!(
            session.sign_message_next(&[0; 2000], None),
            CKR_DATA_LEN_RANGE
        );
        assert_eq!(session.sign_message_next(&DIGEST, None), ENDED);
        assert_eq!(session.sign_message(Some(64)).0, CKR_OK);
    };
    let Some((service, _)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(traffic(&service.requests()).signatures, 3);
}

#[test]
fn threads_that_share_a_session_get_a_good_signature_or_a_code_that_says_why_not() {
    const THREADS: usize = 4;
    const TRIES: usize = 50;
    let child = || {
        let session = Session::open();
        assert_eq!(session.message_verify_init(CKM_ECDSA), CKR_OK);
        let signatures = std::sync::Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let raw = &session.raw;
                    for _ in 0..TRIES {
                        let mut ecdsa = mechanism(CKM_ECDSA);
                        let (handle, key) = (session.handle, session.private);
                        let init = ck!(raw, C_SignInit(handle, &mut ecdsa, key));
                        assert!(matches!(init, CKR_OK | ACTIVE), "{init:#x}");
                        let (mut data, mut signature, mut length) = (DIGEST, [0; 64], 64);
                        let (data, output) = (data.as_mut_ptr(), signature.as_mut_ptr());
                        let sign = ck!(raw, C_Sign(handle, data, 32, output, &mut length));
                        match sign {
                            CKR_OK => signatures.lock().unwrap().push(signature),
                            rv => assert!(matches!(rv, ACTIVE | ENDED), "{rv:#x}"),
                        }
                    }
                });
            }
        });
        let signatures = signatures.into_inner().unwrap();
        println!("\nsigned: {}", signatures.len());
        assert!(!signatures.is_empty());
        for signature in signatures {
            assert_eq!(session.verify_message(&DIGEST, &signature), CKR_OK);
        }
        // The session is as good as new.
        assert_eq!(session.sign_init(), CKR_OK);
        assert_eq!(session.sign_update(), CKR_OK);
    };
    let prepare = || {
        let service = service();
        let level = ("SIGNPATH_LOG_CONSOLE_LEVEL", "none");
        let environment = environment(&service, &[level]);
        (service, environment)
    };
    let Some((service, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let signed = run
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("signed: "));
    let signatures = traffic(&service.requests()).signatures;
    assert_eq!(signed, Some(&*signatures.to_string()));
}

#[test]
fn threads_that_cancel_and_update_one_digest_neither_hang_nor_mix_it_up() {
    let child = || {
        let session = Session::open();
        let finished = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let answers = [
                            session.digest_init(),
                            session.digest_update(),
                            session.cancel(CKF_DIGEST),
                        ];
                        for answer in answers {
                            // The other thread may also cancel a digest that is just beginning.
                            let answers = [CKR_OK, ACTIVE, ENDED, CKR_FUNCTION_CANCELED];
                            assert!(answers.contains(&answer), "{answer:#x}");
                        }
                    }
                    finished.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(finished.into_inner(), 2);
        assert_eq!(session.digest_init(), CKR_OK);
        assert_eq!(session.digest_update(), CKR_OK);
        let (mut digest, mut length) = ([0; 32], 32);
        let output = digest.as_mut_ptr();
        let rv = ck!(
            session.raw,
            C_DigestFinal(session.handle, output, &mut length)
        );
        assert_eq!((rv, length), (CKR_OK, 32));
        // FIPS 180-4, the example of SHA-256.
        assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
    };
    with_service(test_name!(), child);
}
