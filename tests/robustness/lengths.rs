//! Lengths and counts of more than there is: values, attributes and PINs that end where the next
//! byte faults.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::arguments::{WILD_COUNTS, WILD_LENGTHS};
use crate::common::raw::{self, Raw, ck};
use crate::memory::Page;
use crate::{check, test_name};

/// What is really there of each value.
const VALUE: &[u8] = &[1, 0, 1];

const FIXED: [CK_ATTRIBUTE_TYPE; 5] = [
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_TOKEN,
    CKA_VERIFY,
    CKA_START_DATE,
];

const VARIABLE: [CK_ATTRIBUTE_TYPE; 5] = [
    CKA_LABEL,
    CKA_ID,
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_ALLOWED_MECHANISMS,
];

/// The attributes of certificates, and one that nothing has.
const OTHERS: [CK_ATTRIBUTE_TYPE; 4] = [
    CKA_VALUE,
    CKA_SUBJECT,
    CKA_CERTIFICATE_TYPE,
    CKA_VENDOR_DEFINED,
];

/// Lengths that no attribute of a fixed size has, no name, and no other value of the demo policies.
const ODD_LENGTHS: [CK_ULONG; 3] = [301, 4999, 0xffff];

struct Session {
    raw: Raw,
    handle: CK_SESSION_HANDLE,
    /// A public key that can be copied and changed.
    key: CK_OBJECT_HANDLE,
}

impl Session {
    fn open() -> Self {
        let raw = Raw::load();
        let handle = raw::logged_in(&raw);
        let key = raw::created(&raw, handle, &public_key());
        Self { raw, handle, key }
    }

    /// What is found with a template.
    fn find(&self, template: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Result<CK_ULONG, CK_RV> {
        let init = ck!(self.raw, C_FindObjectsInit(self.handle, template, count));
        if init != CKR_OK {
            return Err(init);
        }
        let (mut object, mut found) = (0, 0);
        let find = ck!(
            self.raw,
            C_FindObjects(self.handle, &mut object, 1, &mut found)
        );
        assert_eq!(find, CKR_OK);
        assert_eq!(ck!(self.raw, C_FindObjectsFinal(self.handle)), CKR_OK);
        Ok(found)
    }

    fn create(&self, template: *mut CK_ATTRIBUTE, count: CK_ULONG) -> CK_RV {
        let mut created = 0;
        ck!(
            self.raw,
            C_CreateObject(self.handle, template, count, &mut created)
        )
    }

    fn copy(&self, template: *mut CK_ATTRIBUTE, count: CK_ULONG) -> CK_RV {
        let mut copied = 0;
        ck!(
            self.raw,
            C_CopyObject(self.handle, self.key, template, count, &mut copied)
        )
    }

    fn change(&self, template: *mut CK_ATTRIBUTE, count: CK_ULONG) -> CK_RV {
        ck!(
            self.raw,
            C_SetAttributeValue(self.handle, self.key, template, count)
        )
    }
}

/// The template of an RSA key that C_CreateObject takes.
fn public_key() -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    let number = |number: CK_ULONG| number.to_ne_bytes().to_vec();
    vec![
        (CKA_CLASS, number(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, number(CKK_RSA)),
        (CKA_MODULUS, vec![0xff; 256]),
        (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
    ]
}

#[test]
fn a_value_of_a_length_that_is_not_its_own_is_never_read() {
    check(test_name!(), "lengths", || {
        let session = Session::open();
        let mut page = Page::new();
        let mut attribute = |id, length| CK_ATTRIBUTE {
            type_: id,
            pValue: page.place(VALUE).cast(),
            ulValueLen: length,
        };
        let lengths = [&ODD_LENGTHS, WILD_LENGTHS].concat();
        for id in [&FIXED[..], &VARIABLE, &OTHERS].concat() {
            for length in &lengths {
                let found = session.find(&mut attribute(id, *length), 1);
                assert_eq!(found, Ok(0), "{id:#x} of {length} bytes");
            }
        }
        let fixed = FIXED
            .iter()
            .flat_map(|id| lengths.iter().map(move |length| (*id, *length)));
        let variable = VARIABLE
            .iter()
            .flat_map(|id| WILD_LENGTHS.iter().map(move |length| (*id, *length)));
        for (id, length) in fixed.chain(variable) {
            let what = format!("{id:#x} of {length} bytes");
            let mut values = public_key();
            values.retain(|(other, _)| *other != id);
            let mut template: Vec<_> = values
                .iter_mut()
                .map(|(id, value)| raw::attribute(*id, value))
                .collect();
            template.push(attribute(id, length));
            let count = template.len() as CK_ULONG;
            let created = session.create(template.as_mut_ptr(), count);
            assert_eq!(created, CKR_ATTRIBUTE_VALUE_INVALID, "{what}");
            let copied = session.copy(&mut attribute(id, length), 1);
            assert_eq!(copied, CKR_ATTRIBUTE_VALUE_INVALID, "{what}");
            let changed = session.change(&mut attribute(id, length), 1);
            assert_eq!(changed, CKR_ATTRIBUTE_VALUE_INVALID, "{what}");
        }
    });
}

#[test]
fn a_template_of_more_than_1024_attributes_is_refused_before_it_is_read() {
    check(test_name!(), "counts", || {
        let session = Session::open();
        let mut page = Page::new();
        let empty = [CKA_LABEL, 0, 0].map(CK_ULONG::to_ne_bytes).concat();
        let template = page.place(&empty).cast();
        for count in WILD_COUNTS {
            let answers = [
                session.find(template, *count).unwrap_err(),
                session.create(template, *count),
                session.copy(template, *count),
                session.change(template, *count),
                ck!(
                    session.raw,
                    C_GetAttributeValue(session.handle, session.key, template, *count)
                ),
            ];
            assert_eq!(answers, [CKR_ARGUMENTS_BAD; 5], "{count}");
        }
        let mut most = vec![raw::attribute(CKA_TOKEN, &mut [CK_TRUE]); 1024];
        assert_eq!(session.find(most.as_mut_ptr(), 1024), Ok(1));
        assert_eq!(session.find(null_mut(), 0), Ok(1));
    });
}

#[test]
fn a_pin_longer_than_any_is_refused_and_never_read() {
    check(test_name!(), "PINs", || {
        let raw = Raw::load();
        assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION;
        let opened = ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
        assert_eq!(opened, CKR_OK);
        let mut page = Page::new();
        let pin = page.place(b"CONFIG");
        let (user, length) = (CKU_USER, 6);
        for longer in [&[4097], WILD_LENGTHS].concat() {
            let answers = [
                ck!(raw, C_Login(session, user, pin, longer)),
                ck!(raw, C_LoginUser(session, user, pin, longer, pin, length)),
                ck!(raw, C_LoginUser(session, user, pin, length, pin, longer)),
            ];
            assert_eq!(answers, [CKR_ARGUMENTS_BAD; 3], "{longer}");
        }
        assert_eq!(ck!(raw, C_Login(session, user, pin, length)), CKR_OK);
    });
}
