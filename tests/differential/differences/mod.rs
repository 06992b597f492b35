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
const PARALLEL: &str = "a legacy function that simply returns CKR_FUNCTION_NOT_PARALLEL";
const FORMS: &str = "an operation stays in the form that it was begun in, all data in one call or in parts, and can \
                     be finished in that one (sections 5.12, 5.13 and 5.15). SoftHSM drops it, or goes on without \
                     the data of a C_Sign or C_Digest that asked for the length";
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

pub const EVERY_FUNCTION: &[Difference] = &[
    Difference {
        reason: READ_ONLY,
        cases: &[
            stub("no session of that handle: C_InitPIN"),
            stub("no session of that handle: C_SetPIN"),
            stub("no session of that handle: C_Encrypt*"),
            stub("no session of that handle: C_Decrypt*"),
            stub("no session of that handle: C_SignRecover*"),
            stub("no session of that handle: C_VerifyRecover*"),
            stub("no session of that handle: C_*EncryptUpdate"),
            stub("no session of that handle: C_GenerateKey*"),
            stub("no session of that handle: C_WrapKey"),
            stub("no session of that handle: C_UnwrapKey"),
            stub("no session of that handle: C_DeriveKey"),
        ],
    },
    Difference {
        reason: PARALLEL,
        cases: &[
            (
                "no session of that handle: C_GetFunctionStatus",
                "CKR_SESSION_HANDLE_INVALID",
                "CKR_FUNCTION_NOT_PARALLEL",
            ),
            (
                "no session of that handle: C_CancelFunction",
                "CKR_SESSION_HANDLE_INVALID",
                "CKR_FUNCTION_NOT_PARALLEL",
            ),
        ],
    },
    Difference {
        reason: "pReserved is reserved, and has to be NULL (section 5.5.4)",
        cases: &[(
            "NULL: C_WaitForSlotEvent: not in pReserved",
            "CKR_NO_EVENT",
            "CKR_ARGUMENTS_BAD",
        )],
    },
    Difference {
        reason: "two errors apply, and either may be returned (section 5.1.7)",
        cases: &[(
            "no session of that handle: C_SignInit: no mechanism",
            "CKR_ARGUMENTS_BAD",
            "CKR_SESSION_HANDLE_INVALID",
        )],
    },
];

/// A function that looks at none of its arguments.
const fn stub(case: &'static str) -> (&'static str, &'static str, &'static str) {
    (
        case,
        "CKR_SESSION_HANDLE_INVALID",
        "CKR_FUNCTION_NOT_SUPPORTED",
    )
}

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
