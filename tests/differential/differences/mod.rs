//! Where the two sides differ, and why. Sections are those of PKCS #11 3.2; SoftHSM is 2.6.1.

mod objects;
mod signing;
mod software;
mod token;

pub use objects::{ATTRIBUTES, FIND, SESSION_OBJECTS};
pub use signing::{OPERATIONS, SIGNATURES, SIGNING};
pub use software::{DIGESTING, VERIFYING};
pub use token::{GENERAL, LOGIN, SESSIONS};

use crate::report::Difference;

const READ_ONLY: &str = "a read-only token that signs and verifies, and does nothing else";
const NO_ECDSA_SHA: &str = "SoftHSM has CKM_ECDSA only; openssl verifies these signatures";
const LOGOUT: &str =
    "a session cannot be logged out unless it is logged in (CKR_USER_NOT_LOGGED_IN, section 5.1.6)";
const KEY_TYPE: &str = "SoftHSM finds out in C_Sign that the key is of another type; \
                        CKR_KEY_TYPE_INCONSISTENT is an answer of C_SignInit (section 5.13.1)";

const STATE: Difference = Difference {
    reason: "SoftHSM does not have the two functions; here they say why no state can be had or is \
             good (sections 5.6.6 and 5.6.7)",
    cases: &[
        (
            "state: C_GetOperationState",
            "CKR_FUNCTION_NOT_SUPPORTED",
            "CKR_OPERATION_NOT_INITIALIZED",
        ),
        (
            "state: C_SetOperationState",
            "CKR_FUNCTION_NOT_SUPPORTED",
            "CKR_SAVED_STATE_INVALID",
        ),
    ],
};

pub const UNSUPPORTED: &[Difference] = &[
    STATE,
    Difference {
        reason: READ_ONLY,
        cases: &[
            (
                "encrypt and decrypt: C_*",
                "*",
                "CKR_FUNCTION_NOT_SUPPORTED",
            ),
            ("keys: C_*", "*", "CKR_FUNCTION_NOT_SUPPORTED"),
            ("PINs: C_*", "*", "CKR_FUNCTION_NOT_SUPPORTED"),
        ],
    },
];

pub const CLIENT: &[Difference] = &[
    Difference {
        reason: LOGOUT,
        cases: &[(
            "a program with mistakes: logout before login",
            "CKR_OK",
            "UserNotLoggedIn of Logout",
        )],
    },
    Difference {
        reason: KEY_TYPE,
        cases: &[(
            "a program with mistakes: RSA with an EC key",
            "CKR_OK",
            "KeyTypeInconsistent of SignInit",
        )],
    },
    Difference {
        reason: "the operation that SoftHSM should not have started is still active",
        cases: &[
            (
                "a program with mistakes: AES",
                "OperationActive of SignInit",
                "MechanismInvalid of SignInit",
            ),
            (
                "a program with mistakes: sign_init",
                "OperationActive of SignInit",
                "CKR_OK",
            ),
        ],
    },
];
