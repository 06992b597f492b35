//! Converts the templates of C_CreateObject, C_CopyObject and C_SetAttributeValue to session
//! objects (PKCS #11 3.2, section 4.1).

use std::ops::RangeInclusive;

use cryptoki_sys::*;
use spki::ObjectIdentifier;
use spki::der::Decode;
use spki::der::asn1::{OctetStringRef, UintRef};

use super::attributes::{self, Attributes, Names, boolean, bytes};
use super::rules::{self, CERTIFICATE, EC, ML_DSA, RSA, SettableBy};
use super::{Attribute, Certificate, Class, Object, SharedAttributes, Value};
use crate::constant_names;
use crate::error::{Error, Kind, Result};
use signpath_crypto::{Curve, MlDsa, PublicKey};

/// An attribute of a template, with a value of the right type.
struct TypedAttribute<'a> {
    id: CK_ATTRIBUTE_TYPE,
    value: &'a [u8],
}

impl Object {
    /// Creates a session object from the template of C_CreateObject: an X.509 certificate, or an
    /// RSA, EC or ML-DSA public key.
    ///
    /// # Errors
    /// Those of section 4.1.1, [`Kind::TokenWriteProtected`] for a token object, for EC keys
    /// [`Kind::DomainParameters`], [`Kind::CurveNotSupported`] and [`Kind::PublicKey`], and for ML-DSA keys
    /// [`Kind::ParameterSet`].
    pub(crate) fn from_template(template: &[Attribute], unique_id: String) -> Result<Self> {
        let template = &given(template)?;
        check_repetitions(template)?;
        check_token(template)?;
        let class = match required_number(template, CKA_CLASS)? {
            CKO_CERTIFICATE => Class::Certificate,
            CKO_PUBLIC_KEY => Class::PublicKey,
            class => {
                return Err(not_created(
                    CKA_CLASS,
                    CKO_DATA..=CKO_TRUST,
                    class,
                    &constant_names::object_class(class),
                    "certificates and public keys",
                ));
            }
        };
        match class {
            Class::Certificate => certificate(template, unique_id),
            _ => public_key(template, unique_id),
        }
    }

    /// Copies a session object with changes to some attributes.
    ///
    /// # Errors
    /// Those of section 4.1.3, and [`Kind::TokenWriteProtected`] if the copy would be a token
    /// object.
    pub(crate) fn copied(&self, changes: &[Attribute], unique_id: String) -> Result<Self> {
        let changes = given(changes)?;
        check_token(&changes)?;
        self.with(&changes, SettableBy::Copier, unique_id)
    }

    /// Changes some attributes of a session object.
    ///
    /// # Errors
    /// Those of section 4.1.2.
    pub(crate) fn changed(&self, changes: &[Attribute]) -> Result<Self> {
        self.with(&given(changes)?, SettableBy::Anyone, self.unique_id().to_string())
    }

    fn with(&self, changes: &[TypedAttribute], by: SettableBy, unique_id: String) -> Result<Self> {
        let shape = self.shape();
        for change in changes {
            let by_whom = check_belongs(change, shape)?;
            if by_whom != SettableBy::Anyone && by_whom != by {
                return Err(read_only(change.id));
            }
            let is_certificate_date =
                shape == CERTIFICATE && matches!(change.id, CKA_START_DATE | CKA_END_DATE);
            let is_again_copyable = change.id == CKA_COPYABLE && change.value == [CK_TRUE];
            if (is_certificate_date || is_again_copyable) && !self.has(change.id, change.value) {
                return Err(read_only(change.id));
            }
        }
        check_repetitions(changes)?;
        let mut attributes: Attributes = self
            .attributes
            .iter()
            .filter(|(id, _)| *id != CKA_UNIQUE_ID)
            .map(|(id, value)| match value {
                Value::Bytes(value) => (id, bytes(value)),
                Value::Sensitive => (id, Value::Sensitive),
            })
            .collect();
        set_all(&mut attributes, changes);
        Ok(Self::named(
            self.class,
            self.own_key.as_deref().cloned(),
            attributes,
            unique_id,
            &mut SharedAttributes::default(),
        ))
    }

