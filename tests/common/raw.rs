//! The functions of the module as C sees them, for what a safe wrapper does not let through.

use std::ptr;

use cryptoki_sys::*;
use libloading::Library;

/// The loaded module. The functions are those of its 3.2 interface.
pub struct Raw {
    functions: *const CK_FUNCTION_LIST_3_2,
    _library: Library,
}

// SAFETY: the functions of a module may be called from any thread, and the list is never written.
unsafe impl Send for Raw {}
// SAFETY: the same.
unsafe impl Sync for Raw {}

impl Raw {
    /// Loads the module.
    pub fn load() -> Self {
        let mut version = CK_VERSION { major: 3, minor: 2 };
        let mut interface = ptr::null_mut();
        // SAFETY: the library is the module's, which has C_GetInterface with this signature, and
        // the interface of that version holds a list of that version.
        unsafe {
            let library = Library::new(super::module_path()).unwrap();
            let get_interface = library
                .get::<unsafe extern "C" fn(
                    *mut CK_UTF8CHAR,
                    *mut CK_VERSION,
                    *mut *mut CK_INTERFACE,
                    CK_FLAGS,
                ) -> CK_RV>(b"C_GetInterface")
                .unwrap();
            let name = c"PKCS 11".as_ptr().cast_mut().cast();
            assert_eq!(get_interface(name, &mut version, &mut interface, 0), CKR_OK);
            Self {
                functions: (*interface).pFunctionList.cast(),
                _library: library,
            }
        }
    }

    /// The function list.
    pub fn functions(&self) -> &CK_FUNCTION_LIST_3_2 {
        // SAFETY: it lives as long as the library is loaded, which is as long as `self`.
        unsafe { &*self.functions }
    }
}

/// The names of all functions of PKCS #11 3.2, in the order of its function list, which is how
/// cryptoki-sys renders the header of the standard.
pub fn function_names() -> Vec<String> {
    let list = format!("{:?}", CK_FUNCTION_LIST_3_2::default());
    list.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("C_"))
        .map(str::to_owned)
        .collect()
}

/// Calls a function of the list with the arguments that the standard gives it.
macro_rules! ck {
    ($raw:expr, $name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: what a test hands over is as the standard demands, or what the test is about.
        unsafe { ($raw.functions().$name.unwrap())($($argument),*) }
    };
}

pub(crate) use ck;

/// Initializes the module and opens a session.
pub fn session(raw: &Raw) -> CK_SESSION_HANDLE {
    assert_eq!(ck!(raw, C_Initialize(ptr::null_mut())), CKR_OK);
    another_session(raw)
}

/// Opens a session.
pub fn another_session(raw: &Raw) -> CK_SESSION_HANDLE {
    let (mut session, flags) = (0, CKF_SERIAL_SESSION);
    let opened = ck!(
        raw,
        C_OpenSession(1, flags, ptr::null_mut(), None, &mut session)
    );
    assert_eq!(opened, CKR_OK);
    session
}

/// The return value of C_Login with that PIN.
pub fn login(raw: &Raw, session: CK_SESSION_HANDLE, pin: &str) -> CK_RV {
    let (pointer, length) = (pin.as_ptr().cast_mut(), pin.len() as CK_ULONG);
    ck!(raw, C_Login(session, CKU_USER, pointer, length))
}

/// Initializes the module, opens a session and logs the configured user in.
pub fn logged_in(raw: &Raw) -> CK_SESSION_HANDLE {
    let session = session(raw);
    assert_eq!(login(raw, session, "CONFIG"), CKR_OK);
    session
}

/// Signs a digest with the EC key of that name and CKM_ECDSA; the return value of C_Sign.
pub fn sign(raw: &Raw, session: CK_SESSION_HANDLE, name: &str) -> CK_RV {
    let key = object(raw, session, CKO_PRIVATE_KEY, name);
    let mut mechanism = mechanism(CKM_ECDSA);
    assert_eq!(ck!(raw, C_SignInit(session, &mut mechanism, key)), CKR_OK);
    let (mut hash, mut signature, mut length) = ([7; 32], [0; 132], 132);
    let (hash, signature) = (hash.as_mut_ptr(), signature.as_mut_ptr());
    ck!(raw, C_Sign(session, hash, 32, signature, &mut length))
}

