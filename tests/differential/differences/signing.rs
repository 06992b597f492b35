//! Signatures, and the operations that make them.

use super::{FORMS, KEY_TYPE, NO_ECDSA_SHA};
use crate::report::Difference;

pub const SIGNATURES: &[Difference] = &[Difference {
    reason: NO_ECDSA_SHA,
    cases: &[
        (
            "*: demo/p-256 CKM_ECDSA_SHA*",
            "CKR_MECHANISM_INVALID",
            "CKR_OK, 64 bytes",
        ),
        (
            "*: demo/p-384 CKM_ECDSA_SHA*",
            "CKR_MECHANISM_INVALID",
            "CKR_OK, 96 bytes",
        ),
        (
            "*: demo/p-521 CKM_ECDSA_SHA*",
            "CKR_MECHANISM_INVALID",
            "CKR_OK, 132 bytes",
        ),
    ],
}];

pub const SIGNING: &[Difference] = &[
    Difference {
        reason: "C_SignInit has a code of its own for a key's handle that is none (section 5.1.6)",
        cases: &[
            (
                "keys: certificate",
                "CKR_KEY_FUNCTION_NOT_PERMITTED",
                "CKR_KEY_HANDLE_INVALID",
            ),
            (
                "keys: no object",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_KEY_HANDLE_INVALID",
            ),
            (
                "keys: CK_INVALID_HANDLE",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_KEY_HANDLE_INVALID",
            ),
            (
                "keys: C_SignInit with no object",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_KEY_HANDLE_INVALID",
            ),
        ],
    },
    Difference {
        reason: "no handle of a private key is known before login, and nothing else can sign; \
                 cryptographic operations need the user (CKR_USER_NOT_LOGGED_IN, section 5.1.6)",
        cases: &[
            (
                "before login: certificate",
                "CKR_KEY_FUNCTION_NOT_PERMITTED",
                "CKR_KEY_HANDLE_INVALID",
            ),
            (
                "before login: no object",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_USER_NOT_LOGGED_IN",
            ),
            (
                "before login: private key of an earlier login",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_USER_NOT_LOGGED_IN",
            ),
        ],
    },
    Difference {
        reason: KEY_TYPE,
        cases: &[
            (
                "keys: EC key for CKM_*",
                "CKR_OK",
                "CKR_KEY_TYPE_INCONSISTENT",
            ),
            (
                "keys: RSA key for CKM_ECDSA",
                "CKR_OK",
                "CKR_KEY_TYPE_INCONSISTENT",
            ),
        ],
    },
    Difference {
        reason: "SignPath does not sign with it",
        cases: &[
            (
                "mechanisms: CKM_RSA_X_509",
                "CKR_OK",
                "CKR_MECHANISM_INVALID",
            ),
            (
                "mechanisms: CKM_SHA224_RSA_PKCS",
                "CKR_OK",
                "CKR_MECHANISM_INVALID",
            ),
            (
                "parameters: PSS, SHA-224",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
        ],
    },
    Difference {
        reason: "two errors apply, and either may be returned (section 5.1.7)",
        cases: &[(
            "mechanisms: unknown, and no key",
            "CKR_OBJECT_HANDLE_INVALID",
            "CKR_MECHANISM_INVALID",
        )],
    },
    Difference {
        reason: "SoftHSM ignores a parameter of a mechanism that has none (sections 6.1 and 6.3)",
        cases: &[(
            "parameters: some for CKM_*",
            "CKR_OK",
            "CKR_MECHANISM_PARAM_INVALID",
        )],
    },
    Difference {
        reason: "CKR_MECHANISM_PARAM_INVALID is the code for invalid parameters (section 5.1.6)",
        cases: &[
            (
                "parameters: PSS, none",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, NULL",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, of *",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, MD5",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, unknown *",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, a signature mechanism as the hash",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, MGF *",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, hashing, none",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, hashing, SHA-384",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, hashing, MGF *",
                "CKR_ARGUMENTS_BAD",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, hashing, too long a salt",
                "CKR_MECHANISM_INVALID",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
        ],
    },
    Difference {
        reason: "SignPath signs with a salt as long as the digest, and no other; what parameters are \
                 supported varies from token to token (CKR_MECHANISM_PARAM_INVALID, section 5.1.6)",
        cases: &[
            (
                "parameters: PSS, no salt",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, a salt *",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, the longest salt",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
            (
                "parameters: PSS, hashing, no salt",
                "CKR_OK",
                "CKR_MECHANISM_PARAM_INVALID",
            ),
        ],
    },
    Difference {
        reason: "SignPath signs a digest whose algorithm it knows, so data has to be a DigestInfo of \
                 one that it has",
        cases: &[
            (
                "data for CKM_RSA_PKCS: none",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
            (
                "data for CKM_RSA_PKCS: a byte",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
            (
                "data for CKM_RSA_PKCS: bare * digest",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
            (
                "data for CKM_RSA_PKCS: MD5 and SHA-1 digests (TLS 1.0)",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
            (
                "data for CKM_RSA_PKCS: a byte behind a DigestInfo",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
            (
                "data for CKM_RSA_PKCS: DigestInfo cut short",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
            (
                "data for CKM_RSA_PKCS: DigestInfo without NULL",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
            (
                "data for CKM_RSA_PKCS: DigestInfo of SHA-224 with 32 bytes",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
            (
                "data for CKM_RSA_PKCS: the most that PKCS #1 has room for",
                "CKR_OK, 256 bytes",
                "CKR_DATA_INVALID",
            ),
        ],
    },
    Difference {
        reason: "CKR_DATA_LEN_RANGE is the code for data of a bad length (section 5.1.6)",
        cases: &[
            (
                "data for CKM_RSA_PKCS: a byte more",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS: * the modulus",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS: 2000 bytes",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS_PSS: none",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS_PSS: a byte too few",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS_PSS: a byte too many",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS_PSS: digest of SHA-256",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS_PSS: DigestInfo",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS_PSS: as long as the modulus",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_RSA_PKCS_PSS: 2000 bytes",
                "CKR_GENERAL_ERROR",
                "CKR_DATA_LEN_RANGE",
            ),
        ],
    },
    Difference {
        reason: "SignPath signs digests of SHA-1, SHA-256, SHA-384 and SHA-512; SoftHSM takes bytes \
                 of any number, also none",
        cases: &[
            (
                "data for CKM_ECDSA: none",
                "CKR_OK, 64 bytes",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_ECDSA: a byte",
                "CKR_OK, 64 bytes",
                "CKR_DATA_LEN_RANGE",
            ),
            (
                "data for CKM_ECDSA: * bytes",
                "CKR_OK, 64 bytes",
                "CKR_DATA_LEN_RANGE",
            ),
        ],
    },
];

pub const OPERATIONS: &[Difference] = &[
    Difference {
        reason: FORMS,
        cases: &[
            (
                "parts and one part: C_Sign after C_SignUpdate*",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "parts and one part: C_SignFinal after it",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK, 256 bytes",
            ),
            (
                "parts and one part: C_SignUpdate after C_Sign, *",
                "CKR_OK",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "parts and one part: C_SignFinal after C_SignUpdate after C_Sign, *",
                "CKR_OK, 256 bytes",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "parts and one part: C_SignFinal after C_Sign, *",
                "CKR_OK, 256 bytes",
                "CKR_OPERATION_ACTIVE",
            ),
            (
                "parts and one part: C_Sign after C_SignFinal after C_Sign, *",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK, 256 bytes",
            ),
        ],
    },
    Difference {
        reason: "the standard has these mechanisms for single-part operations only (sections 6.1 and \
                 6.3, first tables); pkcs11-tool passes its input in parts whatever the mechanism is, \
                 and a digest in parts is the same digest",
        cases: &[
            (
                "parts where one is due: *, C_SignUpdate",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK",
            ),
            (
                "parts where one is due: *, C_SignFinal",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK, * bytes",
            ),
            (
                "parts where one is due: *, C_SignFinal alone",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_DATA_*",
            ),
        ],
    },
    Difference {
        reason: "C_SignInit without a mechanism ends an active signature since PKCS #11 3.0 (section \
                 5.13.1)",
        cases: &[
            (
                "arguments: C_SignInit without a mechanism while signing",
                "CKR_ARGUMENTS_BAD",
                "CKR_OK",
            ),
            (
                "arguments: C_Sign after it",
                "CKR_OK, 256 bytes",
                "CKR_OPERATION_NOT_INITIALIZED",
            ),
        ],
    },
    Difference {
        reason: "an error ends the signature, except CKR_BUFFER_TOO_SMALL (sections 5.13.2 to 5.13.4)",
        cases: &[
            (
                "arguments: C_Sign after NULL",
                "CKR_OK, 256 bytes",
                "CKR_OPERATION_NOT_INITIALIZED",
            ),
            (
                "arguments: C_Sign after no length",
                "CKR_OK, 256 bytes",
                "CKR_OPERATION_NOT_INITIALIZED",
            ),
            (
                "arguments: C_SignUpdate after NULL",
                "CKR_OK",
                "CKR_OPERATION_NOT_INITIALIZED",
            ),
            (
                "arguments: C_SignFinal after no length",
                "CKR_OK, 256 bytes",
                "CKR_OPERATION_NOT_INITIALIZED",
            ),
        ],
    },
    Difference {
        reason: "a session here searches and signs at the same time; that an active search prevents \
                 another operation is an example of the standard's (CKR_OPERATION_ACTIVE, section \
                 5.1.6)",
        cases: &[
            (
                "searching while signing: C_FindObjectsInit",
                "CKR_OPERATION_ACTIVE",
                "CKR_OK",
            ),
            ("searching while signing: C_FindObjects", "0", "22"),
            (
                "searching while signing: C_FindObjectsFinal",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK",
            ),
            (
                "searching while signing: C_SignInit while searching",
                "CKR_OPERATION_ACTIVE",
                "CKR_OK",
            ),
            (
                "searching while signing: C_Sign while searching",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK, 256 bytes",
            ),
        ],
    },
];
