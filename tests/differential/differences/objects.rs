//! Objects and their attributes.

use super::READ_ONLY;
use crate::report::Difference;

pub const FIND: &[Difference] = &[];

pub const ATTRIBUTES: &[Difference] = &[
    Difference {
        reason: "SoftHSM knows no attribute that is newer than PKCS #11 2.40",
        cases: &[
            ("* CKA_UNIQUE_ID", "CKR_ATTRIBUTE_TYPE_INVALID", "CKR_OK, *"),
            (
                "private key: * CKA_DERIVE_TEMPLATE",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_OK, no bytes",
            ),
        ],
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

pub const SESSION_OBJECTS: &[Difference] = &[
    Difference {
        reason: "an attribute of another class is known, and does not go with the others \
                 (section 4.1.1)",
        cases: &[
            (
                "public keys: that signs",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "public keys: with a private exponent",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "public keys: with a certificate's issuer",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "copies: with an issuer",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "changes: an issuer",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "certificates: with a modulus",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "public keys: of the wrong type",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "public keys: with two classes",
                "CKR_TEMPLATE_INCOMPLETE",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
        ],
    },
    Difference {
        reason: "SoftHSM knows no attribute that is newer than PKCS #11 2.40",
        cases: &[
            (
                "public keys: with CKA_UNIQUE_ID",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_ATTRIBUTE_READ_ONLY",
            ),
            (
                "changes: unique ID",
                "CKR_ATTRIBUTE_TYPE_INVALID",
                "CKR_ATTRIBUTE_READ_ONLY",
            ),
        ],
    },
    Difference {
        reason: "SoftHSM looks at values when it uses them, and some it never looks at; here they \
                 are understood when the object is made (CKR_ATTRIBUTE_VALUE_INVALID, \
                 CKR_TEMPLATE_INCONSISTENT, section 4.1.1)",
        cases: &[
            (
                "public keys: with a boolean of 2",
                "CKR_OK",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
            (
                "public keys: with a modulus of no bytes",
                "CKR_OK",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
            (
                "public keys: with a point of no bytes",
                "CKR_OK",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
            (
                "public keys: with a point that is none",
                "CKR_OK",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
            (
                "public keys: with a compact point",
                "CKR_OK",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
            (
                "public keys: with a class of 4 bytes",
                "CKR_TEMPLATE_INCOMPLETE",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
            (
                "certificates: with a value that is none",
                "CKR_OK",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
            (
                "certificates: with another subject",
                "CKR_OK",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "certificates: with a wrong checksum",
                "CKR_GENERAL_ERROR",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
            (
                "changes: a boolean of 3",
                "CKR_OK",
                "CKR_ATTRIBUTE_VALUE_INVALID",
            ),
        ],
    },
    Difference {
        reason: "EC keys are validated when they are made: their parameters \
                 (CKR_DOMAIN_PARAMS_INVALID, section 6.3), the form of the point, which may be \
                 compressed only where a mechanism has CKF_EC_COMPRESS, and the point itself \
                 (CKR_PUBLIC_KEY_INVALID, section 5.1.6)",
        cases: &[
            (
                "public keys: with parameters that are none",
                "CKR_OK",
                "CKR_DOMAIN_PARAMS_INVALID",
            ),
            (
                "public keys: with explicit parameters",
                "CKR_OK",
                "CKR_DOMAIN_PARAMS_INVALID",
            ),
            (
                "public keys: with the name of a curve",
                "CKR_OK",
                "CKR_DOMAIN_PARAMS_INVALID",
            ),
            (
                "public keys: with a compressed point",
                "CKR_OK",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "public keys: with a point off the curve",
                "CKR_OK",
                "CKR_PUBLIC_KEY_INVALID",
            ),
        ],
    },
    Difference {
        reason: "only curves that SignPath has are verified with (CKR_CURVE_NOT_SUPPORTED)",
        cases: &[(
            "public keys: on secp256k1",
            "CKR_OK",
            "CKR_CURVE_NOT_SUPPORTED",
        )],
    },
    Difference {
        reason: "only what can be verified with is created: certificates and public keys. Another \
                 class or type of the standard is a valid value that this token cannot fulfil",
        cases: &[
            ("other objects: data", "CKR_OK", "CKR_TEMPLATE_INCONSISTENT"),
            (
                "other objects: an AES key",
                "CKR_OK",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "other objects: a private key",
                "CKR_OK",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "other objects: a private key with all its parts",
                "CKR_OK",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "other objects: domain parameters",
                "CKR_ATTRIBUTE_VALUE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "other objects: a hardware feature",
                "CKR_ATTRIBUTE_VALUE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "other objects: a mechanism",
                "CKR_ATTRIBUTE_VALUE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "other objects: a profile",
                "CKR_ATTRIBUTE_VALUE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "certificates: WTLS",
                "CKR_ATTRIBUTE_VALUE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
            (
                "public keys: of another type",
                "CKR_ATTRIBUTE_VALUE_INVALID",
                "CKR_TEMPLATE_INCONSISTENT",
            ),
        ],
    },
    Difference {
        reason: "nothing is written to the token, and CKR_TOKEN_WRITE_PROTECTED comes before \
                 CKR_SESSION_READ_ONLY (section 5.1.6)",
        cases: &[
            (
                "token objects: read-only",
                "CKR_SESSION_READ_ONLY",
                "CKR_TOKEN_WRITE_PROTECTED",
            ),
            (
                "token objects: read/write",
                "CKR_OK",
                "CKR_TOKEN_WRITE_PROTECTED",
            ),
            (
                "copies: on the token",
                "CKR_SESSION_READ_ONLY",
                "CKR_TOKEN_WRITE_PROTECTED",
            ),
        ],
    },
    Difference {
        reason: "the token's objects say that they cannot be changed, copied or destroyed \
                 (CKR_ACTION_PROHIBITED, sections 5.7.2, 5.7.3 and 5.7.6)",
        cases: &[
            (
                "objects of the token: change *",
                "CKR_SESSION_READ_ONLY",
                "CKR_ACTION_PROHIBITED",
            ),
            (
                "objects of the token: destroy *",
                "CKR_SESSION_READ_ONLY",
                "CKR_ACTION_PROHIBITED",
            ),
            (
                "objects of the token: copy *",
                "CKR_OK",
                "CKR_ACTION_PROHIBITED",
            ),
        ],
    },
];
