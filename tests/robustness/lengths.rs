//! Lengths and counts that are too large, for values, templates and PINs that end where the next byte faults.

use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Answer, Module, Rv, Session, Template, null, ulong, with};

use crate::memory::Page;
use crate::samples::{WILD_COUNTS, WILD_LENGTHS};
use crate::{check, test_name};

/// The actual value of each attribute.
const VALUE: &[u8] = &[1, 0, 1];

const FIXED: &[CK_ATTRIBUTE_TYPE] =
    constants! { CKA_CLASS, CKA_KEY_TYPE, CKA_TOKEN, CKA_VERIFY, CKA_START_DATE };

const VARIABLE: &[CK_ATTRIBUTE_TYPE] =
    constants! { CKA_LABEL, CKA_ID, CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_ALLOWED_MECHANISMS };

/// The attributes of certificates, and one that nothing has.
const OTHERS: &[CK_ATTRIBUTE_TYPE] =
    constants! { CKA_VALUE, CKA_SUBJECT, CKA_CERTIFICATE_TYPE, CKA_VENDOR_DEFINED };

/// Lengths that no value of the demo policies has.
const ODD_LENGTHS: &[CK_ULONG] = &[301, 4999, 0xffff];

/// A template as C passes it.
type Raw = (*mut CK_ATTRIBUTE, CK_ULONG);

/// Searches with a template for one object. Returns how many were found.
fn find(session: Session, (template, count): Raw) -> Answer<usize> {
    let init = call!(session.module, C_FindObjectsInit(session.handle, template, count));
    init.answer(())?;
    let found = session.find_next(1).unwrap().len();
    assert_eq!(session.find_final(), CKR_OK);
    Ok(found)
}

fn create(session: Session, (template, count): Raw) -> Rv {
    call!(session.module, C_CreateObject(session.handle, template, count, &mut 0))
}

/// C_CopyObject and C_SetAttributeValue.
fn copy_and_change(session: Session, key: CK_OBJECT_HANDLE, (changes, count): Raw) -> [Rv; 2] {
    let (module, handle) = (session.module, session.handle);
    [
        call!(module, C_CopyObject(handle, key, changes, count, &mut 0)),
        call!(module, C_SetAttributeValue(handle, key, changes, count)),
    ]
}

/// The template of an RSA key that C_CreateObject takes.
pub fn public_key() -> Template {
    vec![
        (CKA_CLASS, ulong(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, ulong(CKK_RSA)),
        (CKA_MODULUS, vec![0xff; 256]),
        (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
    ]
}

/// A session, and a public key in it that can be copied and changed.
fn with_key(module: &Module) -> (Session<'_>, CK_OBJECT_HANDLE) {
    let session = module.logged_in().unwrap();
    (session, session.create(&public_key()).unwrap())
}

#[test]
fn a_value_of_a_wrong_length_is_never_read() {
    check(test_name!(), |module| {
        let (session, key) = with_key(module);
        let mut page = Page::new();
        let mut attribute = |id, length| CK_ATTRIBUTE {
            type_: id,
            pValue: page.place(VALUE).cast(),
            ulValueLen: length,
        };
        let lengths = [ODD_LENGTHS, WILD_LENGTHS].concat();
        let pairs = |ids: &[_], lengths: &[CK_ULONG]| {
            let pairs = ids.iter().map(|id| lengths.iter().map(|length| (*id, *length)));
            pairs.flatten().collect::<Vec<(CK_ATTRIBUTE_TYPE, CK_ULONG)>>()
        };
        for (id, length) in pairs(&[FIXED, VARIABLE, OTHERS].concat(), &lengths) {
            let found = find(session, (&mut attribute(id, length), 1));
            assert_eq!(found, Ok(0), "{id:#x} of {length} bytes");
        }
        for (id, length) in [pairs(FIXED, &lengths), pairs(VARIABLE, WILD_LENGTHS)].concat() {
            let mut template = public_key();
            template.retain(|(other, _)| *other != id);
            let created = with(&template, |start, count| {
                // SAFETY: that many attributes start there.
                let others = unsafe { std::slice::from_raw_parts(start, count as usize) };
                let mut template = [others, &[attribute(id, length)]].concat();
                create(session, (template.as_mut_ptr(), count + 1))
            });
            let changed = copy_and_change(session, key, (&mut attribute(id, length), 1));
            let answers = [created, changed[0], changed[1]];
            let expected = [CKR_ATTRIBUTE_VALUE_INVALID; 3];
            assert_eq!(answers, expected, "{id:#x} of {length} bytes");
        }
    });
}

#[test]
fn a_template_of_more_than_1024_attributes_is_never_read() {
    check(test_name!(), |module| {
        let (session, key) = with_key(module);
        let mut page = Page::new();
        let empty = [CKA_LABEL, 0, 0].map(CK_ULONG::to_ne_bytes).concat();
        let template: *mut CK_ATTRIBUTE = page.place(&empty).cast();
        for count in WILD_COUNTS {
            let raw = (template, *count);
            let [copied, changed] = copy_and_change(session, key, raw);
            let read = call!(module, C_GetAttributeValue(session.handle, key, template, *count));
            let found = find(session, raw).unwrap_err();
            let answers = [found, create(session, raw), copied, changed, read];
            assert_eq!(answers, [CKR_ARGUMENTS_BAD; 5], "{count}");
        }
        let most = vec![(CKA_TOKEN, vec![CK_TRUE]); 1024];
        let found = with(&most, |template, count| find(session, (template, count)));
        assert_eq!(found, Ok(1));
        assert_eq!(find(session, (null(), 0)), Ok(1));
    });
}

#[test]
fn a_pin_that_is_too_long_is_never_read() {
    check(test_name!(), |module| {
        assert_eq!(module.initialize(), CKR_OK);
        let session = module.session().handle;
        let mut page = Page::new();
        let (pin, length, user) = (page.place(b"CONFIG"), 6, CKU_USER);
        for longer in [&[4097], WILD_LENGTHS].concat() {
            let answers = [
                call!(module, C_Login(session, user, pin, longer)),
                call!(module, C_LoginUser(session, user, pin, longer, pin, length)),
                call!(module, C_LoginUser(session, user, pin, length, pin, longer)),
            ];
            assert_eq!(answers, [CKR_ARGUMENTS_BAD; 3], "{longer}");
        }
        assert_eq!(call!(module, C_Login(session, user, pin, length)), CKR_OK);
    });
}
