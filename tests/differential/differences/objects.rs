//! Objects and their attributes.

use super::READ_ONLY;
use crate::report::Difference;

pub const FIND: &[Difference] = &[];

pub const ATTRIBUTES: &[Difference] = &[
    Difference {
        reason: "SoftHSM knows no attribute that is newer than PKCS #11 2.40",
        cases: &[("* CKA_UNIQUE_ID", "CKR_ATTRIBUTE_TYPE_INVALID", "CKR_OK, *")],
    },
    Difference {
        reason: "whoever stores an object in SoftHSM gives these, or has them empty; here they come \
                 from the certificate",
        cases: &[
            (
                "certificate: * CKA_START_DATE",
                "CKR_OK, no bytes",
                "CKR_OK, \"20*",
            ),
            (
                "certificate: * CKA_END_DATE",
                "CKR_OK, no bytes",
                "CKR_OK, \"20*",
            ),
            (
                "* CKA_PUBLIC_KEY_INFO",
                "CKR_OK, no bytes",
                "CKR_OK, * bytes 30*",
            ),
            (
                "public key: * CKA_SUBJECT",
                "CKR_OK, no bytes",
                "CKR_OK, * bytes 30*",
            ),
            (
                "private key: * CKA_SUBJECT",
                "CKR_OK, no bytes",
                "CKR_OK, * bytes 30*",
            ),
        ],
    },
    Difference {
        reason: "the certificates are those of the user's own keys \
                 (CK_CERTIFICATE_CATEGORY_TOKEN_USER, section 4.6.2); SoftHSM was not told",
        cases: &[(
            "certificate: * CKA_CERTIFICATE_CATEGORY",
            "CKR_OK, 8 bytes 0000000000000000",
            "CKR_OK, 8 bytes 0100000000000000",
        )],
    },
    Difference {
        reason: READ_ONLY,
        cases: &[
            (
                "* CKA_MODIFIABLE",
                "CKR_OK, 1 bytes 01",
                "CKR_OK, 1 bytes 00",
            ),
            ("* CKA_COPYABLE", "CKR_OK, 1 bytes 01", "CKR_OK, 1 bytes 00"),
            (
                "* CKA_DESTROYABLE",
                "CKR_OK, 1 bytes 01",
                "CKR_OK, 1 bytes 00",
            ),
            (
                "public key: * CKA_VERIFY_RECOVER",
                "CKR_OK, 1 bytes 01",
                "CKR_OK, 1 bytes 00",
            ),
            (
                "private key: * CKA_SIGN_RECOVER",
                "CKR_OK, 1 bytes 01",
                "CKR_OK, 1 bytes 00",
            ),
            (
                "public key: * CKA_WRAP_TEMPLATE",
                "CKR_OK, no bytes",
                "CKR_ATTRIBUTE_TYPE_INVALID",
            ),
            (
                "private key: * CKA_UNWRAP_TEMPLATE",
                "CKR_OK, no bytes",
                "CKR_ATTRIBUTE_TYPE_INVALID",
            ),
        ],
    },
    Difference {
        reason: "SoftHSM generated the keys itself; the module cannot vouch for where SignPath's \
                 were made",
        cases: &[
            (
                "* key: * CKA_LOCAL",
                "CKR_OK, 1 bytes 01",
                "CKR_OK, 1 bytes 00",
            ),
            (
                "* key: * CKA_KEY_GEN_MECHANISM",
                "CKR_OK, 8 bytes *",
                "CKR_OK, 8 bytes ffffffffffffffff",
            ),
        ],
    },
    Difference {
        reason: "the keys sign with the mechanisms that SignPath has; an empty list of SoftHSM's \
                 means any",
        cases: &[(
            "* key: * CKA_ALLOWED_MECHANISMS",
            "CKR_OK, no bytes",
            "CKR_OK, * bytes *",
        )],
    },
    Difference {
        reason: "where several errors apply to a template, any may be returned (section 5.7.5)",
        cases: &[
            (
                "mixed templates: too small and sensitive",
                "CKR_ATTRIBUTE_SENSITIVE: CK_UNAVAILABLE_INFORMATION; CK_UNAVAILABLE_INFORMATION",
                "CKR_BUFFER_TOO_SMALL: CK_UNAVAILABLE_INFORMATION; CK_UNAVAILABLE_INFORMATION",
            ),
            (
                "mixed templates: unknown and sensitive",
                "CKR_ATTRIBUTE_SENSITIVE: CK_UNAVAILABLE_INFORMATION; CK_UNAVAILABLE_INFORMATION",
                "CKR_ATTRIBUTE_TYPE_INVALID: CK_UNAVAILABLE_INFORMATION; CK_UNAVAILABLE_INFORMATION",
            ),
        ],
    },
];
