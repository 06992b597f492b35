//! Why SoftHSM 2.6.1 differs, with the section of PKCS #11 3.2 that decides.

pub const STATE: &str = "SoftHSM does not have the two functions; the module does, and explains \
     why no state can be saved or restored (sections 5.6.6 and 5.6.7)";
pub const READ_ONLY: &str = "the token is read-only and can only sign and verify";
pub const PARALLEL: &str = "a legacy function that simply returns CKR_FUNCTION_NOT_PARALLEL";
pub const RESERVED: &str = "pReserved must be NULL (section 5.5.4)";
pub const TWO_ERRORS: &str = "two errors apply, and either may be returned (section 5.1.7)";
pub const LOGOUT: &str =
    "logging out requires a logged-in user (CKR_USER_NOT_LOGGED_IN, section 5.1.6)";
pub const KEY_TYPE: &str = "SoftHSM only notices the wrong type of key in C_Sign; \
     CKR_KEY_TYPE_INCONSISTENT is a return value of C_SignInit (section 5.13.1)";
pub const NEWER: &str = "SoftHSM does not support attributes that are newer than PKCS #11 2.40";
pub const FROM_CERTIFICATE: &str = "in SoftHSM, the application that stores an object sets these \
     attributes or leaves them empty; here they are taken from the certificate";
pub const CATEGORY: &str = "the certificates are those of the user's own keys \
     (CK_CERTIFICATE_CATEGORY_TOKEN_USER, section 4.6.2); SoftHSM was not told";
pub const LOCAL: &str = "SoftHSM generated the keys itself; the module does not know where \
     SignPath's keys were generated";
pub const ALLOWED: &str = "the keys list the mechanisms that SignPath supports; in SoftHSM the \
     list is empty, which means any";
pub const SEVERAL: &str =
    "if several errors apply to a template, any may be returned (section 5.7.5)";
pub const OTHER_CLASS: &str = "an attribute of another class is valid, but inconsistent with the \
     other attributes (section 4.1.1)";
pub const VALUES: &str = "SoftHSM checks some values only when it uses them, and others never; \
     the module checks all of them when the object is created (CKR_ATTRIBUTE_VALUE_INVALID, \
     CKR_TEMPLATE_INCONSISTENT, section 4.1.1), but for CKA_ISSUER and CKA_SERIAL_NUMBER of a certificate, which a \
     program may change to others (section 4.6.3)";
pub const EC_KEYS: &str = "the module validates EC keys when they are created: the parameters \
     (CKR_DOMAIN_PARAMS_INVALID, section 6.3), the form of the point, which may only be \
     compressed if a mechanism has CKF_EC_COMPRESS, and the point itself (CKR_PUBLIC_KEY_INVALID, \
     section 5.1.6)";
pub const CURVES: &str =
    "only the curves that SignPath supports can be used for verification (CKR_CURVE_NOT_SUPPORTED)";
pub const ONLY_VERIFIED: &str = "only objects for verification can be created: certificates and \
     public keys. Other classes and types of the standard are valid values that this token does \
     not support";
pub const NOT_WRITTEN: &str = "nothing can be written to the token, and CKR_TOKEN_WRITE_PROTECTED \
     takes precedence over CKR_SESSION_READ_ONLY (section 5.1.6)";
pub const FIXED: &str = "the attributes of the token's objects say that they cannot be changed, \
     copied or destroyed (CKR_ACTION_PROHIBITED, sections 5.7.2, 5.7.3 and 5.7.6)";
pub const NO_ECDSA_SHA: &str =
    "SoftHSM only supports CKM_ECDSA; these signatures are verified with openssl";
pub const KEY_HANDLE: &str = "C_SignInit and C_VerifyInit have their own return value for an invalid key handle (section \
     5.1.6)";
pub const BEFORE_LOGIN: &str = "before login, private keys have no handles and nothing else can \
     sign; cryptographic operations require a logged-in user (CKR_USER_NOT_LOGGED_IN, section \
     5.1.6)";
pub const PARAMETER_IGNORED: &str =
    "SoftHSM ignores a parameter for a mechanism that has none (sections 6.1, 6.3 and 6.20)";
pub const PARAMETER_CODE: &str =
    "CKR_MECHANISM_PARAM_INVALID is the return value for invalid parameters (section 5.1.6)";
pub const SALT: &str = "SignPath only supports salts as long as the digest; which parameters are \
     supported depends on the token (CKR_MECHANISM_PARAM_INVALID, section 5.1.6)";
pub const DIGEST_INFO: &str = "SignPath must know the algorithm of the digest, so the data must \
     be a DigestInfo of a supported one";
pub const LENGTH_CODE: &str =
    "CKR_DATA_LEN_RANGE is the return value for data of an invalid length (section 5.1.6)";
pub const EC_DIGESTS: &str = "SignPath signs SHA-1, SHA-256, SHA-384 and SHA-512 digests; SoftHSM \
     accepts data of any length, even none";
pub const FORMS: &str = "an operation that was begun with all data in one call must be finished \
     in that way, and so must one that was begun in parts (sections 5.12, 5.13 and 5.15). SoftHSM \
     ends the operation, or continues without the data of a C_Sign or C_Digest that asked for the \
     length";
pub const SINGLE_PART: &str = "the standard allows these mechanisms for single-part operations \
     only (sections 6.1 and 6.3, first tables); pkcs11-tool passes its input in parts for every \
     mechanism, and passing a digest in parts makes no difference";
pub const NOT_A_MECHANISM: &str = "the module only has mechanisms that SignPath can sign with";
pub const LONG_SALT: &str =
    "signatures with this key cannot contain such a long salt; SoftHSM only notices later";
pub const ENDS: &str = "an error other than CKR_BUFFER_TOO_SMALL ends the operation (sections \
     5.12.2, 5.13.2 to 5.13.4 and 5.15.2)";
pub const CANCELS: &str = "since PKCS #11 3.0, an initialization without a mechanism cancels an active operation \
     (sections 5.12.1 and 5.13.1)";
pub const SIDE_BY_SIDE: &str = "a session can run operations of different kinds at the same time; \
     whether an active one prevents others is up to the token (CKR_OPERATION_ACTIVE, section \
     5.1.6)";
pub const NO_VALUE: &str =
    "an attribute with a length has a value (CKR_ARGUMENTS_BAD, section 5.1.6)";
pub const SEED: &str = "the operating system seeds its random number generator itself";
pub const LOCKS: &str = "the module only supports operating system locks (section 5.4.1)";
pub const NEWER_STANDARD: &str = "the module has the functions of the newer standard";
pub const SLOTS: &str = "SoftHSM has an additional slot with an uninitialized token";
pub const PIN: &str = "the PIN is CONFIG, an organization ID and an API token, or empty";
pub const SESSION_COUNT: &str = "SoftHSM does not count sessions";
pub const NO_PLACE: &str = "pSlot is NULL (CKR_ARGUMENTS_BAD, section 5.1.6)";
pub const NO_SHA512T: &str = "SoftHSM supports neither SHA-512/t nor SHA-3";
pub const NO_PIN: &str = "an empty PIN selects the configured credentials";
pub const OUTLIVE: &str = "whether operations outlive C_Logout is up to the token (section \
     5.6.10): SoftHSM still signs, and ends the verification and the search; the module no longer \
     uses any private key, still verifies, and continues the search without the private objects";