    fn shape(&self) -> u8 {
        match self.public_key() {
            Some(key) if key.is_rsa() => RSA,
            Some(key) if key.ml_dsa().is_some() => ML_DSA,
            Some(_) => EC,
            None => CERTIFICATE,
        }
    }

    /// Checks that an attribute such as CKA_DESTROYABLE permits an action.
    ///
    /// # Errors
    /// [`Kind::ActionProhibited`].
    pub(crate) fn allows(&self, id: CK_ATTRIBUTE_TYPE) -> Result<()> {
        if self.has(id, &[CK_TRUE]) {
            return Ok(());
        }
        Err(Error::new(
            Kind::ActionProhibited,
            format!("{} of the object forbids it", constant_names::attribute(id)),
        ))
    }
}

fn certificate(template: &[TypedAttribute], unique_id: String) -> Result<Object> {
    check_shape(template, CERTIFICATE)?;
    match required_number(template, CKA_CERTIFICATE_TYPE)? {
        CKC_X_509 => {}
        other => {
            return Err(not_created(
                CKA_CERTIFICATE_TYPE,
                CKC_X_509..=CKC_WTLS,
                other,
                &constant_names::certificate_type(other),
                "X.509 certificates",
            ));
        }
    }
    let subject = required(template, CKA_SUBJECT)?;
    let certificate = Certificate::from_der(required(template, CKA_VALUE)?).map_err(|reason| {
        let reason = format!("is not an X.509 certificate ({reason})");
        invalid(CKA_VALUE, &reason)
    })?;
    if subject != certificate.subject() {
        return Err(inconsistent("CKA_SUBJECT is not the subject of the certificate in CKA_VALUE"));
    }
    let category = CK_CERTIFICATE_CATEGORY_UNSPECIFIED;
    let mut attributes = attributes::certificate(Names::default(), &certificate, category);
    check_derived(template, &attributes, &[CKA_CHECK_VALUE, CKA_PUBLIC_KEY_INFO])?;
    // These attributes are empty by default (section 4.6.3).
    for id in [CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_START_DATE, CKA_END_DATE] {
        set(&mut attributes, id, bytes(b""));
    }
    Ok(session_object(Class::Certificate, None, attributes, template, unique_id))
}

fn public_key(template: &[TypedAttribute], unique_id: String) -> Result<Object> {
    let key = match required_number(template, CKA_KEY_TYPE)? {
        CKK_RSA => {
            check_shape(template, RSA)?;
            rsa_key(template)?
        }
        CKK_EC => {
            check_shape(template, EC)?;
            ec_key(template)?
        }
        CKK_ML_DSA => {
            check_shape(template, ML_DSA)?;
            ml_dsa_key(template)?
        }
        other => {
            return Err(not_created(
                CKA_KEY_TYPE,
                CKK_RSA..=CKK_SLH_DSA,
                other,
                &constant_names::key_type(other),
                "RSA, EC and ML-DSA public keys",
            ));
        }
    };
    let attributes = attributes::public_key(Names::default(), &key);
    check_derived(template, &attributes, &[CKA_PUBLIC_KEY_INFO])?;
    Ok(session_object(Class::PublicKey, Some(key), attributes, template, unique_id))
}

fn rsa_key(template: &[TypedAttribute]) -> Result<PublicKey> {
    let modulus = required(template, CKA_MODULUS)?;
    let exponent = required(template, CKA_PUBLIC_EXPONENT)?;
    let uint =
        |id, bytes| UintRef::new(bytes).map_err(|_| invalid(id, "is not an unsigned integer"));
    uint(CKA_MODULUS, modulus)?;
    uint(CKA_PUBLIC_EXPONENT, exponent)?;
    PublicKey::from_rsa(modulus, exponent)
        .map_err(|_| invalid(CKA_MODULUS, "is not a valid RSA modulus for CKA_PUBLIC_EXPONENT"))
}

