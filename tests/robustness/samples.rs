//! Values that mean something somewhere, and some that nothing has.

use cryptoki_sys::*;

/// Numbers that mean something somewhere: flags, users, handles, lengths.
pub const NUMBERS: &[CK_ULONG] = constants! {
    0, 1, 2, 3, 4, 6, 7, 8, 20, 32, 36, 51, 64, 99, 256, 4096, CKF_ASYNC_SESSION, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
    CK_ULONG::MAX / 2, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX - 1, CK_ULONG::MAX
};

pub const MECHANISMS: &[CK_MECHANISM_TYPE] = constants! {
    CKM_RSA_PKCS, CKM_SHA1_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_MD5, CKM_SHA_1, CKM_SHA256,
    CKM_SHA512_256, CKM_SHA3_256, CKM_RSA_X_509, CKM_AES_CBC, CKM_VENDOR_DEFINED, CK_ULONG::MAX
};

/// Mechanisms that some key signs and verifies with.
pub const GOOD_MECHANISMS: &[CK_MECHANISM_TYPE] = constants! {
    CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA, CKM_ECDSA_SHA256
};

pub const ATTRIBUTES: &[CK_ATTRIBUTE_TYPE] = constants! {
    CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_ID, CKA_VALUE, CKA_CERTIFICATE_TYPE, CKA_KEY_TYPE, CKA_SUBJECT,
    CKA_ISSUER, CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_EC_PARAMS, CKA_EC_POINT, CKA_VERIFY,
    CKA_START_DATE, CKA_ALLOWED_MECHANISMS, CKA_UNIQUE_ID, CKA_WRAP_TEMPLATE, CKA_VENDOR_DEFINED, CK_ULONG::MAX
};

/// Bytes that mean something somewhere.
pub const TEXTS: &[&[u8]] = &[
    b"CONFIG",
    b":",
    b"a:b",
    b"PKCS 11",
    b"C_Sign",
    b"demo/p-256",
    b"\xff\xfe",
    b"\0",
    // SHA-256 in a DigestInfo, of zeros.
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20\
      \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    // The curve P-256, and a point that is not on it.
    b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
    b"\x04\x41\x04",
];

/// Lengths of values in a template that no attribute can have.
pub const WILD_LENGTHS: &[CK_ULONG] = constants! {
    0x1_0001, 0x7fff_ffff, 0xffff_ffff, CK_ULONG::MAX / 2, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX
};

/// Numbers of attributes that no template has.
pub const WILD_COUNTS: &[CK_ULONG] = &[1025, 1 << 24, 0xffff_ffff, CK_ULONG::MAX];

pub const LENGTHS: &[usize] =
    &[0, 1, 8, 20, 31, 32, 48, 51, 64, 96, 132, 255, 256, 384, 512, 1000, 4096];
