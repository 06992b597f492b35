//! The attributes that templates may contain (PKCS #11 3.2, section 4.1).

use cryptoki_sys::*;

/// The type of an attribute that the standard defines.
pub(super) fn value_type(id: CK_ATTRIBUTE_TYPE) -> Option<ValueType> {
    let of_ours = RULES.iter().find(|(known, ..)| *known == id);
    of_ours.map(|(_, _, value_type, _)| *value_type).or_else(|| {
        let others = OTHERS.iter().find(|(_, ids)| ids.contains(&id));
        others.map(|(value_type, _)| *value_type)
    })
}

/// Who may set an attribute, if objects of that shape have it.
pub(super) fn settable_by(id: CK_ATTRIBUTE_TYPE, shape: u8) -> Option<SettableBy> {
    RULES.iter().find(|(known, shapes, ..)| *known == id && shapes & shape != 0).map(|(.., by)| *by)
}

/// The maximum length of a value in a template, in bytes: far more than any certificate has. Longer
/// values are not read, since the stated length may exceed the caller's buffer.
pub(super) const MAX_VALUE_LENGTH: usize = 64 * 1024;

const NUMBER_LENGTH: usize = size_of::<CK_ULONG>();
const DATE_LENGTH: usize = size_of::<CK_DATE>();

impl ValueType {
    /// Whether a value of this type can have that length in bytes.
    pub(super) const fn has_length(self, length: usize) -> bool {
        match self {
            Self::Boolean => length == size_of::<CK_BBOOL>(),
            Self::Number | Self::NumberUpTo(_) => length == NUMBER_LENGTH,
            Self::Numbers => length % NUMBER_LENGTH == 0 && length <= MAX_VALUE_LENGTH,
            Self::Date => length == 0 || length == DATE_LENGTH,
            Self::Bytes => length <= MAX_VALUE_LENGTH,
            Self::Template => length == 0,
        }
    }

    /// Whether `value`, whose length has been checked, is valid for this type.
    pub(super) fn has_value(self, value: &[u8]) -> bool {
        match self {
            Self::Boolean => matches!(value, [CK_FALSE | CK_TRUE]),
            Self::Date => value.iter().all(u8::is_ascii_digit),
            Self::NumberUpTo(last) => {
                value.try_into().is_ok_and(|value| CK_ULONG::from_ne_bytes(value) <= last)
            }
            Self::Number | Self::Numbers | Self::Bytes | Self::Template => true,
        }
    }

    /// Describes valid values in messages.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Boolean => "must be CK_TRUE or CK_FALSE in one byte".to_owned(),
            Self::Number => format!("must be a CK_ULONG of {NUMBER_LENGTH} bytes"),
            Self::NumberUpTo(last) => {
                format!("must be a CK_ULONG of {NUMBER_LENGTH} bytes from 0 to {last}")
            }
            Self::Numbers => "must be an array of CK_ULONG of at most 64 KiB".to_owned(),
            Self::Date => format!("must be a CK_DATE of {DATE_LENGTH} digits or empty"),
            Self::Bytes => "must be at most 64 KiB long".to_owned(),
            Self::Template => "must be empty".to_owned(),
        }
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    /// CK_BBOOL.
    Boolean,
    /// CK_ULONG, or an alias of it.
    Number,
    /// CK_ULONG, of which the standard defines the values from 0 to this one.
    NumberUpTo(CK_ULONG),
    /// An array of CK_ULONG.
    Numbers,
    /// CK_DATE, or empty.
    Date,
    /// Any bytes.
    Bytes,
    /// An array of attributes; only an empty one is supported.
    Template,
}

/// Who may set an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettableBy {
    /// Only the template of C_CreateObject.
    Creator,
    /// Also the template of C_CopyObject.
    Copier,
    /// Any template.
    Anyone,
    /// No template; the token sets it.
    Token,
}

