//! Digests and random numbers.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Mechanism, mechanism_name, null};

use crate::report::{Script, shown};
use crate::{NO, RSA};

const DIGESTS: [CK_MECHANISM_TYPE; 6] = [
    CKM_MD5, CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512,
];

pub const SCRIPTS: &[Script] = &[
    ("digests", |t, r| {
        let s = t.session();
        let long: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        for id in DIGESTS {
            for (case, message) in [
                ("empty", &b""[..]),
                ("short", b"abc"),
                ("a block", &long[..64]),
                ("long", &long),
            ] {
                let case = format!("{}, {case}", mechanism_name(id));
                rows! { r;
                    format!("{case}, C_DigestInit") => s.digest_init(id) => CKR_OK;
                    &case => s.digest_into(message, 64).bytes();
                    @ s.digest_init(id); @ message.chunks(1000).for_each(|part| assert_eq!(s.digest_update(part), CKR_OK));
                    format!("{case}, in parts") => s.digest_final_into(64).bytes();
                }
            }
        }
    }),
    ("order of digest calls", |t, r| {
        let s = t.session();
        let init = || s.digest_init(CKM_SHA256);
        let digest = || s.digest_into(b"data", 32).bytes();
        let update = || s.digest_update(b"data");
        let finish = || s.digest_final_into(32).bytes();
        let cancel = || call!(t, C_DigestInit(s.handle, null()));
        rows! { r;
            "C_Digest without C_DigestInit" => digest() => CKR_OPERATION_NOT_INITIALIZED;
            "C_DigestUpdate without C_DigestInit" => update() => CKR_OPERATION_NOT_INITIALIZED;
            "C_DigestFinal without C_DigestInit" => finish() => CKR_OPERATION_NOT_INITIALIZED;
            "C_DigestKey without C_DigestInit" => call!(t, C_DigestKey(s.handle, 1)) => CKR_OPERATION_NOT_INITIALIZED;
            "C_DigestInit" => init() => CKR_OK;
            "C_DigestInit, twice" => init() => CKR_OPERATION_ACTIVE;
            "C_Digest after both" => digest() => "CKR_OK, 32 bytes *";
            "C_Digest, twice" => digest() => CKR_OPERATION_NOT_INITIALIZED;
            "C_DigestInit again" => init() => CKR_OK;
            "C_DigestUpdate" => update() => CKR_OK;
            "C_DigestInit after a part" => init() => CKR_OPERATION_ACTIVE;
            "C_DigestFinal" => finish() => "CKR_OK, 32 bytes *";
            "C_DigestFinal, twice" => finish() => CKR_OPERATION_NOT_INITIALIZED;
            @ init(); @ update(); "C_Digest after C_DigestUpdate" => digest() => CKR_OPERATION_ACTIVE | "CKR_OK, 32 bytes *": FORMS;
            "C_DigestFinal after both" => finish() => "CKR_OK, 32 bytes *" | CKR_OPERATION_NOT_INITIALIZED: FORMS;
        }
        for (case, room) in [("NULL", None), ("a byte too few", Some(31))] {
            answers! { r;
                "C_Digest after C_DigestUpdate, NULL" => CKR_OPERATION_ACTIVE | CKR_OK: FORMS;
                "C_Digest after C_DigestUpdate, a byte too few" => CKR_OPERATION_ACTIVE | CKR_BUFFER_TOO_SMALL: FORMS;
            }
            let [behind, after] = ["C_DigestUpdate", "C_DigestFinal"]
                .map(|name| format!("{name} after C_Digest, {case}"));
            let digest_after = format!("C_Digest after C_DigestFinal after C_Digest, {case}");
            rows! { r;
                @ init(); @ update();
                format!("C_Digest after C_DigestUpdate, {case}") => s.digest_into(b"data", room).rv;
                @ finish(); @ init(); @ s.digest_into(b"data", room);
                behind => update() => CKR_OPERATION_ACTIVE | CKR_OK: FORMS;
                after => finish() => CKR_OPERATION_ACTIVE | "CKR_OK, 32 bytes *": FORMS;
                digest_after => digest() => "CKR_OK, 32 bytes *" | CKR_OPERATION_NOT_INITIALIZED: FORMS;
            }
        }
        rows! { r;
            @ init(); "C_DigestFinal alone" => finish() => "CKR_OK, 32 bytes *";
            "NULL mechanism" => cancel() => CKR_ARGUMENTS_BAD;
            @ init(); "NULL mechanism while digesting" => cancel() => CKR_OK | CKR_ARGUMENTS_BAD: CANCELS;
            "C_Digest after it" => digest() => CKR_OPERATION_NOT_INITIALIZED | "CKR_OK, 32 bytes *": CANCELS;
        }
    }),
    ("buffers for digests", |t, r| {
        let session = t.session();
        let (s, mut data, mut length) = (session.handle, [0x5a; 64], 64);
        let (d, l) = (data.as_mut_ptr(), &raw mut length);
        let init = || session.digest_init(CKM_SHA384);
        rows! { r;
            @ init(); "C_Digest, NULL" => session.digest_into(b"data", None) => "CKR_OK, length 48, nothing written";
            "C_Digest, no bytes" => session.digest_into(b"data", 0) => "CKR_BUFFER_TOO_SMALL, length 48, nothing written";
            "C_Digest, a byte too few" => session.digest_into(b"data", 47) => "CKR_BUFFER_TOO_SMALL, length 48, nothing written";
            "C_Digest, exact" => session.digest_into(b"data", 48) => "CKR_OK, length 48, written";
            "C_Digest, after the digest" => session.digest_into(b"data", 48) => "CKR_OPERATION_NOT_INITIALIZED, length 48, nothing written";
            @ init(); @ session.digest_update(b"data"); "C_DigestFinal, NULL" => session.digest_final_into(None)
                => "CKR_OK, length 48, nothing written";
            "C_DigestFinal, a byte too few" => session.digest_final_into(47) => "CKR_BUFFER_TOO_SMALL, length 48, nothing written";
            "C_DigestFinal, more than enough" => session.digest_final_into(64) => "CKR_OK, length 48, written";
            "C_DigestFinal, after the digest" => session.digest_final_into(48)
                => "CKR_OPERATION_NOT_INITIALIZED, length 48, nothing written";
            @ init(); "NULL data" => call!(t, C_Digest(s, null(), 4, d, l)) => CKR_ARGUMENTS_BAD;
            @ init(); "NULL length" => call!(t, C_Digest(s, d, 4, d, null())) => CKR_ARGUMENTS_BAD;
            @ init(); "NULL part" => call!(t, C_DigestUpdate(s, null(), 4)) => CKR_ARGUMENTS_BAD;
            @ init(); @ length = 64; "in the same buffer" => call!(t, C_Digest(s, d, 64, d, &mut length)) => CKR_OK;
            "in the same buffer, digest" => shown(&data[..48]) => "48 bytes *";
        }
    }),
    ("unsupported digests", |t, r| {
        let s = t.user();
        let (private, other) = (s.private(RSA), t.session());
        let with_parameter = Mechanism {
            id: CKM_SHA256,
            parameter: vec![1],
        };
        rows! { r;
            "unknown" => s.digest_init(0x7fff_0000) => CKR_MECHANISM_INVALID;
            "a signature mechanism" => s.digest_init(CKM_SHA256_RSA_PKCS) => CKR_MECHANISM_INVALID;
            "CKM_AES_CBC" => s.digest_init(CKM_AES_CBC) => CKR_MECHANISM_INVALID;
            "a parameter" => other.digest_init(&with_parameter) => CKR_MECHANISM_PARAM_INVALID | CKR_OK: DIGEST_PARAMETER;
            @ s.digest_init(CKM_SHA256); @ s.digest_update(b"data");
            "C_DigestKey of private key" => call!(t, C_DigestKey(s.handle, private)) => CKR_KEY_INDIGESTIBLE;
            "C_DigestKey unknown object handle" => call!(t, C_DigestKey(s.handle, NO)) => CKR_KEY_HANDLE_INVALID;
            "the digest without it" => s.digest_final_into(32).bytes() => "CKR_OK, 32 bytes *";
        }
    }),
    ("while digesting", |t, r| {
        let s = t.user();
        let key = s.key(RSA);
        rows! { r;
            @ s.digest_init(CKM_SHA256); "C_SignInit" => s.sign_init(CKM_SHA256_RSA_PKCS, key.private)
                => CKR_OK | CKR_OPERATION_ACTIVE: SIDE_BY_SIDE;
            "C_VerifyInit" => s.verify_init(CKM_SHA256_RSA_PKCS, key.public) => CKR_OK | CKR_OPERATION_ACTIVE: SIDE_BY_SIDE;
            "C_FindObjectsInit" => s.find_init(&[]) => CKR_OK | CKR_OPERATION_ACTIVE: SIDE_BY_SIDE;
            "C_GenerateRandom" => call!(t, C_GenerateRandom(s.handle, [0; 4].as_mut_ptr(), 4)) => CKR_OK;
            "the digest" => s.digest_into(b"data", 32).bytes() => "CKR_OK, 32 bytes *";
        }
    }),
    ("random", |t, r| {
        let s = t.session().handle;
        let (mut first, mut second) = ([0; 5000], [0; 5000]);
        for bytes in [&mut first, &mut second] {
            assert_eq!(
                call!(t, C_GenerateRandom(s, bytes.as_mut_ptr(), 4999)),
                CKR_OK
            );
        }
        let b = second.as_mut_ptr();
        rows! { r;
            "twice the same" => first == second => false;
            "one byte in 256 is 0" => first.iter().filter(|byte| **byte == 0).count() < 100 => true;
            "the end is written" => first[4990..4999] != [0; 9] => true;
            "and no more" => first[4999] == 0 => true;
            "no bytes" => call!(t, C_GenerateRandom(s, b, 0)) => CKR_OK;
            "NULL result pointer" => call!(t, C_GenerateRandom(s, null(), 4)) => CKR_ARGUMENTS_BAD;
            "NULL for 0 bytes" => call!(t, C_GenerateRandom(s, null(), 0)) => CKR_ARGUMENTS_BAD;
            "invalid session handle" => call!(t, C_GenerateRandom(NO, b, 4)) => CKR_SESSION_HANDLE_INVALID;
            "a seed" => call!(t, C_SeedRandom(s, b, 16)) => CKR_RANDOM_SEED_NOT_SUPPORTED | CKR_OK: SEED;
            "NULL seed" => call!(t, C_SeedRandom(s, null(), 16)) => CKR_ARGUMENTS_BAD;
            "a seed, invalid session handle" => call!(t, C_SeedRandom(NO, b, 16)) => CKR_SESSION_HANDLE_INVALID;
        }
    }),
];
