//! Compact storage for attributes: a list can have 100 000 signing policies with three objects
//! each, and most of the 40 attributes of an object are the same for all objects of its kind.

use std::collections::HashSet;
use std::sync::Arc;

use cryptoki_sys::*;

use super::Value;
use super::attributes::Attributes;

/// The attributes that differ between objects of the same kind.
const UNSHARED: [CK_ATTRIBUTE_TYPE; 13] = [
    CKA_LABEL,
    CKA_UNIQUE_ID,
    CKA_ID,
    CKA_SUBJECT,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_VALUE,
    CKA_CHECK_VALUE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_PUBLIC_KEY_INFO,
    CKA_MODULUS,
    CKA_EC_POINT,
];

/// The immutable attributes of an object.
#[derive(Debug)]
pub(super) struct StoredAttributes {
    own: Packed,
    common: Arc<Packed>,
}

/// Attributes shared between objects, without duplicates.
#[derive(Debug, Default)]
pub(super) struct SharedAttributes(HashSet<Arc<Packed>>);

impl StoredAttributes {
    /// Stores `attributes`, sharing as many as possible through `common`.
    pub(super) fn new(attributes: Attributes, common: &mut SharedAttributes) -> Self {
        let is_own = |(id, _): &(CK_ATTRIBUTE_TYPE, Value)| UNSHARED.contains(id);
        let (own, others): (Attributes, Attributes) = attributes.into_iter().partition(is_own);
        let others = Packed::new(&others);
        let known = common.0.get(&others).cloned();
        let common = known.unwrap_or_else(|| {
            let others = Arc::new(others);
            common.0.insert(others.clone());
            others
        });
        Self { own: Packed::new(&own), common }
    }

    /// The value of an attribute, if the object has it.
    pub(super) fn get(&self, id: CK_ATTRIBUTE_TYPE) -> Option<Value<&[u8]>> {
        let parts = [&self.own, &*self.common];
        parts.into_iter().find_map(|part| part.get(id))
    }

    /// All attributes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, Value<&[u8]>)> {
        self.own.iter().chain(self.common.iter())
    }
}

/// Attributes whose values are stored in one allocation.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Packed {
    /// The length of each value; `None` for sensitive ones.
    lengths: Box<[(CK_ATTRIBUTE_TYPE, Option<u32>)]>,
    values: Box<[u8]>,
}

impl Packed {
    fn new(attributes: &Attributes) -> Self {
        let mut values = Vec::new();
        let length = |(id, value): &(CK_ATTRIBUTE_TYPE, Value)| match value {
            Value::Bytes(value) => {
                values.extend_from_slice(value);
                // Values come from responses and templates, which are limited in size.
                (*id, Some(value.len() as u32))
            }
            Value::Sensitive => (*id, None),
        };
        Self { lengths: attributes.iter().map(length).collect(), values: values.into() }
    }

    fn get(&self, id: CK_ATTRIBUTE_TYPE) -> Option<Value<&[u8]>> {
        self.iter().find_map(|(known, value)| (known == id).then_some(value))
    }

    fn iter(&self) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, Value<&[u8]>)> {
        let mut rest = &*self.values;
        self.lengths.iter().map(move |(id, length)| match length {
            Some(length) => {
                let (value, others) = rest.split_at_checked(*length as usize).unwrap_or_default();
                rest = others;
                (*id, Value::Bytes(value))
            }
            None => (*id, Value::Sensitive),
        })
    }
}
