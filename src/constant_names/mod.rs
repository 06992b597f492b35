//! Names of the standard's constants, for messages.

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
        /// The names of a function's flags, separated by `|`; bits without a name are in
        /// hexadecimal.
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

mod standard;

pub use standard::*;

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
    /// `CK_TRUE`, `CK_FALSE`, or any other number in hexadecimal.
    boolean(CK_BBOOL): CK_FALSE CK_TRUE;

    /// The name of a mask generation function, or its number in hexadecimal.
    mask_generation_function(CK_RSA_PKCS_MGF_TYPE):
    CKG_MGF1_SHA1 CKG_MGF1_SHA224 CKG_MGF1_SHA256 CKG_MGF1_SHA384 CKG_MGF1_SHA512 CKG_MGF1_SHA3_224
    CKG_MGF1_SHA3_256 CKG_MGF1_SHA3_384 CKG_MGF1_SHA3_512;

    /// The name of a user type, or its number in hexadecimal.
    user_type(CK_USER_TYPE): CKU_SO CKU_USER CKU_CONTEXT_SPECIFIC;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_number_by_name_or_in_hexadecimal() {
        assert_eq!(attribute(0x102), "CKA_ID");
        assert_eq!(mechanism(0x40), "CKM_SHA256_RSA_PKCS");
        assert_eq!(user_type(1), "CKU_USER");
        assert_eq!(object_class(3), "CKO_PRIVATE_KEY");
        assert_eq!(key_type(3), "CKK_EC");
        assert_eq!(mask_generation_function(2), "CKG_MGF1_SHA256");
        assert_eq!((boolean(1).as_ref(), boolean(2).as_ref()), ("CK_TRUE", "0x2"));
        assert_eq!(attribute(0x8000_0001), "0x80000001");
    }

    #[test]
    fn names_the_flags_of_each_function() {
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
