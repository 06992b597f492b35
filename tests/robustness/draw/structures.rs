//! Structures that are drawn: mechanisms, templates, and the arguments of C_Initialize.

use cryptoki_sys::*;

use super::{Draw, Values};
use crate::arguments::notify;
use crate::samples::{
    ATTRIBUTES, GOOD_MECHANISMS, MECHANISMS, NUMBERS, TEXTS, WILD_COUNTS, WILD_LENGTHS,
};

impl Draw {
    pub fn mechanism(&mut self) -> usize {
        let pss = |salt: CK_ULONG| [CKM_SHA256, CKG_MGF1_SHA256, salt].map(CK_ULONG::to_ne_bytes);
        let id = match self.is_careful {
            true if self.function == "C_DigestInit" => CKM_SHA256,
            true => *self.one_of(GOOD_MECHANISMS),
            false => *self.one_of(MECHANISMS),
        };
        let (parameter, length) = match self.random.u8(if self.is_careful { 2..8 } else { 0..8 }) {
            0 => self.bytes(true),
            1 => {
                let salt = *self.one_of(NUMBERS);
                let pss = pss(salt).concat();
                (self.place(&pss), Some(pss.len() as CK_ULONG))
            }
            _ if [CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS].contains(&id) => {
                let pss = pss(32).concat();
                (self.place(&pss), Some(pss.len() as CK_ULONG))
            }
            _ => (0, Some(0)),
        };
        self.place_or_null(&around_pointer(id, parameter, length.unwrap_or_default()))
    }

    pub fn template(&mut self) -> (usize, Option<CK_ULONG>) {
        if self.is_null() {
            return (0, Some(self.number(usize::MAX)));
        }
        if self.is_careful && self.function == "C_CreateObject" {
            return self.public_key();
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

    /// The template of an RSA key that C_CreateObject takes.
    fn public_key(&mut self) -> (usize, Option<CK_ULONG>) {
        let number = |number: CK_ULONG| number.to_ne_bytes().to_vec();
        let values = [
            (CKA_CLASS, number(CKO_PUBLIC_KEY)),
            (CKA_KEY_TYPE, number(CKK_RSA)),
            (CKA_MODULUS, vec![0xff; 256]),
            (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
            (CKA_LABEL, self.one_of(TEXTS).to_vec()),
        ];
        self.attributes(&values)
    }

    fn attributes(&mut self, values: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]) -> (usize, Option<CK_ULONG>) {
        let template: Vec<u8> = values
            .iter()
            .flat_map(|(id, value)| around_pointer(*id, self.place(value), value.len() as CK_ULONG))
            .collect();
        (self.place(&template), Some(values.len() as CK_ULONG))
    }

    pub fn initialize_arguments(&mut self) -> usize {
        let mutex = |is_there: bool| match is_there {
            true => notify as *const () as usize,
            false => 0,
        };
        let mixed = [(); 4].map(|()| mutex(self.random.bool()));
        let mutexes = match self.random.u8(..3) {
            0 => mixed,
            1 => [mutex(true); 4],
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
