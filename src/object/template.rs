//! From a template of C_CreateObject, C_CopyObject or C_SetAttributeValue to a session object
//! (PKCS #11 3.2, section 4.1).

use cryptoki_sys::*;
use spki::ObjectIdentifier;
use spki::der::Decode;
use spki::der::asn1::{OctetStringRef, UintRef};

use super::attributes::{self, Attributes, Names, boolean, bytes};
use super::{Attribute, Certificate, Class, Object, Value};
use crate::crypto::{Curve, PublicKey};
use crate::error::{Error, Kind, Result};

/// What a value has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// CK_BBOOL.
    Boolean,
    /// CK_ULONG, or a type that is one.
    Number,
    /// An array of CK_ULONG.
    Numbers,
    /// CK_DATE, or nothing.
    Date,
    /// Whatever bytes.
    Bytes,
    /// An array of attributes; none can be kept here.
    Template,
}

/// Who may say what the value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The template of C_CreateObject only.
    Creator,
    /// That of C_CopyObject too.
    Copier,
    /// Any template.
    Anyone,
    /// None: the token says it.
    Token,
}

const CERTIFICATE: u8 = 1;
const RSA: u8 = 2;
const EC: u8 = 4;
const KEY: u8 = RSA | EC;
const ALL: u8 = CERTIFICATE | KEY;
/// Attributes of objects that cannot be created here.
const NONE: u8 = 0;