pub(super) const CERTIFICATE: u8 = 1;
pub(super) const RSA: u8 = 2;
pub(super) const EC: u8 = 4;
pub(super) const ML_DSA: u8 = 8;
const KEY: u8 = RSA | EC | ML_DSA;
const ALL: u8 = CERTIFICATE | KEY;

const CATEGORY: ValueType = ValueType::NumberUpTo(CK_CERTIFICATE_CATEGORY_OTHER_ENTITY);
const DOMAIN: ValueType = ValueType::NumberUpTo(CK_SECURITY_DOMAIN_THIRD_PARTY);

/// The attributes of objects that can be created: on which objects, their type, and who may set
/// them.
const RULES: &[(CK_ATTRIBUTE_TYPE, u8, ValueType, SettableBy)] = &[
    (CKA_CLASS, ALL, ValueType::Number, SettableBy::Creator),
    (CKA_TOKEN, ALL, ValueType::Boolean, SettableBy::Copier),
    (CKA_PRIVATE, ALL, ValueType::Boolean, SettableBy::Copier),
    (CKA_MODIFIABLE, ALL, ValueType::Boolean, SettableBy::Copier),
    (CKA_COPYABLE, ALL, ValueType::Boolean, SettableBy::Copier),
    (CKA_DESTROYABLE, ALL, ValueType::Boolean, SettableBy::Copier),
    (CKA_LABEL, ALL, ValueType::Bytes, SettableBy::Anyone),
    (CKA_UNIQUE_ID, ALL, ValueType::Bytes, SettableBy::Token),
    (CKA_ID, ALL, ValueType::Bytes, SettableBy::Anyone),
    (CKA_TRUSTED, ALL, ValueType::Boolean, SettableBy::Creator),
    (CKA_PUBLIC_KEY_INFO, ALL, ValueType::Bytes, SettableBy::Creator),
    (CKA_START_DATE, ALL, ValueType::Date, SettableBy::Anyone),
    (CKA_END_DATE, ALL, ValueType::Date, SettableBy::Anyone),
    (CKA_CERTIFICATE_TYPE, CERTIFICATE, ValueType::Number, SettableBy::Creator),
    (CKA_CERTIFICATE_CATEGORY, CERTIFICATE, CATEGORY, SettableBy::Creator),
    (CKA_CHECK_VALUE, CERTIFICATE, ValueType::Bytes, SettableBy::Creator),
    (CKA_SUBJECT, CERTIFICATE, ValueType::Bytes, SettableBy::Creator),
    (CKA_ISSUER, CERTIFICATE, ValueType::Bytes, SettableBy::Anyone),
    (CKA_SERIAL_NUMBER, CERTIFICATE, ValueType::Bytes, SettableBy::Anyone),
    (CKA_VALUE, CERTIFICATE, ValueType::Bytes, SettableBy::Creator),
    (CKA_URL, CERTIFICATE, ValueType::Bytes, SettableBy::Creator),
    (CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERTIFICATE, ValueType::Bytes, SettableBy::Creator),
    (CKA_HASH_OF_ISSUER_PUBLIC_KEY, CERTIFICATE, ValueType::Bytes, SettableBy::Creator),
    (CKA_JAVA_MIDP_SECURITY_DOMAIN, CERTIFICATE, DOMAIN, SettableBy::Creator),
    (CKA_NAME_HASH_ALGORITHM, CERTIFICATE, ValueType::Number, SettableBy::Creator),
    (CKA_KEY_TYPE, KEY, ValueType::Number, SettableBy::Creator),
    (CKA_SUBJECT, KEY, ValueType::Bytes, SettableBy::Anyone),
    (CKA_DERIVE, KEY, ValueType::Boolean, SettableBy::Anyone),
    (CKA_ENCRYPT, KEY, ValueType::Boolean, SettableBy::Anyone),
    (CKA_VERIFY, KEY, ValueType::Boolean, SettableBy::Anyone),
    (CKA_VERIFY_RECOVER, KEY, ValueType::Boolean, SettableBy::Anyone),
    (CKA_WRAP, KEY, ValueType::Boolean, SettableBy::Anyone),
    (CKA_ENCAPSULATE, KEY, ValueType::Boolean, SettableBy::Anyone),
    (CKA_ALLOWED_MECHANISMS, KEY, ValueType::Numbers, SettableBy::Creator),
    (CKA_WRAP_TEMPLATE, KEY, ValueType::Template, SettableBy::Creator),
    (CKA_ENCAPSULATE_TEMPLATE, KEY, ValueType::Template, SettableBy::Creator),
    (CKA_LOCAL, KEY, ValueType::Boolean, SettableBy::Token),
    (CKA_KEY_GEN_MECHANISM, KEY, ValueType::Number, SettableBy::Token),
    (CKA_OBJECT_VALIDATION_FLAGS, KEY, ValueType::Number, SettableBy::Token),
    (CKA_MODULUS_BITS, RSA, ValueType::Number, SettableBy::Token),
    (CKA_MODULUS, RSA, ValueType::Bytes, SettableBy::Creator),
    (CKA_PUBLIC_EXPONENT, RSA, ValueType::Bytes, SettableBy::Creator),
    (CKA_EC_PARAMS, EC, ValueType::Bytes, SettableBy::Creator),
    (CKA_EC_POINT, EC, ValueType::Bytes, SettableBy::Creator),
    (CKA_PARAMETER_SET, ML_DSA, ValueType::Number, SettableBy::Creator),
    (CKA_VALUE, ML_DSA, ValueType::Bytes, SettableBy::Creator),
];