/// Signs data with a mechanism that needs no parameter, and verifies the signature; the return values
/// of C_Sign and C_Verify.
pub fn sign_and_verify(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    name: &str,
    id: CK_MECHANISM_TYPE,
) -> (CK_RV, CK_RV) {
    let private = object(raw, session, CKO_PRIVATE_KEY, name);
    let public = object(raw, session, CKO_PUBLIC_KEY, name);
    let mut mechanism = mechanism(id);
    let (mut data, mut signature, mut length) = ([7; 100], [0; 512], 512);
    let (data, signature) = (data.as_mut_ptr(), signature.as_mut_ptr());
    assert_eq!(
        ck!(raw, C_SignInit(session, &mut mechanism, private)),
        CKR_OK
    );
    let signed = ck!(raw, C_Sign(session, data, 100, signature, &mut length));
    assert_eq!(
        ck!(raw, C_VerifyInit(session, &mut mechanism, public)),
        CKR_OK
    );
    let verified = ck!(raw, C_Verify(session, data, 100, signature, length));
    (signed, verified)
}

/// The handle of the one object of that class with that CKA_ID.
pub fn object(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    mut class: CK_OBJECT_CLASS,
    id: &str,
) -> CK_OBJECT_HANDLE {
    let mut template = [
        CK_ATTRIBUTE {
            type_: CKA_CLASS,
            pValue: (&raw mut class).cast(),
            ulValueLen: size_of::<CK_ULONG>() as CK_ULONG,
        },
        CK_ATTRIBUTE {
            type_: CKA_ID,
            pValue: id.as_ptr().cast_mut().cast(),
            ulValueLen: id.len() as CK_ULONG,
        },
    ];
    let (mut handle, mut count) = (0, 0);
    let init = ck!(raw, C_FindObjectsInit(session, template.as_mut_ptr(), 2));
    assert_eq!(init, CKR_OK);
    assert_eq!(
        ck!(raw, C_FindObjects(session, &mut handle, 1, &mut count)),
        CKR_OK
    );
    assert_eq!(count, 1, "{id}");
    assert_eq!(ck!(raw, C_FindObjectsFinal(session)), CKR_OK);
    handle
}

/// A mechanism without parameter.
pub fn mechanism(id: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: id,
        pParameter: ptr::null_mut(),
        ulParameterLen: 0,
    }
}

/// An attribute of a template with that value, which it points to.
pub fn attribute(id: CK_ATTRIBUTE_TYPE, value: &mut [u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: id,
        pValue: value.as_mut_ptr().cast(),
        ulValueLen: value.len() as CK_ULONG,
    }
}

/// The value of an attribute, if the object has it and shows it.
pub fn value(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    id: CK_ATTRIBUTE_TYPE,
) -> Option<Vec<u8>> {
    let mut attribute = CK_ATTRIBUTE {
        type_: id,
        pValue: ptr::null_mut(),
        ulValueLen: 0,
    };
    if ck!(raw, C_GetAttributeValue(session, object, &mut attribute, 1)) != CKR_OK {
        return None;
    }
    let mut value = vec![0; attribute.ulValueLen as usize];
    attribute.pValue = value.as_mut_ptr().cast();
    let read = ck!(raw, C_GetAttributeValue(session, object, &mut attribute, 1));
    assert_eq!(read, CKR_OK, "{id:#x}");
    Some(value)
}

/// The template of these attributes, which it points to.
fn template(attributes: &mut [(CK_ATTRIBUTE_TYPE, Vec<u8>)]) -> Vec<CK_ATTRIBUTE> {
    let attributes = attributes.iter_mut();
    attributes
        .map(|(id, value)| attribute(*id, value))
        .collect()
}

/// The handle of a new session object with these attributes.
pub fn created(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    attributes: &mut [(CK_ATTRIBUTE_TYPE, Vec<u8>)],
) -> CK_OBJECT_HANDLE {
    let mut template = template(attributes);
    let (pointer, length) = (template.as_mut_ptr(), template.len() as CK_ULONG);
    let mut handle = 0;
    let created = ck!(raw, C_CreateObject(session, pointer, length, &mut handle));
    assert_eq!(created, CKR_OK);
    handle
}

/// The handles of all objects that have these attributes, up to 100.
pub fn search(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    attributes: &mut [(CK_ATTRIBUTE_TYPE, Vec<u8>)],
) -> Vec<CK_OBJECT_HANDLE> {
    let mut template = template(attributes);
    let (pointer, length) = (template.as_mut_ptr(), template.len() as CK_ULONG);
    assert_eq!(
        ck!(raw, C_FindObjectsInit(session, pointer, length)),
        CKR_OK
    );
    let (mut handles, mut count) = (vec![0; 100], 0);
    let found = ck!(
        raw,
        C_FindObjects(session, handles.as_mut_ptr(), 100, &mut count)
    );
    assert_eq!(found, CKR_OK);
    assert_eq!(ck!(raw, C_FindObjectsFinal(session)), CKR_OK);
    handles.truncate(count as usize);
    handles
}