fn ec_key(template: &[TypedAttribute]) -> Result<PublicKey> {
    let parameters = required(template, CKA_EC_PARAMS)?;
    let point = required(template, CKA_EC_POINT)?;
    let refused = |kind| {
        Error::new(kind, "CKA_EC_PARAMS must be the object identifier of P-256, P-384 or P-521")
    };
    // Explicit curve parameters and curve names are not supported (section 6.3).
    let oid =
        ObjectIdentifier::from_der(parameters).map_err(|_| refused(Kind::DomainParameters))?;
    let curve = Curve::ALL
        .into_iter()
        .find(|curve| curve.oid() == oid)
        .ok_or_else(|| refused(Kind::CurveNotSupported))?;
    let point = OctetStringRef::from_der(point)
        .map_err(|_| invalid(CKA_EC_POINT, "is not a DER OCTET STRING"))?
        .as_bytes();
    let coordinate = curve.field_length();
    match point.first() {
        Some(4) if point.len() == 1 + 2 * coordinate => {}
        Some(2 | 3) if point.len() == 1 + coordinate => {
            return Err(inconsistent(
                "the point in CKA_EC_POINT is compressed, which is not supported (CKF_EC_COMPRESS)",
            ));
        }
        _ => return Err(invalid(CKA_EC_POINT, "is not an uncompressed point")),
    }
    PublicKey::from_ec_point(curve, point).map_err(|_| {
        Error::new(
            Kind::PublicKey,
            "the point in CKA_EC_POINT is not on the curve in CKA_EC_PARAMS",
        )
    })
}

fn ml_dsa_key(template: &[TypedAttribute]) -> Result<PublicKey> {
    let wanted = required_number(template, CKA_PARAMETER_SET)?;
    let key = required(template, CKA_VALUE)?;
    let parameter_set = MlDsa::ALL
        .into_iter()
        .find(|set| attributes::parameter_set_id(*set) == wanted)
        .ok_or_else(|| {
            Error::new(
                Kind::ParameterSet,
                format!("CKA_PARAMETER_SET is {wanted}, but must be CKP_ML_DSA_44, CKP_ML_DSA_65 or CKP_ML_DSA_87"),
            )
        })?;
    PublicKey::from_ml_dsa(parameter_set, key).map_err(|_| {
        let (name, length) = (parameter_set.name(), parameter_set.key_length());
        let reason = format!("has {} bytes, but a public key of {name} has {length}", key.len());
        invalid(CKA_VALUE, &reason)
    })
}

/// The attributes of a session object: those of the template, and defaults for the others.
fn session_object(
    class: Class,
    key: Option<PublicKey>,
    mut attributes: Attributes,
    template: &[TypedAttribute],
    unique_id: String,
) -> Object {
    set(&mut attributes, CKA_TOKEN, boolean(false));
    for id in [CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE] {
        set(&mut attributes, id, boolean(true));
    }
    set_all(&mut attributes, template);
    Object::named(class, key, attributes, unique_id, &mut SharedAttributes::default())
}

fn set_all(attributes: &mut Attributes, template: &[TypedAttribute]) {
    for attribute in template {
        set(attributes, attribute.id, bytes(attribute.value));
    }
}

fn set(attributes: &mut Attributes, id: CK_ATTRIBUTE_TYPE, value: Value) {
    match attributes.iter_mut().find(|(known, _)| *known == id) {
        Some((_, old)) => *old = value,
        None => attributes.push((id, value)),
    }
}

/// Checks that an attribute whose value follows from others has that value.
fn check_derived(
    template: &[TypedAttribute],
    attributes: &Attributes,
    ids: &[CK_ATTRIBUTE_TYPE],
) -> Result<()> {
    for (id, value) in attributes.iter().filter(|(id, _)| ids.contains(id)) {
        if find(template, *id).is_some_and(|given| !value.is(given)) {
            return Err(invalid(*id, "contradicts the other attributes"));
        }
    }
    Ok(())
}

fn check_token(template: &[TypedAttribute]) -> Result<()> {
    match find(template, CKA_TOKEN) {
        Some([CK_TRUE]) => Err(Error::new(
            Kind::TokenWriteProtected,
            "token objects cannot be created; create a session object with CKA_TOKEN false",
        )),
        _ => Ok(()),
    }
}

