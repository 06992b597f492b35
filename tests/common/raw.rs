//! The functions of the module as C sees them, for what a safe wrapper does not let through.

use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, Module, Session};

/// The loaded module. The functions are those of its 3.2 interface.
pub struct Raw(Module);

impl Raw {
    /// Loads the module.
    pub fn load() -> Self {
        Self(Module::load(super::module_path()))
    }

    /// The function list.
    pub fn functions(&self) -> &CK_FUNCTION_LIST_3_2 {
        &self.0.functions
    }

    fn at(&self, session: CK_SESSION_HANDLE) -> Session<'_> {
        self.0.at(session)
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
    assert_eq!(raw.0.initialize(), CKR_OK);
    another_session(raw)
}

/// Opens a session.
pub fn another_session(raw: &Raw) -> CK_SESSION_HANDLE {
    raw.0.open(1, CKF_SERIAL_SESSION).unwrap().handle
}

/// The return value of C_Login with that PIN.
pub fn login(raw: &Raw, session: CK_SESSION_HANDLE, pin: &str) -> CK_RV {
    raw.at(session).login_as(CKU_USER, pin.as_bytes()).0
}

/// Initializes the module, opens a session and logs the configured user in.
pub fn logged_in(raw: &Raw) -> CK_SESSION_HANDLE {
    let session = session(raw);
    assert_eq!(login(raw, session, "CONFIG"), CKR_OK);
    session
}

/// Signs a digest with the EC key of that name and CKM_ECDSA; the return value of C_Sign.
pub fn sign(raw: &Raw, session: CK_SESSION_HANDLE, name: &str) -> CK_RV {
    let session = raw.at(session);
    assert_eq!(session.sign_init(CKM_ECDSA, session.private(name)), CKR_OK);
    session.sign_into(&[7; 32], 132).rv.0
}

/// Signs data with a mechanism that needs no parameter, and verifies the signature; the return values
/// of C_Sign and C_Verify.
pub fn sign_and_verify(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    name: &str,
    id: CK_MECHANISM_TYPE,
) -> (CK_RV, CK_RV) {
    let (session, data) = (raw.at(session), [7; 100]);
    let key = session.key(name);
    assert_eq!(session.sign_init(id, key.private), CKR_OK);
    let signed = session.sign_into(&data, 512);
    let signature = &signed.buffer[..signed.length as usize];
    assert_eq!(session.verify_init(id, key.public), CKR_OK);
    (signed.rv.0, session.verify(&data, signature).0)
}

/// The handle of the one object of that class with that CKA_ID.
pub fn object(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    class: CK_OBJECT_CLASS,
    id: &str,
) -> CK_OBJECT_HANDLE {
    raw.at(session).object(class, id)
}

/// A mechanism without parameter.
pub fn mechanism(id: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    Mechanism::from(id).raw()
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
    raw.at(session).attribute(object, id).ok()
}

/// The handle of a new session object with these attributes.
pub fn created(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    attributes: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)],
) -> CK_OBJECT_HANDLE {
    raw.at(session).create(attributes).unwrap()
}

/// The handles of all objects that have these attributes, up to 100.
pub fn search(
    raw: &Raw,
    session: CK_SESSION_HANDLE,
    attributes: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)],
) -> Vec<CK_OBJECT_HANDLE> {
    raw.at(session).find(attributes).unwrap()
}