/// The attributes that templates may contain: on which objects, in which form, and by whom.
const RULES: &[(CK_ATTRIBUTE_TYPE, u8, Form, By)] = &[
    (CKA_CLASS, ALL, Form::Number, By::Creator),
    (CKA_TOKEN, ALL, Form::Boolean, By::Copier),
    (CKA_PRIVATE, ALL, Form::Boolean, By::Copier),
    (CKA_MODIFIABLE, ALL, Form::Boolean, By::Copier),
    (CKA_COPYABLE, ALL, Form::Boolean, By::Copier),
    (CKA_DESTROYABLE, ALL, Form::Boolean, By::Copier),
    (CKA_LABEL, ALL, Form::Bytes, By::Anyone),
    (CKA_UNIQUE_ID, ALL, Form::Bytes, By::Token),
    (CKA_ID, ALL, Form::Bytes, By::Anyone),
    (CKA_TRUSTED, ALL, Form::Boolean, By::Creator),
    (CKA_PUBLIC_KEY_INFO, ALL, Form::Bytes, By::Creator),
    (CKA_START_DATE, ALL, Form::Date, By::Anyone),
    (CKA_END_DATE, ALL, Form::Date, By::Anyone),
    (CKA_CERTIFICATE_TYPE, CERTIFICATE, Form::Number, By::Creator),
    (
        CKA_CERTIFICATE_CATEGORY,
        CERTIFICATE,
        Form::Number,
        By::Creator,
    ),
    (CKA_CHECK_VALUE, CERTIFICATE, Form::Bytes, By::Creator),
    (CKA_SUBJECT, CERTIFICATE, Form::Bytes, By::Creator),
    (CKA_ISSUER, CERTIFICATE, Form::Bytes, By::Anyone),
    (CKA_SERIAL_NUMBER, CERTIFICATE, Form::Bytes, By::Anyone),
    (CKA_VALUE, CERTIFICATE, Form::Bytes, By::Creator),
    (CKA_URL, CERTIFICATE, Form::Bytes, By::Creator),
    (
        CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
        CERTIFICATE,
        Form::Bytes,
        By::Creator,
    ),
    (
        CKA_HASH_OF_ISSUER_PUBLIC_KEY,
        CERTIFICATE,
        Form::Bytes,
        By::Creator,
    ),
    (
        CKA_JAVA_MIDP_SECURITY_DOMAIN,
        CERTIFICATE,
        Form::Number,
        By::Creator,
    ),
    (
        CKA_NAME_HASH_ALGORITHM,
        CERTIFICATE,
        Form::Number,
        By::Creator,
    ),
    (CKA_KEY_TYPE, KEY, Form::Number, By::Creator),
    (CKA_SUBJECT, KEY, Form::Bytes, By::Anyone),
    (CKA_DERIVE, KEY, Form::Boolean, By::Anyone),
    (CKA_ENCRYPT, KEY, Form::Boolean, By::Anyone),
    (CKA_VERIFY, KEY, Form::Boolean, By::Anyone),
    (CKA_VERIFY_RECOVER, KEY, Form::Boolean, By::Anyone),
    (CKA_WRAP, KEY, Form::Boolean, By::Anyone),
    (CKA_ENCAPSULATE, KEY, Form::Boolean, By::Anyone),
    (CKA_ALLOWED_MECHANISMS, KEY, Form::Numbers, By::Creator),
    (CKA_WRAP_TEMPLATE, KEY, Form::Template, By::Creator),
    (CKA_ENCAPSULATE_TEMPLATE, KEY, Form::Template, By::Creator),
    (CKA_LOCAL, KEY, Form::Boolean, By::Token),
    (CKA_KEY_GEN_MECHANISM, KEY, Form::Number, By::Token),
    (CKA_OBJECT_VALIDATION_FLAGS, KEY, Form::Number, By::Token),
    (CKA_MODULUS_BITS, RSA, Form::Number, By::Token),
    (CKA_MODULUS, RSA, Form::Bytes, By::Creator),
    (CKA_PUBLIC_EXPONENT, RSA, Form::Bytes, By::Creator),
    (CKA_EC_PARAMS, EC, Form::Bytes, By::Creator),
    (CKA_EC_POINT, EC, Form::Bytes, By::Creator),
    (CKA_SENSITIVE, NONE, Form::Boolean, By::Creator),
    (CKA_EXTRACTABLE, NONE, Form::Boolean, By::Creator),
    (CKA_ALWAYS_SENSITIVE, NONE, Form::Boolean, By::Token),
    (CKA_NEVER_EXTRACTABLE, NONE, Form::Boolean, By::Token),
    (CKA_SIGN, NONE, Form::Boolean, By::Creator),
    (CKA_SIGN_RECOVER, NONE, Form::Boolean, By::Creator),
    (CKA_DECRYPT, NONE, Form::Boolean, By::Creator),
    (CKA_UNWRAP, NONE, Form::Boolean, By::Creator),
    (CKA_DECAPSULATE, NONE, Form::Boolean, By::Creator),
    (CKA_VALUE_LEN, NONE, Form::Number, By::Creator),
    (CKA_ALWAYS_AUTHENTICATE, NONE, Form::Boolean, By::Creator),
    (CKA_WRAP_WITH_TRUSTED, NONE, Form::Boolean, By::Creator),
    (CKA_PRIVATE_EXPONENT, NONE, Form::Bytes, By::Creator),
    (CKA_APPLICATION, NONE, Form::Bytes, By::Creator),
    (CKA_OBJECT_ID, NONE, Form::Bytes, By::Creator),
    (CKA_OWNER, NONE, Form::Bytes, By::Creator),
    (CKA_PROFILE_ID, NONE, Form::Number, By::Creator),
];

impl Object {
    /// A session object as the template of C_CreateObject says: an X.509 certificate, or an RSA or
    /// EC public key.
    ///
    /// # Errors
    /// Those of section 4.1.1, [`Kind::TokenWriteProtected`] for a token object and
    /// [`Kind::CurveNotSupported`].
    pub(crate) fn from_template(template: &[Attribute], unique_id: String) -> Result<Self> {
        for attribute in template {
            check_known(attribute)?;
        }
        check_repetitions(template)?;
        check_token(template)?;
        let class = match required_number(template, CKA_CLASS)? {
            CKO_CERTIFICATE => Class::Certificate,
            CKO_PUBLIC_KEY => Class::PublicKey,
            class => {
                return Err(invalid(
                    CKA_CLASS,
                    &format!(
                        "objects of class {class:#x} cannot be created, only certificates and public keys"
                    ),
                ));
            }
        };
        match class {
            Class::Certificate => certificate(template, unique_id),
            _ => public_key(template, unique_id),
        }
    }

