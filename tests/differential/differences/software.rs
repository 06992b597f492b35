//! Verification, digests and random numbers, which the module makes itself.

use super::{FORMS, KEY_TYPE};
use crate::report::Difference;

const ENDS: &str = "a call that is no question for a length ends the operation, also one that is refused (sections \
                    5.12.2 and 5.15.2)";
const CANCELS: &str = "an initialization without a mechanism ends an active operation since PKCS #11 3.0 (section \
                       5.12.1)";

pub const VERIFYING: &[Difference] = &[
    Difference {
        reason: FORMS,
        cases: &[
            (
                "parts and one part of verify: C_Verify behind C_VerifyUpdate",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "parts and one part of verify: C_VerifyFinal behind both",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_SIGNATURE_INVALID",
            ),
        ],
    },
    Difference {
        reason: "CKR_DATA_LEN_RANGE is the code for data of a bad length (section 5.1.6)",
        cases: &[(
            "signatures of SoftHSM: * CKM_RSA_PKCS_PSS *, shorter data",
            "CKR_SIGNATURE_INVALID",
            "CKR_DATA_LEN_RANGE",
        )],
    },
    Difference {
        reason: "C_VerifyInit has a code of its own for a key's handle that is none (section 5.1.6)",
        cases: &[
            (
                "before login: no object",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_KEY_HANDLE_INVALID",
            ),
            (
                "keys to verify with: certificate",
                "CKR_KEY_FUNCTION_NOT_PERMITTED",
                "CKR_KEY_HANDLE_INVALID",
            ),
            (
                "keys to verify with: no object",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_KEY_HANDLE_INVALID",
            ),
            (
                "keys to verify with: CK_INVALID_HANDLE",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_KEY_HANDLE_INVALID",
            ),
        ],
    },
    Difference {
        reason: KEY_TYPE,
        cases: &[(
            "keys to verify with: * key for *",
            "CKR_OK",
            "CKR_KEY_TYPE_INCONSISTENT",
        )],
    },
    Difference {
        reason: "only what SignPath signs is a mechanism of the module",
        cases: &[
            (
                "keys to verify with: CKM_SHA224_RSA_PKCS",
                "CKR_OK",
                "CKR_MECHANISM_INVALID",
            ),
            (
                "keys to verify with: CKM_RSA_X_509",
                "CKR_OK",
                "CKR_MECHANISM_INVALID",
            ),
        ],
    },
    Difference {
        reason: "SoftHSM ignores a parameter of a mechanism that has none (sections 6.1 and 6.3)",
        cases: &[(
            "parameters to verify with: some for CKM_*",
            "CKR_OK",
            "CKR_MECHANISM_PARAM_INVALID",
        )],
    },
    Difference {
        reason: "CKR_MECHANISM_PARAM_INVALID is the code for invalid parameters (section 5.1.6)",
        cases: &[
            (
                "parameters to verify with: PSS, * bytes of zeros",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters to verify with: PSS, * MGF",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters to verify with: PSS, MD5",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters to verify with: PSS, hashing, other",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
        ],
    },
    Difference {
        reason: "no signature with this key has room for such a salt, which SoftHSM finds out later",
        cases: &[
            (
                "parameters to verify with: PSS, salt: a byte too long",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters to verify with: PSS, salt: as long as the modulus",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters to verify with: PSS, salt: 2^*",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters to verify with: PSS, salt: -*",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
        ],
    },
    Difference {
        reason: "SoftHSM has no SHA-3",
        cases: &[(
            "parameters to verify with: PSS, SHA3-256",
            "CKR_ARGUMENTS_BAD",
            "CKR_OK",
        )],
    },
    Difference {
        reason: ENDS,
        cases: &[
            (
                "arguments of verify: C_Verify, no data, after it",
                "CKR_OK",
                "CKR_OPERATION_NOT_INITIALIZED",
            ),
            (
                "arguments of verify: C_Verify, no signature, after it",
                "CKR_ARGUMENTS_BAD",
                "CKR_OPERATION_NOT_INITIALIZED",
            ),
        ],
    },
];

pub const DIGESTING: &[Difference] = &[
    Difference {
        reason: FORMS,
        cases: &[
            (
                "order of digest calls: C_Digest behind C_DigestUpdate",
                "CKR_OK, 32 bytes *",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "order of digest calls: C_DigestFinal behind both",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK, 32 bytes *",
            ),
            (
                "order of digest calls: C_Digest behind C_DigestUpdate, NULL",
                "CKR_OK",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "order of digest calls: C_Digest behind C_DigestUpdate, a byte too few",
                "CKR_BUFFER_TOO_SMALL",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "order of digest calls: C_DigestUpdate behind C_Digest, *",
                "CKR_OK",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "order of digest calls: C_DigestFinal behind C_Digest, *",
                "CKR_OK, 32 bytes *",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "order of digest calls: C_Digest behind C_DigestFinal behind C_Digest, *",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK, 32 bytes *",
            ),
        ],
    },
    Difference {
        reason: CANCELS,
        cases: &[
            (
                "order of digest calls: no mechanism while digesting",
                "CKR_ARGUMENTS_BAD",
                "CKR_OK",
            ),
            (
                "order of digest calls: C_Digest after it",
                "CKR_OK, 32 bytes *",
                "CKR_OPERATION_NOT_INITIALIZED",
            ),
        ],
    },
    Difference {
        reason: "SoftHSM ignores a parameter of a mechanism that has none (section 6.20)",
        cases: &[(
            "what cannot be digested: a parameter",
            "CKR_OK",
            "CKR_MECHANISM_PARAM_INVALID",
        )],
    },
    Difference {
        reason: "a session here does all of them at the same time; that an active operation prevents \
                 another is up to the token (CKR_OPERATION_ACTIVE, section 5.1.6)",
        cases: &[("while digesting: *Init", "CKR_OPERATION_ACTIVE", "CKR_OK")],
    },
    Difference {
        reason: "the operating system sees to the seed of its random numbers",
        cases: &[("random: a seed", "CKR_OK", "CKR_RANDOM_SEED_NOT_SUPPORTED")],
    },
];
