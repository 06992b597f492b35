//! Structures that are drawn: mechanisms, templates, and the arguments of C_Initialize.

use cryptoki_sys::*;
use pkcs11_test::harness::Mechanism;

use super::{Draw, Values};
use crate::lengths::public_key;
use crate::samples::{
    ATTRIBUTES, GOOD_MECHANISMS, MECHANISMS, NUMBERS, TEXTS, WILD_COUNTS, WILD_LENGTHS,
};

impl Draw {
    pub fn mechanism(&mut self) -> usize {
        let id = match self.is_careful {
            true if self.function == "C_DigestInit" => CKM_SHA256,
            true => *self.one_of(GOOD_MECHANISMS),
            false => *self.one_of(MECHANISMS),
        };
        let pss = |salt| Mechanism::pss(id, CKM_SHA256, CKG_MGF1_SHA256, salt).parameter;
        let parameter = match self.random.u8(if self.is_careful { 2..8 } else { 0..8 }) {
            0 => self.content(),
            1 => pss(*self.one_of(NUMBERS)),
            _ if [CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS].contains(&id) => pss(32),
            _ => Vec::new(),
        };
        let length = match self.is_huge() {
            true => CK_ULONG::MAX - 7,
            false => parameter.len() as CK_ULONG,
        };
        let parameter = if parameter.is_empty() { 0 } else { self.place_or_null(&parameter) };
        self.place_or_null(&around_pointer(id, parameter, length))
    }

    pub fn template(&mut self) -> (usize, Option<CK_ULONG>) {
        if self.is_null() {
            return (0, Some(self.number(usize::MAX)));
        }
        if self.is_careful && self.function == "C_CreateObject" {
            let label = (CKA_LABEL, self.one_of(TEXTS).to_vec());
            return self.attributes(&[public_key(), vec![label]].concat());
        }
        if self.is_careful && ["C_CopyObject", "C_SetAttributeValue"].contains(&self.function) {
            return self.attributes(&[(CKA_LABEL, b"label".to_vec())]);
        }
        // C_GetAttributeValue writes as much as it is told that there is room for.
        let is_filled = self.function == "C_GetAttributeValue";
        let mut template = Vec::new();
        let count = self.random.usize(..5);
        for _ in 0..count {
            let (value, length) = match self.random.u8(..4) {
                0 => {
                    let number = self.number(usize::MAX).to_ne_bytes();
                    (self.place(&number), Some(number.len() as CK_ULONG))
                }
                _ => self.bytes(!is_filled),
            };
            let length = match !is_filled && self.is_wild() {
                true => *self.one_of(WILD_LENGTHS),
                false => length.unwrap_or_default(),
            };
            let id = *self.one_of(ATTRIBUTES);
            template.extend(around_pointer(id, value, length));
        }
        let length = match self.is_wild() {
            true => *self.one_of(WILD_COUNTS),
            false => count as CK_ULONG,
        };
        (self.place(&template), Some(length))
    }

    fn attributes(&mut self, values: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]) -> (usize, Option<CK_ULONG>) {
        let template: Vec<u8> = values
            .iter()
            .flat_map(|(id, value)| around_pointer(*id, self.place(value), value.len() as CK_ULONG))
            .collect();
        (self.place(&template), Some(values.len() as CK_ULONG))
    }

    pub fn initialize_arguments(&mut self) -> usize {
        let mutexes = match self.random.u8(..3) {
            0 => [(); 4].map(|()| self.callback()),
            1 => [self.callback(); 4],
            _ => [0; 4],
        };
        let flags = match self.values {
            Values::Huge => usize::MAX,
            _ => self.random.usize(..4),
        };
        let reserved = self.random.usize(..8) / 7;
        let bytes = [
            mutexes.map(usize::to_ne_bytes).as_flattened(),
            &(flags as CK_FLAGS).to_ne_bytes(),
            &reserved.to_ne_bytes(),
        ]
        .concat();
        assert_eq!(bytes.len(), size_of::<CK_C_INITIALIZE_ARGS>());
        self.place_or_null(&bytes)
    }
}

/// A CK_MECHANISM or a CK_ATTRIBUTE, which have the same form. On Windows they are packed, and a
/// pointer is longer than a number.
fn around_pointer(id: CK_ULONG, pointer: usize, length: CK_ULONG) -> Vec<u8> {
    let (id, length) = (id.to_ne_bytes(), length.to_ne_bytes());
    [&id[..], &pointer.to_ne_bytes(), &length].concat()
}