    /// A copy of a session object with other values for some attributes.
    ///
    /// # Errors
    /// Those of section 4.1.3, and [`Kind::TokenWriteProtected`] for a copy on the token.
    pub(crate) fn copied(&self, changes: &[Attribute], unique_id: String) -> Result<Self> {
        check_token(changes)?;
        self.with(changes, By::Copier, unique_id)
    }

    /// A session object with other values for some attributes.
    ///
    /// # Errors
    /// Those of section 4.1.2.
    pub(crate) fn changed(&self, changes: &[Attribute]) -> Result<Self> {
        self.with(changes, By::Anyone, self.unique_id().to_owned())
    }

    fn with(&self, changes: &[Attribute], by: By, unique_id: String) -> Result<Self> {
        let shape = self.shape();
        for change in changes {
            check_known(change)?;
            let who = check_belongs(change, shape)?;
            if who != By::Anyone && who != by {
                return Err(read_only(change.id));
            }
            let is_certificate_date =
                shape == CERTIFICATE && matches!(change.id, CKA_START_DATE | CKA_END_DATE);
            let is_again_copyable = change.id == CKA_COPYABLE && change.value == [CK_TRUE];
            if (is_certificate_date || is_again_copyable)
                && self.attribute(change.id) != Some(&bytes(&change.value))
            {
                return Err(read_only(change.id));
            }
        }
        check_repetitions(changes)?;
        let mut attributes: Attributes = self
            .attributes
            .iter()
            .filter(|(id, _)| *id != CKA_UNIQUE_ID)
            .cloned()
            .collect();
        set_all(&mut attributes, changes);
        Ok(Self::named(
            self.class,
            self.own_key.clone(),
            attributes,
            unique_id,
        ))
    }

    fn shape(&self) -> u8 {
        match self.public_key() {
            Some(key) if key.rsa().is_some() => RSA,
            Some(_) => EC,
            None => CERTIFICATE,
        }
    }

    /// Whether an attribute such as CKA_DESTROYABLE allows what the caller wants.
    ///
    /// # Errors
    /// [`Kind::ActionProhibited`].
    pub(crate) fn allows(&self, id: CK_ATTRIBUTE_TYPE) -> Result<()> {
        if self.attribute(id) == Some(&boolean(true)) {
            return Ok(());
        }
        Err(Error::new(
            Kind::ActionProhibited,
            format!("attribute {id:#x} of the object says that this is not allowed"),
        ))
    }
}

fn certificate(template: &[Attribute], unique_id: String) -> Result<Object> {
    check_shape(template, CERTIFICATE)?;
    match required_number(template, CKA_CERTIFICATE_TYPE)? {
        CKC_X_509 => {}
        other => {
            return Err(invalid(
                CKA_CERTIFICATE_TYPE,
                &format!("certificates of type {other:#x} cannot be created, only X.509 ones"),
            ));
        }
    }
    let subject = required(template, CKA_SUBJECT)?;
    let certificate = Certificate::from_der(required(template, CKA_VALUE)?)
        .map_err(|reason| invalid(CKA_VALUE, &format!("it is no X.509 certificate ({reason})")))?;
    if subject != certificate.subject() {
        return Err(inconsistent(
            "CKA_SUBJECT is not the subject of the certificate in CKA_VALUE",
        ));
    }
    let category = CK_CERTIFICATE_CATEGORY_UNSPECIFIED;
    let mut attributes = attributes::certificate(Names::default(), &certificate, category);
    check_derived(
        template,
        &attributes,
        &[CKA_CHECK_VALUE, CKA_PUBLIC_KEY_INFO],
    )?;
    // Their defaults are empty (section 4.6.3).
    for id in [CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_START_DATE, CKA_END_DATE] {
        set(&mut attributes, id, bytes(b""));
    }
    Ok(session_object(
        Class::Certificate,
        None,
        attributes,
        template,
        unique_id,
    ))
}