/// The other attributes defined in the standard, including older versions. They are valid (section
/// 4.1.1) although no object that can be created here has them.
#[rustfmt::skip]
const OTHERS: &[(ValueType, &[CK_ATTRIBUTE_TYPE])] = &[
    (
        ValueType::Boolean,
        &[
            CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_SIGN,
            CKA_SIGN_RECOVER, CKA_DECRYPT, CKA_UNWRAP, CKA_DECAPSULATE, CKA_ALWAYS_AUTHENTICATE,
            CKA_WRAP_WITH_TRUSTED, CKA_OTP_USER_FRIENDLY_MODE, CKA_RESET_ON_INIT, CKA_HAS_RESET,
            CKA_COLOR, CKA_SECONDARY_AUTH,
        ],
    ),
    (
        ValueType::Number,
        &[
            CKA_VALUE_LEN, CKA_VALUE_BITS, CKA_PRIME_BITS, CKA_SUBPRIME_BITS, CKA_PROFILE_ID,
            CKA_MECHANISM_TYPE, CKA_HW_FEATURE_TYPE, CKA_PIXEL_X, CKA_PIXEL_Y,
            CKA_RESOLUTION, CKA_CHAR_ROWS, CKA_CHAR_COLUMNS, CKA_BITS_PER_PIXEL, CKA_OTP_FORMAT,
            CKA_OTP_LENGTH, CKA_OTP_TIME_INTERVAL, CKA_OTP_CHALLENGE_REQUIREMENT,
            CKA_OTP_TIME_REQUIREMENT, CKA_OTP_COUNTER_REQUIREMENT, CKA_OTP_PIN_REQUIREMENT,
            CKA_HSS_LEVELS, CKA_HSS_LMS_TYPE, CKA_HSS_LMOTS_TYPE, CKA_HSS_KEYS_REMAINING,
            CKA_VALIDATION_TYPE, CKA_VALIDATION_LEVEL, CKA_VALIDATION_FLAG,
            CKA_VALIDATION_AUTHORITY_TYPE, CKA_TRUST_SERVER_AUTH, CKA_TRUST_CLIENT_AUTH,
            CKA_TRUST_CODE_SIGNING, CKA_TRUST_EMAIL_PROTECTION, CKA_TRUST_IPSEC_IKE,
            CKA_TRUST_TIME_STAMPING, CKA_TRUST_OCSP_SIGNING, CKA_AUTH_PIN_FLAGS,
        ],
    ),
    (
        ValueType::Bytes,
        &[
            CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2,
            CKA_COEFFICIENT, CKA_PRIME, CKA_SUBPRIME, CKA_BASE, CKA_SEED, CKA_PUBLIC_CRC64_VALUE,
            CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE, CKA_DECAPSULATE_TEMPLATE, CKA_APPLICATION,
            CKA_OBJECT_ID, CKA_OWNER, CKA_AC_ISSUER, CKA_ATTR_TYPES, CKA_HASH_OF_CERTIFICATE,
            CKA_GOSTR3410_PARAMS, CKA_GOSTR3411_PARAMS, CKA_GOST28147_PARAMS, CKA_OTP_COUNTER,
            CKA_OTP_TIME, CKA_OTP_USER_IDENTIFIER, CKA_OTP_SERVICE_IDENTIFIER,
            CKA_OTP_SERVICE_LOGO, CKA_OTP_SERVICE_LOGO_TYPE, CKA_CHAR_SETS, CKA_ENCODING_METHODS,
            CKA_MIME_TYPES, CKA_REQUIRED_CMS_ATTRIBUTES, CKA_DEFAULT_CMS_ATTRIBUTES,
            CKA_SUPPORTED_CMS_ATTRIBUTES, CKA_HSS_LMS_TYPES, CKA_HSS_LMOTS_TYPES,
            CKA_VALIDATION_VERSION, CKA_VALIDATION_MODULE_ID, CKA_VALIDATION_COUNTRY,
            CKA_VALIDATION_CERTIFICATE_IDENTIFIER, CKA_VALIDATION_CERTIFICATE_URI,
            CKA_VALIDATION_VENDOR_URI, CKA_VALIDATION_PROFILE, CKA_X2RATCHET_BAG,
            CKA_X2RATCHET_BAGSIZE, CKA_X2RATCHET_BOBS1STMSG, CKA_X2RATCHET_CKR, CKA_X2RATCHET_CKS,
            CKA_X2RATCHET_DHP, CKA_X2RATCHET_DHR, CKA_X2RATCHET_DHS, CKA_X2RATCHET_HKR,
            CKA_X2RATCHET_HKS, CKA_X2RATCHET_ISALICE, CKA_X2RATCHET_NHKR, CKA_X2RATCHET_NHKS,
            CKA_X2RATCHET_NR, CKA_X2RATCHET_NS, CKA_X2RATCHET_PNS, CKA_X2RATCHET_RK,
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constant_names;

    #[test]
    fn a_value_has_a_length_of_its_type() {
        let number = size_of::<CK_ULONG>();
        for (value_type, lengths, others) in [
            (ValueType::Boolean, vec![1], vec![0, 2, number]),
            (ValueType::Number, vec![number], vec![0, 1, number + 1]),
            (
                ValueType::Numbers,
                vec![0, number, 3 * number, MAX_VALUE_LENGTH],
                vec![1, number + 1, MAX_VALUE_LENGTH + number],
            ),
            (ValueType::Date, vec![0, 8], vec![1, 10]),
            (ValueType::Bytes, vec![0, 1, MAX_VALUE_LENGTH], vec![MAX_VALUE_LENGTH + 1]),
            (ValueType::Template, vec![0], vec![number]),
        ] {
            for length in lengths {
                assert!(value_type.has_length(length), "{length}");
            }
            for length in others {
                assert!(!value_type.has_length(length), "{length}");
            }
        }
    }

    #[test]
    fn every_known_attribute_has_a_name() {
        let of_ours = RULES.iter().map(|(id, ..)| id);
        for id in of_ours.chain(OTHERS.iter().flat_map(|(_, ids)| *ids)) {
            assert!(constant_names::attribute(*id).starts_with("CKA_"), "{id:#x}");
        }
    }
}