fn check_shape(template: &[TypedAttribute], shape: u8) -> Result<()> {
    for attribute in template {
        if check_belongs(attribute, shape)? == SettableBy::Token {
            return Err(read_only(attribute.id));
        }
    }
    Ok(())
}

/// Reads the values of a template, each after checking that the attribute can have its length.
fn given<'a>(template: &[Attribute<'a>]) -> Result<Vec<TypedAttribute<'a>>> {
    template.iter().map(read).collect()
}

fn read<'a>(attribute: &Attribute<'a>) -> Result<TypedAttribute<'a>> {
    let id = attribute.id;
    let Some(form) = rules::value_type(id) else {
        return Err(Error::new(
            Kind::UnknownAttribute,
            format!(
                "unknown attribute {}; remove it from the template",
                constant_names::attribute(id)
            ),
        ));
    };
    let value = match form.has_length(attribute.length) {
        true => attribute.up_to(rules::MAX_VALUE_LENGTH),
        false => None,
    };
    match value.filter(|value| form.has_value(value)) {
        None => {
            let reason = format!("{}; it is {} bytes long", form.expected(), attribute.length);
            Err(invalid(id, &reason))
        }
        // Only the security officer may mark something as trusted.
        Some([CK_TRUE]) if id == CKA_TRUSTED => Err(read_only(id)),
        Some(value) => Ok(TypedAttribute { id, value }),
    }
}

fn check_belongs(attribute: &TypedAttribute, shape: u8) -> Result<SettableBy> {
    rules::settable_by(attribute.id, shape).ok_or_else(|| {
        let name = constant_names::attribute(attribute.id);
        inconsistent(format!("objects of this class and type do not have {name}; remove it"))
    })
}

fn check_repetitions(template: &[TypedAttribute]) -> Result<()> {
    for attribute in template {
        if find(template, attribute.id) != Some(attribute.value) {
            let name = constant_names::attribute(attribute.id);
            return Err(inconsistent(format!(
                "the template contains {name} twice with different values"
            )));
        }
    }
    Ok(())
}

fn find<'a>(template: &[TypedAttribute<'a>], id: CK_ATTRIBUTE_TYPE) -> Option<&'a [u8]> {
    template.iter().find(|attribute| attribute.id == id).map(|attribute| attribute.value)
}

fn required<'a>(template: &[TypedAttribute<'a>], id: CK_ATTRIBUTE_TYPE) -> Result<&'a [u8]> {
    find(template, id).ok_or_else(|| {
        Error::new(
            Kind::TemplateIncomplete,
            format!("the template lacks {}; add it", constant_names::attribute(id)),
        )
    })
}

fn required_number(template: &[TypedAttribute], id: CK_ATTRIBUTE_TYPE) -> Result<CK_ULONG> {
    let value = required(template, id)?;
    value
        .try_into()
        .map(CK_ULONG::from_ne_bytes)
        .map_err(|_| invalid(id, &rules::ValueType::Number.expected()))
}

fn invalid(id: CK_ATTRIBUTE_TYPE, reason: &str) -> Error {
    Error::new(
        Kind::AttributeValue,
        format!("the value of {} {reason}", constant_names::attribute(id)),
    )
}

/// The error for a kind of object that cannot be created. If the standard defines it, the value is
/// valid but unsupported; otherwise the value itself is invalid (section 4.1.1).
fn not_created(
    id: CK_ATTRIBUTE_TYPE,
    standard: RangeInclusive<CK_ULONG>,
    value: CK_ULONG,
    name: &str,
    created: &str,
) -> Error {
    let kind = match standard.contains(&value) {
        true => Kind::TemplateInconsistent,
        false => Kind::AttributeValue,
    };
    let attribute = constant_names::attribute(id);
    Error::new(kind, format!("{attribute} is {name}, but only {created} can be created"))
}

fn inconsistent(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::TemplateInconsistent, reason)
}

fn read_only(id: CK_ATTRIBUTE_TYPE) -> Error {
    Error::new(
        Kind::AttributeReadOnly,
        format!("{} is read-only here; remove it from the template", constant_names::attribute(id)),
    )
}