fn public_key(template: &[Attribute], unique_id: String) -> Result<Object> {
    let key = match required_number(template, CKA_KEY_TYPE)? {
        CKK_RSA => {
            check_shape(template, RSA)?;
            rsa_key(template)?
        }
        CKK_EC => {
            check_shape(template, EC)?;
            ec_key(template)?
        }
        other => {
            return Err(invalid(
                CKA_KEY_TYPE,
                &format!("public keys of type {other:#x} cannot be created, only RSA and EC keys"),
            ));
        }
    };
    let attributes = attributes::public_key(Names::default(), &key);
    check_derived(template, &attributes, &[CKA_PUBLIC_KEY_INFO])?;
    Ok(session_object(
        Class::PublicKey,
        Some(key),
        attributes,
        template,
        unique_id,
    ))
}

fn rsa_key(template: &[Attribute]) -> Result<PublicKey> {
    let modulus = required(template, CKA_MODULUS)?;
    let exponent = required(template, CKA_PUBLIC_EXPONENT)?;
    let uint = |id, bytes| UintRef::new(bytes).map_err(|_| invalid(id, "it is no number"));
    let key = rsa::pkcs1::RsaPublicKey {
        modulus: uint(CKA_MODULUS, modulus)?,
        public_exponent: uint(CKA_PUBLIC_EXPONENT, exponent)?,
    };
    spki::der::Encode::to_der(&key)
        .ok()
        .and_then(|der| PublicKey::from_rsa_public_key(&der).ok())
        .ok_or_else(|| invalid(CKA_MODULUS, "with CKA_PUBLIC_EXPONENT it is no RSA key"))
}

fn ec_key(template: &[Attribute]) -> Result<PublicKey> {
    let parameters = required(template, CKA_EC_PARAMS)?;
    let point = required(template, CKA_EC_POINT)?;
    let unsupported = || {
        Error::new(
            Kind::CurveNotSupported,
            "CKA_EC_PARAMS has to be the object identifier of P-256, P-384 or P-521",
        )
    };
    let oid = ObjectIdentifier::from_der(parameters).map_err(|_| {
        match parameters.first() {
            // ECParameters written out, or the name of a curve.
            Some(0x30 | 0x13) => unsupported(),
            _ => invalid(CKA_EC_PARAMS, "it is no DER ECParameters"),
        }
    })?;
    let curve = Curve::ALL
        .into_iter()
        .find(|curve| curve.oid() == oid)
        .ok_or_else(unsupported)?;
    OctetStringRef::from_der(point)
        .ok()
        .and_then(|point| PublicKey::from_ec_point(curve, point.as_bytes()).ok())
        .ok_or_else(|| {
            invalid(
                CKA_EC_POINT,
                "it is no DER OCTET STRING with a point on the curve",
            )
        })
}

/// The defaults of a session object under what the template says.
fn session_object(
    class: Class,
    key: Option<PublicKey>,
    mut attributes: Attributes,
    template: &[Attribute],
    unique_id: String,
) -> Object {
    set(&mut attributes, CKA_TOKEN, boolean(false));
    for id in [CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE] {
        set(&mut attributes, id, boolean(true));
    }
    set_all(&mut attributes, template);
    Object::named(class, key, attributes, unique_id)
}

fn set_all(attributes: &mut Attributes, template: &[Attribute]) {
    for attribute in template {
        set(attributes, attribute.id, bytes(&attribute.value));
    }
}

fn set(attributes: &mut Attributes, id: CK_ATTRIBUTE_TYPE, value: Value) {
    match attributes.iter_mut().find(|(known, _)| *known == id) {
        Some((_, old)) => *old = value,
        None => attributes.push((id, value)),
    }
}

