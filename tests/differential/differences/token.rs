//! The module, its token and its sessions.

use super::{LOGOUT, NO_ECDSA_SHA, READ_ONLY};
use crate::report::Difference;

pub const GENERAL: &[Difference] = &[
    Difference {
        reason: "the module locks with the operating system's means only (section 5.4.1)",
        cases: &[(
            "arguments of C_Initialize: mutex functions",
            "CKR_OK",
            "CKR_CANT_LOCK",
        )],
    },
    Difference {
        reason: "the module has the functions of the newer standard",
        cases: &[("library: version", "2.40", "3.2")],
    },
    Difference {
        reason: "SoftHSM has one more slot, with a token that is not initialized",
        cases: &[("slots: *, count", "2", "1")],
    },
    Difference {
        reason: READ_ONLY,
        cases: &[
            ("token: CKF_WRITE_PROTECTED", "false", "true"),
            ("token: CKF_RESTORE_KEY_NOT_NEEDED", "true", "false"),
            ("mechanisms: CKM_RSA_PKCS, CKF_ENCRYPT", "true", "false"),
            ("mechanisms: CKM_RSA_PKCS, CKF_WRAP", "true", "false"),
            ("mechanisms: others are listed", "true", "false"),
        ],
    },
    Difference {
        reason: "a PIN here is an organization and an API token, or empty",
        cases: &[
            ("token: ulMinPinLen", "4", "0"),
            ("token: ulMaxPinLen", "255", "4096"),
        ],
    },
    Difference {
        reason: "SoftHSM does not count sessions",
        cases: &[
            (
                "token: *, ulSessionCount",
                "CK_UNAVAILABLE_INFORMATION",
                "*",
            ),
            (
                "token: *, ulRwSessionCount",
                "CK_UNAVAILABLE_INFORMATION",
                "*",
            ),
        ],
    },
    Difference {
        reason: "SignPath has keys of fewer sizes",
        cases: &[
            (
                "mechanisms: CKM_*RSA_PKCS*, key sizes",
                "512 to 16384",
                "2048 to 4096",
            ),
            (
                "mechanisms: CKM_ECDSA, key sizes",
                "112 to 521",
                "256 to 521",
            ),
        ],
    },
    Difference {
        reason: "the keys are in SignPath's hardware, SoftHSM's are in files (section 5.5.6)",
        cases: &[
            ("mechanisms: CKM_*RSA_PKCS*, CKF_HW", "false", "true"),
            ("mechanisms: CKM_ECDSA, CKF_HW", "false", "true"),
        ],
    },
    Difference {
        reason: "there is no place for the slot (CKR_ARGUMENTS_BAD, section 5.1.6)",
        cases: &[(
            "slot events: without a place",
            "CKR_NO_EVENT",
            "CKR_ARGUMENTS_BAD",
        )],
    },
    Difference {
        reason: NO_ECDSA_SHA,
        cases: &[
            ("mechanisms: CKM_ECDSA_SHA* is listed", "false", "true"),
            (
                "mechanisms: CKM_ECDSA_SHA*",
                "CKR_MECHANISM_INVALID",
                "CKR_OK",
            ),
            ("mechanisms: CKM_ECDSA_SHA*, *", "none", "*"),
        ],
    },
    Difference {
        reason: "SoftHSM has no SHA-512/t and no SHA-3",
        cases: &[
            ("mechanisms: CKM_SHA512_2* is listed", "false", "true"),
            (
                "mechanisms: CKM_SHA512_2*",
                "CKR_MECHANISM_INVALID",
                "CKR_OK",
            ),
            ("mechanisms: CKM_SHA512_2*, *", "none", "*"),
            ("mechanisms: CKM_SHA3_* is listed", "false", "true"),
            ("mechanisms: CKM_SHA3_*", "CKR_MECHANISM_INVALID", "CKR_OK"),
            ("mechanisms: CKM_SHA3_*, *", "none", "*"),
        ],
    },
];

pub const SESSIONS: &[Difference] = &[Difference {
    reason: LOGOUT,
    cases: &[(
        "the last session: logout",
        "CKR_OK",
        "CKR_USER_NOT_LOGGED_IN",
    )],
}];

pub const LOGIN: &[Difference] = &[
    Difference {
        reason: "no PIN asks for the credentials of the configuration",
        cases: &[
            ("no PIN: NULL", "CKR_ARGUMENTS_BAD", "CKR_OK"),
            ("no PIN: of no bytes", "CKR_PIN_INCORRECT", "CKR_OK"),
        ],
    },
    Difference {
        reason: LOGOUT,
        cases: &[
            ("logout: before login", "CKR_OK", "CKR_USER_NOT_LOGGED_IN"),
            ("logout: twice", "CKR_OK", "CKR_USER_NOT_LOGGED_IN"),
        ],
    },
    Difference {
        reason: "operations may or may not outlive C_Logout (section 5.6.10): SoftHSM still signs \
                 and ends the search, here no key is used any more and the search goes on, \
                 without the private objects",
        cases: &[
            (
                "what logout takes away: the signature",
                "Ok(())",
                "Err(CKR_OPERATION_NOT_INITIALIZED)",
            ),
            (
                "what logout takes away: the search",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK, 0",
            ),
            (
                "what logout takes away: the end of the search",
                "CKR_OPERATION_NOT_INITIALIZED",
                "CKR_OK",
            ),
        ],
    },
    Difference {
        reason: "C_SignInit has codes of its own for a key's handle (sections 5.1.6 and 5.13.1)",
        cases: &[
            (
                "what logout takes away: C_SignInit",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_USER_NOT_LOGGED_IN",
            ),
            (
                "what logout takes away: C_SignInit after login",
                "CKR_OBJECT_HANDLE_INVALID",
                "CKR_KEY_HANDLE_INVALID",
            ),
        ],
    },
];
