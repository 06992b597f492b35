//! The standard's names of numbers, for people.

use std::borrow::Cow;

use cryptoki_sys::*;

macro_rules! names {
    ($($(#[$doc:meta])* $function:ident($type:ty): $($constant:ident)*;)*) => {$(
        $(#[$doc])*
        pub fn $function(number: $type) -> Cow<'static, str> {
            match number {
                $($constant => stringify!($constant).into(),)*
                _ => format!("{number:#x}").into(),
            }
        }
    )*};
}

macro_rules! flag_names {
    ($($($function:literal)|+: $($constant:ident)*;)*) => {
        /// The names of the flags that a function takes, with `|` between them; bits without a name
        /// are in hexadecimal.
        pub fn flags(function: &str, flags: CK_FLAGS) -> String {
            let known: &[(CK_FLAGS, &str)] = match function {
                $($($function)|+ => &[$(($constant, stringify!($constant))),*],)*
                _ => &[],
            };
            let named = known.iter().filter(|(flag, _)| flags & flag != 0);
            let unnamed = named.clone().fold(flags, |rest, (flag, _)| rest & !flag);
            let mut names: Vec<_> = named.map(|(_, name)| (*name).to_owned()).collect();
            if unnamed != 0 || names.is_empty() {
                names.push(format!("{unnamed:#x}"));
            }
            names.join("|")
        }
    };
}

flag_names! {
    "C_Initialize": CKF_LIBRARY_CANT_CREATE_OS_THREADS CKF_OS_LOCKING_OK;
    "C_GetInterface": CKF_INTERFACE_FORK_SAFE;
    "C_OpenSession": CKF_RW_SESSION CKF_SERIAL_SESSION CKF_ASYNC_SESSION;
    "C_WaitForSlotEvent": CKF_DONT_BLOCK;
    "C_SessionCancel":
    CKF_MESSAGE_ENCRYPT CKF_MESSAGE_DECRYPT CKF_MESSAGE_SIGN CKF_MESSAGE_VERIFY CKF_FIND_OBJECTS
    CKF_ENCRYPT CKF_DECRYPT CKF_DIGEST CKF_SIGN CKF_SIGN_RECOVER CKF_VERIFY CKF_VERIFY_RECOVER
    CKF_GENERATE CKF_GENERATE_KEY_PAIR CKF_WRAP CKF_UNWRAP CKF_DERIVE;
    "C_EncryptMessageNext" | "C_DecryptMessageNext": CKF_END_OF_MESSAGE;
}

names! {
    /// `CK_TRUE` or `CK_FALSE`, or a number that is neither, in hexadecimal.
    boolean(CK_BBOOL): CK_FALSE CK_TRUE;

    /// The name of a class of objects, or its number in hexadecimal.
    object_class(CK_OBJECT_CLASS):
    CKO_DATA CKO_CERTIFICATE CKO_PUBLIC_KEY CKO_PRIVATE_KEY CKO_SECRET_KEY CKO_HW_FEATURE
    CKO_DOMAIN_PARAMETERS CKO_MECHANISM CKO_OTP_KEY CKO_PROFILE CKO_VALIDATION CKO_TRUST;

    /// The name of a type of keys, or its number in hexadecimal.
    key_type(CK_KEY_TYPE):
    CKK_RSA CKK_DSA CKK_DH CKK_EC CKK_GENERIC_SECRET CKK_DES3 CKK_AES CKK_EC_EDWARDS
    CKK_EC_MONTGOMERY CKK_ML_KEM CKK_ML_DSA CKK_SLH_DSA;

    /// The name of a mask generation function, or its number in hexadecimal.
    mask_generation_function(CK_RSA_PKCS_MGF_TYPE):
    CKG_MGF1_SHA1 CKG_MGF1_SHA224 CKG_MGF1_SHA256 CKG_MGF1_SHA384 CKG_MGF1_SHA512 CKG_MGF1_SHA3_224
    CKG_MGF1_SHA3_256 CKG_MGF1_SHA3_384 CKG_MGF1_SHA3_512;

    /// The name of a user type, or its number in hexadecimal.
    user_type(CK_USER_TYPE): CKU_SO CKU_USER CKU_CONTEXT_SPECIFIC;

    /// The name of an attribute type, or its number in hexadecimal.
    attribute(CK_ATTRIBUTE_TYPE):
    CKA_CLASS CKA_TOKEN CKA_PRIVATE CKA_LABEL CKA_UNIQUE_ID CKA_APPLICATION CKA_VALUE CKA_OBJECT_ID
    CKA_CERTIFICATE_TYPE CKA_ISSUER CKA_SERIAL_NUMBER CKA_AC_ISSUER CKA_OWNER CKA_ATTR_TYPES
    CKA_TRUSTED CKA_CERTIFICATE_CATEGORY CKA_JAVA_MIDP_SECURITY_DOMAIN CKA_URL
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY CKA_HASH_OF_ISSUER_PUBLIC_KEY CKA_NAME_HASH_ALGORITHM
    CKA_CHECK_VALUE CKA_KEY_TYPE CKA_SUBJECT CKA_ID CKA_SENSITIVE CKA_ENCRYPT CKA_DECRYPT CKA_WRAP
    CKA_UNWRAP CKA_SIGN CKA_SIGN_RECOVER CKA_VERIFY CKA_VERIFY_RECOVER CKA_DERIVE CKA_START_DATE
    CKA_END_DATE CKA_MODULUS CKA_MODULUS_BITS CKA_PUBLIC_EXPONENT CKA_PRIVATE_EXPONENT CKA_PRIME_1
    CKA_PRIME_2 CKA_EXPONENT_1 CKA_EXPONENT_2 CKA_COEFFICIENT CKA_PUBLIC_KEY_INFO CKA_PRIME
    CKA_SUBPRIME CKA_BASE CKA_PRIME_BITS CKA_SUBPRIME_BITS CKA_VALUE_BITS CKA_VALUE_LEN
    CKA_EXTRACTABLE CKA_LOCAL CKA_NEVER_EXTRACTABLE CKA_ALWAYS_SENSITIVE CKA_KEY_GEN_MECHANISM
    CKA_MODIFIABLE CKA_COPYABLE CKA_DESTROYABLE CKA_EC_PARAMS CKA_EC_POINT CKA_ALWAYS_AUTHENTICATE
    CKA_WRAP_WITH_TRUSTED CKA_WRAP_TEMPLATE CKA_UNWRAP_TEMPLATE CKA_DERIVE_TEMPLATE
    CKA_ENCAPSULATE_TEMPLATE CKA_DECAPSULATE_TEMPLATE CKA_ALLOWED_MECHANISMS CKA_MECHANISM_TYPE
    CKA_HW_FEATURE_TYPE CKA_RESET_ON_INIT CKA_HAS_RESET CKA_PROFILE_ID CKA_PARAMETER_SET
    CKA_OBJECT_VALIDATION_FLAGS CKA_ENCAPSULATE CKA_DECAPSULATE CKA_HASH_OF_CERTIFICATE
    CKA_PUBLIC_CRC64_VALUE CKA_SEED CKA_TRUST_SERVER_AUTH CKA_TRUST_CLIENT_AUTH
    CKA_TRUST_CODE_SIGNING CKA_TRUST_EMAIL_PROTECTION;

    /// The name of a mechanism that signs, verifies, digests or makes keys, or its number in
    /// hexadecimal.
    mechanism(CK_MECHANISM_TYPE):
    CKM_RSA_PKCS_KEY_PAIR_GEN CKM_RSA_PKCS CKM_RSA_9796 CKM_RSA_X_509 CKM_MD2_RSA_PKCS
    CKM_MD5_RSA_PKCS CKM_SHA1_RSA_PKCS CKM_RIPEMD160_RSA_PKCS CKM_RSA_PKCS_OAEP CKM_RSA_X9_31
    CKM_RSA_PKCS_PSS CKM_SHA1_RSA_PKCS_PSS CKM_SHA224_RSA_PKCS CKM_SHA224_RSA_PKCS_PSS
    CKM_SHA256_RSA_PKCS CKM_SHA384_RSA_PKCS CKM_SHA512_RSA_PKCS CKM_SHA256_RSA_PKCS_PSS
    CKM_SHA384_RSA_PKCS_PSS CKM_SHA512_RSA_PKCS_PSS CKM_SHA3_224_RSA_PKCS CKM_SHA3_256_RSA_PKCS
    CKM_SHA3_384_RSA_PKCS CKM_SHA3_512_RSA_PKCS CKM_SHA3_224_RSA_PKCS_PSS
    CKM_SHA3_256_RSA_PKCS_PSS CKM_SHA3_384_RSA_PKCS_PSS CKM_SHA3_512_RSA_PKCS_PSS
    CKM_EC_KEY_PAIR_GEN CKM_ECDSA CKM_ECDSA_SHA1 CKM_ECDSA_SHA224 CKM_ECDSA_SHA256
    CKM_ECDSA_SHA384 CKM_ECDSA_SHA512 CKM_ECDSA_SHA3_224 CKM_ECDSA_SHA3_256 CKM_ECDSA_SHA3_384
    CKM_ECDSA_SHA3_512 CKM_ECDH1_DERIVE CKM_EC_EDWARDS_KEY_PAIR_GEN CKM_EDDSA CKM_DSA CKM_DSA_SHA1
    CKM_DSA_SHA256 CKM_ML_DSA_KEY_PAIR_GEN CKM_ML_DSA CKM_HASH_ML_DSA CKM_SLH_DSA CKM_MD5 CKM_SHA_1
    CKM_SHA224 CKM_SHA256 CKM_SHA384 CKM_SHA512 CKM_SHA512_224 CKM_SHA512_256 CKM_SHA3_224
    CKM_SHA3_256 CKM_SHA3_384 CKM_SHA3_512 CKM_MD5_HMAC CKM_SHA_1_HMAC CKM_SHA256_HMAC
    CKM_SHA384_HMAC CKM_SHA512_HMAC CKM_GENERIC_SECRET_KEY_GEN CKM_AES_KEY_GEN CKM_AES_ECB
    CKM_AES_CBC CKM_AES_CBC_PAD CKM_AES_CTR CKM_AES_GCM CKM_AES_CMAC CKM_AES_KEY_WRAP;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_name_of_the_standard_or_is_hexadecimal() {
        assert_eq!(attribute(0x102), "CKA_ID");
        assert_eq!(mechanism(0x40), "CKM_SHA256_RSA_PKCS");
        assert_eq!(user_type(1), "CKU_USER");
        assert_eq!(object_class(3), "CKO_PRIVATE_KEY");
        assert_eq!(key_type(3), "CKK_EC");
        assert_eq!(mask_generation_function(2), "CKG_MGF1_SHA256");
        assert_eq!(
            (boolean(1).as_ref(), boolean(2).as_ref()),
            ("CK_TRUE", "0x2")
        );
        assert_eq!(attribute(0x8000_0001), "0x80000001");
    }

    #[test]
    fn flags_have_the_names_that_the_function_gives_them() {
        for (function, bits, names) in [
            ("C_OpenSession", 6, "CKF_RW_SESSION|CKF_SERIAL_SESSION"),
            ("C_OpenSession", 0x14, "CKF_SERIAL_SESSION|0x10"),
            ("C_Initialize", 2, "CKF_OS_LOCKING_OK"),
            ("C_SessionCancel", 0x800, "CKF_SIGN"),
            ("C_OpenSession", 0, "0x0"),
            ("C_Sign", 1, "0x1"),
        ] {
            assert_eq!(flags(function, bits), names);
        }
    }
}