/// What a template says of a value that follows from others has to be that value.
fn check_derived(
    template: &[Attribute],
    attributes: &Attributes,
    ids: &[CK_ATTRIBUTE_TYPE],
) -> Result<()> {
    for (id, value) in attributes.iter().filter(|(id, _)| ids.contains(id)) {
        if find(template, *id).is_some_and(|given| !value.is(given)) {
            return Err(invalid(*id, "it does not go with the other attributes"));
        }
    }
    Ok(())
}

fn check_token(template: &[Attribute]) -> Result<()> {
    match find(template, CKA_TOKEN) {
        Some([CK_TRUE]) => Err(Error::new(
            Kind::TokenWriteProtected,
            "token objects are SignPath's signing policies; create a session object, with \
             CKA_TOKEN false",
        )),
        _ => Ok(()),
    }
}

fn check_shape(template: &[Attribute], shape: u8) -> Result<()> {
    for attribute in template {
        if check_belongs(attribute, shape)? == By::Token {
            return Err(read_only(attribute.id));
        }
    }
    Ok(())
}

fn check_known(attribute: &Attribute) -> Result<()> {
    let Some((id, _, form, _)) = RULES.iter().find(|(id, ..)| *id == attribute.id) else {
        return Err(Error::new(
            Kind::AttributeType,
            format!("attribute {:#x} is not known", attribute.id),
        ));
    };
    let value = attribute.value.as_slice();
    let fits = match form {
        Form::Boolean => matches!(value, [CK_FALSE | CK_TRUE]),
        Form::Number => value.len() == size_of::<CK_ULONG>(),
        Form::Numbers => value.len() % size_of::<CK_ULONG>() == 0,
        Form::Date => value.is_empty() || value.len() == 8 && value.iter().all(u8::is_ascii_digit),
        Form::Bytes => true,
        Form::Template => value.is_empty(),
    };
    match (fits, *id, value) {
        (false, ..) => Err(invalid(*id, &format!("a {form:?} is expected"))),
        // Only the security officer may say that something is to be trusted.
        (true, CKA_TRUSTED, [CK_TRUE]) => Err(read_only(*id)),
        _ => Ok(()),
    }
}

fn check_belongs(attribute: &Attribute, shape: u8) -> Result<By> {
    RULES
        .iter()
        .find(|(id, shapes, ..)| *id == attribute.id && shapes & shape != 0)
        .map(|(.., by)| *by)
        .ok_or_else(|| {
            inconsistent(format!(
                "attribute {:#x} does not belong to an object of this class and type",
                attribute.id
            ))
        })
}

fn check_repetitions(template: &[Attribute]) -> Result<()> {
    for attribute in template {
        if find(template, attribute.id) != Some(&attribute.value) {
            return Err(inconsistent(format!(
                "attribute {:#x} has two values",
                attribute.id
            )));
        }
    }
    Ok(())
}

fn find(template: &[Attribute], id: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
    template
        .iter()
        .find(|attribute| attribute.id == id)
        .map(|attribute| attribute.value.as_slice())
}

fn required(template: &[Attribute], id: CK_ATTRIBUTE_TYPE) -> Result<&[u8]> {
    find(template, id).ok_or_else(|| {
        Error::new(
            Kind::TemplateIncomplete,
            format!("attribute {id:#x} is missing"),
        )
    })
}

fn required_number(template: &[Attribute], id: CK_ATTRIBUTE_TYPE) -> Result<CK_ULONG> {
    let value = required(template, id)?;
    value
        .try_into()
        .map(CK_ULONG::from_ne_bytes)
        .map_err(|_| invalid(id, "a number is expected"))
}

fn invalid(id: CK_ATTRIBUTE_TYPE, reason: &str) -> Error {
    Error::new(
        Kind::AttributeValue,
        format!("the value of attribute {id:#x} cannot be: {reason}"),
    )
}

fn inconsistent(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::TemplateInconsistent, reason)
}

fn read_only(id: CK_ATTRIBUTE_TYPE) -> Error {
    Error::new(
        Kind::AttributeReadOnly,
        format!("attribute {id:#x} cannot be given"),
    )
}
