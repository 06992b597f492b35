//! Why SoftHSM answers otherwise, and where the standard decides, the section of PKCS #11 3.2. SoftHSM is 2.6.1.

pub const STATE: &str = "SoftHSM does not have the two functions; here they say why no state can be had or is good \
     (sections 5.6.6 and 5.6.7)";
pub const READ_ONLY: &str = "a read-only token that signs and verifies, and does nothing else";
pub const PARALLEL: &str = "a legacy function that simply returns CKR_FUNCTION_NOT_PARALLEL";
pub const RESERVED: &str = "pReserved is reserved, and has to be NULL (section 5.5.4)";
pub const TWO_ERRORS: &str = "two errors apply, and either may be returned (section 5.1.7)";
pub const LOGOUT: &str = "a session cannot be logged out unless it is logged in (CKR_USER_NOT_LOGGED_IN, section \
     5.1.6)";
pub const KEY_TYPE: &str = "SoftHSM finds out in C_Sign that the key is of another type; CKR_KEY_TYPE_INCONSISTENT is an \
     answer of C_SignInit (section 5.13.1)";
pub const STILL_ACTIVE: &str = "the operation that SoftHSM should not have started is still active";
pub const NEWER: &str = "SoftHSM knows no attribute that is newer than PKCS #11 2.40";
pub const FROM_CERTIFICATE: &str = "whoever stores an object in SoftHSM gives these, or has them empty; here they come from the \
     certificate";
pub const CATEGORY: &str = "the certificates are those of the user's own keys (CK_CERTIFICATE_CATEGORY_TOKEN_USER, \
     section 4.6.2); SoftHSM was not told";
pub const LOCAL: &str =
    "SoftHSM generated the keys itself; the module cannot vouch for where SignPath's were made";
pub const ALLOWED: &str =
    "the keys sign with the mechanisms that SignPath has; an empty list of SoftHSM's means any";
pub const SEVERAL: &str =
    "where several errors apply to a template, any may be returned (section 5.7.5)";
pub const OTHER_CLASS: &str =
    "an attribute of another class is known, and does not go with the others (section 4.1.1)";
pub const VALUES: &str = "SoftHSM looks at values when it uses them, and some it never looks at; here they are \
     understood when the object is made (CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT, \
     section 4.1.1)";
pub const EC_KEYS: &str = "EC keys are validated when they are made: their parameters (CKR_DOMAIN_PARAMS_INVALID, \
     section 6.3), the form of the point, which may be compressed only where a mechanism has \
     CKF_EC_COMPRESS, and the point itself (CKR_PUBLIC_KEY_INVALID, section 5.1.6)";
pub const CURVES: &str =
    "only curves that SignPath has are verified with (CKR_CURVE_NOT_SUPPORTED)";
pub const ONLY_VERIFIED: &str = "only what can be verified with is created: certificates and public keys. Another class or \
     type of the standard is a valid value that this token cannot fulfil";
pub const NOT_WRITTEN: &str = "nothing is written to the token, and CKR_TOKEN_WRITE_PROTECTED comes before \
     CKR_SESSION_READ_ONLY (section 5.1.6)";
pub const FIXED: &str = "the token's objects say that they cannot be changed, copied or destroyed \
     (CKR_ACTION_PROHIBITED, sections 5.7.2, 5.7.3 and 5.7.6)";
pub const NO_ECDSA_SHA: &str = "SoftHSM has CKM_ECDSA only; openssl verifies these signatures";
pub const SIGN_HANDLE: &str =
    "C_SignInit has a code of its own for a key's handle that is none (section 5.1.6)";
pub const BEFORE_LOGIN: &str = "no handle of a private key is known before login, and nothing else can sign; cryptographic \
     operations need the user (CKR_USER_NOT_LOGGED_IN, section 5.1.6)";
pub const NOT_SIGNED: &str = "SignPath does not sign with it";
pub const PARAMETER_IGNORED: &str =
    "SoftHSM ignores a parameter of a mechanism that has none (sections 6.1 and 6.3)";
pub const PARAMETER_CODE: &str =
    "CKR_MECHANISM_PARAM_INVALID is the code for invalid parameters (section 5.1.6)";
