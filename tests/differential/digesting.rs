//! Digests and random numbers.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Mechanism, null};

use crate::report::{Script, shown};
use crate::{NO, RSA, places};

pub const SCRIPTS: &[Script] = &[
    ("arguments", |t, r| {
        let init = || {
            let session = t.session();
            assert_eq!(session.digest_init(CKM_SHA384), CKR_OK);
            session
        };
        let (s, cancelled, ended) = (t.session().handle, init(), init());
        let (mut data, mut length) = ([0x5a; 64], 64);
        let (d, l) = (data.as_mut_ptr(), &raw mut length);
        rows! { r;
            "C_DigestKey without C_DigestInit" => call!(t, C_DigestKey(s, 1)) => CKR_OPERATION_NOT_INITIALIZED;
            "NULL pMechanism" => call!(t, C_DigestInit(s, null())) => CKR_ARGUMENTS_BAD;
            "NULL mechanism while digesting" => call!(t, C_DigestInit(cancelled.handle, null())) => CKR_OK: CANCELS;
            "C_Digest after it" => cancelled.digest_into(b"", 48).rv => CKR_OPERATION_NOT_INITIALIZED: CANCELS;
            "NULL pData" => call!(t, C_Digest(ended.handle, null(), 4, d, l)) => CKR_ARGUMENTS_BAD;
            "C_Digest after NULL" => ended.digest_into(b"", 48).rv => CKR_OPERATION_NOT_INITIALIZED: ENDS;
            "NULL pulDigestLen" => call!(t, C_Digest(init().handle, d, 4, d, null())) => CKR_ARGUMENTS_BAD;
            "NULL pPart" => call!(t, C_DigestUpdate(init().handle, null(), 4)) => CKR_ARGUMENTS_BAD;
            "in the same buffer" => call!(t, C_Digest(init().handle, d, 64, d, l)) => CKR_OK;
            "in the same buffer, digest" => shown(&data[..48]) => "48 bytes *";
        }
    }),
    ("unsupported digests", |t, r| {
        let s = t.user();
        let (private, other) = (s.private(RSA), t.session());
        let with_parameter = Mechanism { id: CKM_SHA256, parameter: vec![1] };
        rows! { r;
            "unknown" => s.digest_init(0x7fff_0000) => CKR_MECHANISM_INVALID;
            "a signature mechanism" => s.digest_init(CKM_SHA256_RSA_PKCS) => CKR_MECHANISM_INVALID;
            "CKM_AES_CBC" => s.digest_init(CKM_AES_CBC) => CKR_MECHANISM_INVALID;
            "a parameter" => other.digest_init(&with_parameter) => CKR_MECHANISM_PARAM_INVALID: PARAMETER_IGNORED;
            @ s.digest_init(CKM_SHA256); @ s.digest_update(b"data");
            "C_DigestKey of private key" => call!(t, C_DigestKey(s.handle, private)) => CKR_KEY_INDIGESTIBLE;
            "C_DigestKey unknown object handle" => call!(t, C_DigestKey(s.handle, NO)) => CKR_KEY_HANDLE_INVALID;
            "the digest without it" => s.digest_final_into(32).bytes() => "CKR_OK, 32 bytes *";
        }
    }),
    ("random", |t, r| {
        let s = t.session().handle;
        let (mut first, mut second) = ([0; 5000], [0; 5000]);
        for bytes in [&mut first, &mut second] {
            assert_eq!(call!(t, C_GenerateRandom(s, bytes.as_mut_ptr(), 4999)), CKR_OK);
        }
        let b = places().0;
        rows! { r;
            "twice the same" => first == second => false;
            "one byte in 256 is 0" => first.iter().filter(|byte| **byte == 0).count() < 100 => true;
            "the end is written" => first[4990..4999] != [0; 9] => true;
            "and no more" => first[4999] == 0 => true;
            "no bytes" => call!(t, C_GenerateRandom(s, b, 0)) => CKR_OK;
            "NULL pRandomData" => call!(t, C_GenerateRandom(s, null(), 4)) => CKR_ARGUMENTS_BAD;
            "NULL pRandomData for 0 bytes" => call!(t, C_GenerateRandom(s, null(), 0)) => CKR_ARGUMENTS_BAD;
            "a seed" => call!(t, C_SeedRandom(s, b, 16)) => CKR_RANDOM_SEED_NOT_SUPPORTED: SEED;
            "NULL pSeed" => call!(t, C_SeedRandom(s, null(), 16)) => CKR_ARGUMENTS_BAD;
        }
    }),
];