pub const SALT: &str = "SignPath signs with a salt as long as the digest, and no other; what parameters are \
     supported varies from token to token (CKR_MECHANISM_PARAM_INVALID, section 5.1.6)";
pub const DIGEST_INFO: &str = "SignPath signs a digest whose algorithm it knows, so data has to be a DigestInfo of one that \
     it has";
pub const LENGTH_CODE: &str =
    "CKR_DATA_LEN_RANGE is the code for data of a bad length (section 5.1.6)";
pub const EC_DIGESTS: &str = "SignPath signs digests of SHA-1, SHA-256, SHA-384 and SHA-512; SoftHSM takes bytes of any \
     number, also none";
pub const FORMS: &str = "an operation stays in the form that it was begun in, all data in one call or in parts, and \
     can be finished in that one (sections 5.12, 5.13 and 5.15). SoftHSM drops it, or goes on \
     without the data of a C_Sign or C_Digest that asked for the length";
pub const SINGLE_PART: &str = "the standard has these mechanisms for single-part operations only (sections 6.1 and 6.3, \
     first tables); pkcs11-tool passes its input in parts whatever the mechanism is, and a digest \
     in parts is the same digest";
pub const SIGN_CANCELS: &str =
    "C_SignInit without a mechanism ends an active signature since PKCS #11 3.0 (section 5.13.1)";
pub const SIGN_ENDS: &str =
    "an error ends the signature, except CKR_BUFFER_TOO_SMALL (sections 5.13.2 to 5.13.4)";
pub const SEARCHES: &str = "a session here searches and signs at the same time; that an active search prevents another \
     operation is an example of the standard's (CKR_OPERATION_ACTIVE, section 5.1.6)";
pub const VERIFY_HANDLE: &str =
    "C_VerifyInit has a code of its own for a key's handle that is none (section 5.1.6)";
pub const NOT_A_MECHANISM: &str = "only what SignPath signs is a mechanism of the module";
pub const LONG_SALT: &str =
    "no signature with this key has room for such a salt, which SoftHSM finds out later";
pub const NO_SHA3: &str = "SoftHSM has no SHA-3";
pub const ENDS: &str = "a call that is no question for a length ends the operation, also one that is refused \
     (sections 5.12.2 and 5.15.2)";
pub const CANCELS: &str = "an initialization without a mechanism ends an active operation since PKCS #11 3.0 (section \
     5.12.1)";
pub const DIGEST_PARAMETER: &str =
    "SoftHSM ignores a parameter of a mechanism that has none (section 6.20)";
pub const SIDE_BY_SIDE: &str = "a session here does all of them at the same time; that an active operation prevents another \
     is up to the token (CKR_OPERATION_ACTIVE, section 5.1.6)";
pub const SEED: &str = "the operating system sees to the seed of its random numbers";
pub const LOCKS: &str = "the module locks with the operating system's means only (section 5.4.1)";
pub const NEWER_STANDARD: &str = "the module has the functions of the newer standard";
pub const SLOTS: &str = "SoftHSM has one more slot, with a token that is not initialized";
pub const PIN: &str = "a PIN here is an organization and an API token, or empty";
pub const SESSION_COUNT: &str = "SoftHSM does not count sessions";
pub const KEY_SIZES: &str = "SignPath has keys of fewer sizes";
pub const HARDWARE: &str =
    "the keys are in SignPath's hardware, SoftHSM's are in files (section 5.5.6)";
pub const NO_PLACE: &str = "there is no place for the slot (CKR_ARGUMENTS_BAD, section 5.1.6)";
pub const NO_SHA512T: &str = "SoftHSM has no SHA-512/t and no SHA-3";
pub const NO_PIN: &str = "no PIN asks for the credentials of the configuration";
pub const OUTLIVE: &str = "operations may or may not outlive C_Logout (section 5.6.10): SoftHSM still signs and ends \
     the search, here no key is used any more and the search goes on, without the private objects";
pub const LOGOUT_HANDLE: &str =
    "C_SignInit has codes of its own for a key's handle (sections 5.1.6 and 5.13.1)";
