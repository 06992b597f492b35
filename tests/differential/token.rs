//! A module seen from C: every call with every argument, also those that safe wrappers hide.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::ptr;

use cryptoki_sys::*;

use crate::names::Rv;

/// What a call that fetches something gave.
pub type Answer<T> = Result<T, Rv>;

/// The label of the token on both sides.
const LABEL: &[u8] = b"SignPath";

/// A module and the token in it that holds the keys.
pub struct Token {
    /// The functions of PKCS #11 2.40.
    pub functions: CK_FUNCTION_LIST,
    /// Where the module is.
    pub path: PathBuf,
    /// The PIN of the user.
    pub pin: Vec<u8>,
    _library: Pkcs11,
}

/// Calls a function of the module's list: `call!(token, C_Finalize(ptr::null_mut()))`.
macro_rules! call {
    ($token:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let function = $token.functions.$function.unwrap();
        // SAFETY: every pointer here is NULL or points to what the standard asks for, and lives
        // until the function returns.
        let rv = unsafe { function($($argument),*) };
        $crate::token::called(stringify!($function));
        $crate::names::Rv(rv)
    }};
}
pub(crate) use call;

thread_local! {
    static LAST_CALLED: Cell<&'static str> = const { Cell::new("") };
}

/// Tells which function is the one that gives the next answer.
pub fn called(function: &'static str) {
    LAST_CALLED.set(function);
}

/// The function that was called last.
pub fn last_called() -> &'static str {
    LAST_CALLED.get()
}

impl Token {
    /// Loads a module, and does not initialize it.
    pub fn load(module: &Path, pin: &str) -> Self {
        let mut list = ptr::null_mut();
        // SAFETY: these are PKCS #11 modules, and their list of functions lives as long as they do.
        let (library, functions) = unsafe {
            let library = Pkcs11::new(module).unwrap();
            assert_eq!(library.C_GetFunctionList(&mut list), CKR_OK);
            (library, *list)
        };
        Self {
            functions,
            path: module.to_owned(),
            pin: pin.into(),
            _library: library,
        }
    }

    pub fn initialize(&self) -> Rv {
        call!(self, C_Initialize(ptr::null_mut()))
    }

    pub fn finalize(&self) -> Rv {
        call!(self, C_Finalize(ptr::null_mut()))
    }

    /// All slots.
    pub fn slots(&self, token_present: bool) -> Vec<CK_SLOT_ID> {
        let mut slots = [0; 16];
        let mut count = slots.len() as CK_ULONG;
        let present = token_present.into();
        let rv = call!(self, C_GetSlotList(present, slots.as_mut_ptr(), &mut count));
        assert_eq!(rv, Rv(CKR_OK));
        slots[..count as usize].to_vec()
    }

    /// The slot of the token.
    pub fn slot(&self) -> CK_SLOT_ID {
        let holds_keys = |slot: &CK_SLOT_ID| {
            let info = self.token_info(*slot).unwrap();
            info.label.trim_ascii_end() == LABEL
        };
        self.slots(true).into_iter().find(holds_keys).unwrap()
    }

    pub fn token_info(&self, slot: CK_SLOT_ID) -> Answer<CK_TOKEN_INFO> {
        let mut info = CK_TOKEN_INFO::default();
        call!(self, C_GetTokenInfo(slot, &mut info)).answer(info)
    }

    pub fn slot_info(&self, slot: CK_SLOT_ID) -> Answer<CK_SLOT_INFO> {
        let mut info = CK_SLOT_INFO::default();
        call!(self, C_GetSlotInfo(slot, &mut info)).answer(info)
    }

    pub fn mechanisms(&self) -> Vec<CK_MECHANISM_TYPE> {
        let mut list = [0; 256];
        let mut count = list.len() as CK_ULONG;
        let rv = call!(
            self,
            C_GetMechanismList(self.slot(), list.as_mut_ptr(), &mut count)
        );
        assert_eq!(rv, Rv(CKR_OK));
        list[..count as usize].to_vec()
    }

    pub fn mechanism_info(
        &self,
        slot: CK_SLOT_ID,
        mechanism: CK_MECHANISM_TYPE,
    ) -> Answer<CK_MECHANISM_INFO> {
        let mut info = CK_MECHANISM_INFO::default();
        call!(self, C_GetMechanismInfo(slot, mechanism, &mut info)).answer(info)
    }

    pub fn open(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Answer<CK_SESSION_HANDLE> {
        let mut session = 0;
        call!(
            self,
            C_OpenSession(slot, flags, ptr::null_mut(), None, &mut session)
        )
        .answer(session)
    }

    /// A read-only session.
    pub fn session(&self) -> CK_SESSION_HANDLE {
        self.open(self.slot(), CKF_SERIAL_SESSION).unwrap()
    }

    /// A read-only session in which the user is logged in.
    pub fn user_session(&self) -> CK_SESSION_HANDLE {
        let session = self.session();
        assert_eq!(self.login(session), Rv(CKR_OK));
        session
    }

    pub fn close(&self, session: CK_SESSION_HANDLE) -> Rv {
        call!(self, C_CloseSession(session))
    }

    pub fn session_info(&self, session: CK_SESSION_HANDLE) -> Answer<CK_SESSION_INFO> {
        let mut info = CK_SESSION_INFO::default();
        call!(self, C_GetSessionInfo(session, &mut info)).answer(info)
    }

    /// Logs the user in with the right PIN.
    pub fn login(&self, session: CK_SESSION_HANDLE) -> Rv {
        self.login_as(session, CKU_USER, &self.pin)
    }

    pub fn login_as(&self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &[u8]) -> Rv {
        let mut pin = pin.to_vec();
        let length = pin.len() as CK_ULONG;
        call!(self, C_Login(session, user, pin.as_mut_ptr(), length))
    }

    pub fn logout(&self, session: CK_SESSION_HANDLE) -> Rv {
        call!(self, C_Logout(session))
    }

    pub fn find_init(&self, session: CK_SESSION_HANDLE, template: &[(CK_ULONG, Vec<u8>)]) -> Rv {
        let mut template = attributes(template);
        let count = template.len() as CK_ULONG;
        call!(
            self,
            C_FindObjectsInit(session, template.as_mut_ptr(), count)
        )
    }

    /// The next objects of a search, at most `limit`.
    pub fn find_next(
        &self,
        session: CK_SESSION_HANDLE,
        limit: usize,
    ) -> Answer<Vec<CK_OBJECT_HANDLE>> {
        let mut objects = vec![0; limit];
        let mut count = 0;
        let room = limit as CK_ULONG;
        let rv = call!(
            self,
            C_FindObjects(session, objects.as_mut_ptr(), room, &mut count)
        );
        objects.truncate(count as usize);
        rv.answer(objects)
    }

    pub fn find_final(&self, session: CK_SESSION_HANDLE) -> Rv {
        call!(self, C_FindObjectsFinal(session))
    }

    /// All objects that match, up to 100.
    pub fn find(
        &self,
        session: CK_SESSION_HANDLE,
        template: &[(CK_ULONG, Vec<u8>)],
    ) -> Answer<Vec<CK_OBJECT_HANDLE>> {
        self.find_init(session, template).answer(())?;
        let found = self.find_next(session, 100);
        self.find_final(session).answer(())?;
        called("C_FindObjects");
        found
    }

    /// The object of a class and a label.
    pub fn object(
        &self,
        session: CK_SESSION_HANDLE,
        class: CK_OBJECT_CLASS,
        label: &str,
    ) -> CK_OBJECT_HANDLE {
        let template = [(CKA_CLASS, ulong(class)), (CKA_LABEL, label.into())];
        match self.find(session, &template).unwrap()[..] {
            [object] => object,
            ref found => panic!("{} objects of class {class} are {label}", found.len()),
        }
    }

    /// Asks for attributes into buffers of the given sizes ([`None`] for NULL): the return value,
    /// and for each attribute the length it came back with and the buffer.
    pub fn attributes_into(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        wanted: &[(CK_ATTRIBUTE_TYPE, Option<usize>)],
    ) -> (Rv, Vec<(CK_ULONG, Vec<u8>)>) {
        let mut buffers: Vec<Vec<u8>> = wanted
            .iter()
            .map(|(_, room)| vec![0; room.unwrap_or_default()])
            .collect();
        let mut template: Vec<CK_ATTRIBUTE> = wanted
            .iter()
            .zip(&mut buffers)
            .map(|((id, room), buffer)| CK_ATTRIBUTE {
                type_: *id,
                pValue: match room {
                    Some(_) => buffer.as_mut_ptr().cast(),
                    None => ptr::null_mut(),
                },
                ulValueLen: buffer.len() as CK_ULONG,
            })
            .collect();
        let count = template.len() as CK_ULONG;
        let rv = call!(
            self,
            C_GetAttributeValue(session, object, template.as_mut_ptr(), count)
        );
        let lengths = template.iter().map(|attribute| attribute.ulValueLen);
        (rv, lengths.zip(buffers).collect())
    }

    /// The value of one attribute.
    pub fn attribute(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        id: CK_ATTRIBUTE_TYPE,
    ) -> Answer<Vec<u8>> {
        let (rv, sized) = self.attributes_into(session, object, &[(id, None)]);
        rv.answer(())?;
        let room = Some(sized[0].0 as usize);
        let (rv, mut read) = self.attributes_into(session, object, &[(id, room)]);
        rv.answer(read.remove(0).1)
    }

    pub fn sign_init(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: CK_OBJECT_HANDLE,
    ) -> Rv {
        let mut parameter = mechanism.parameter.clone();
        let mut mechanism = mechanism.raw(&mut parameter);
        call!(self, C_SignInit(session, &mut mechanism, key))
    }

    /// Signs into a buffer of `room` bytes ([`None`] for NULL): the return value, the length that
    /// it came back with, and the buffer.
    pub fn sign_into(
        &self,
        session: CK_SESSION_HANDLE,
        data: &[u8],
        room: Option<usize>,
    ) -> (Rv, CK_ULONG, Vec<u8>) {
        let mut data = data.to_vec();
        let data_length = data.len() as CK_ULONG;
        let (mut buffer, mut length) = buffer(room);
        let pointer = match room {
            Some(_) => buffer.as_mut_ptr(),
            None => ptr::null_mut(),
        };
        let rv = call!(
            self,
            C_Sign(
                session,
                data.as_mut_ptr(),
                data_length,
                pointer,
                &mut length
            )
        );
        (rv, length, buffer)
    }

    /// Signs into a buffer that is large enough for any key.
    pub fn sign(&self, session: CK_SESSION_HANDLE, data: &[u8]) -> Answer<Vec<u8>> {
        let (rv, length, mut buffer) = self.sign_into(session, data, Some(512));
        buffer.truncate(length as usize);
        rv.answer(buffer)
    }

    pub fn sign_update(&self, session: CK_SESSION_HANDLE, part: &[u8]) -> Rv {
        let mut part = part.to_vec();
        let length = part.len() as CK_ULONG;
        call!(self, C_SignUpdate(session, part.as_mut_ptr(), length))
    }

    /// Ends a signature in parts, as [`Token::sign_into`] does one in one part.
    pub fn sign_final_into(
        &self,
        session: CK_SESSION_HANDLE,
        room: Option<usize>,
    ) -> (Rv, CK_ULONG, Vec<u8>) {
        let (mut buffer, mut length) = buffer(room);
        let pointer = match room {
            Some(_) => buffer.as_mut_ptr(),
            None => ptr::null_mut(),
        };
        let rv = call!(self, C_SignFinal(session, pointer, &mut length));
        (rv, length, buffer)
    }

    /// Ends a signature in parts with a buffer that is large enough for any key.
    pub fn sign_final(&self, session: CK_SESSION_HANDLE) -> Answer<Vec<u8>> {
        let (rv, length, mut buffer) = self.sign_final_into(session, Some(512));
        buffer.truncate(length as usize);
        rv.answer(buffer)
    }

    pub fn verify_init(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: CK_OBJECT_HANDLE,
    ) -> Rv {
        let mut parameter = mechanism.parameter.clone();
        let mut mechanism = mechanism.raw(&mut parameter);
        call!(self, C_VerifyInit(session, &mut mechanism, key))
    }

    pub fn verify_update(&self, session: CK_SESSION_HANDLE, part: &[u8]) -> Rv {
        let mut part = part.to_vec();
        let length = part.len() as CK_ULONG;
        call!(self, C_VerifyUpdate(session, part.as_mut_ptr(), length))
    }

    pub fn verify_final(&self, session: CK_SESSION_HANDLE, signature: &[u8]) -> Rv {
        let mut signature = signature.to_vec();
        let length = signature.len() as CK_ULONG;
        call!(self, C_VerifyFinal(session, signature.as_mut_ptr(), length))
    }

    /// Ends an initialized verification in one part.
    pub fn verified(&self, session: CK_SESSION_HANDLE, data: &[u8], signature: &[u8]) -> Rv {
        let (mut data, mut signature) = (data.to_vec(), signature.to_vec());
        let (data_length, length) = (data.len() as CK_ULONG, signature.len() as CK_ULONG);
        call!(
            self,
            C_Verify(
                session,
                data.as_mut_ptr(),
                data_length,
                signature.as_mut_ptr(),
                length
            )
        )
    }

    /// Verifies in one part.
    pub fn verify(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Rv {
        match self.verify_init(session, mechanism, key) {
            Rv(CKR_OK) => self.verified(session, data, signature),
            rv => rv,
        }
    }

    pub fn digest_init(&self, session: CK_SESSION_HANDLE, mechanism: &Mechanism) -> Rv {
        let mut parameter = mechanism.parameter.clone();
        let mut mechanism = mechanism.raw(&mut parameter);
        call!(self, C_DigestInit(session, &mut mechanism))
    }

    pub fn digest_update(&self, session: CK_SESSION_HANDLE, part: &[u8]) -> Rv {
        let mut part = part.to_vec();
        let length = part.len() as CK_ULONG;
        call!(self, C_DigestUpdate(session, part.as_mut_ptr(), length))
    }

    /// Digests into a buffer of `room` bytes ([`None`] for NULL), as [`Token::sign_into`] signs.
    pub fn digest_into(
        &self,
        session: CK_SESSION_HANDLE,
        data: &[u8],
        room: Option<usize>,
    ) -> (Rv, CK_ULONG, Vec<u8>) {
        let mut data = data.to_vec();
        let data_length = data.len() as CK_ULONG;
        let (mut buffer, mut length) = buffer(room);
        let pointer = match room {
            Some(_) => buffer.as_mut_ptr(),
            None => ptr::null_mut(),
        };
        let rv = call!(
            self,
            C_Digest(
                session,
                data.as_mut_ptr(),
                data_length,
                pointer,
                &mut length
            )
        );
        (rv, length, buffer)
    }

    /// Ends a digest in parts, as [`Token::digest_into`] does one in one part.
    pub fn digest_final_into(
        &self,
        session: CK_SESSION_HANDLE,
        room: Option<usize>,
    ) -> (Rv, CK_ULONG, Vec<u8>) {
        let (mut buffer, mut length) = buffer(room);
        let pointer = match room {
            Some(_) => buffer.as_mut_ptr(),
            None => ptr::null_mut(),
        };
        let rv = call!(self, C_DigestFinal(session, pointer, &mut length));
        (rv, length, buffer)
    }
}

fn buffer(room: Option<usize>) -> (Vec<u8>, CK_ULONG) {
    let buffer = vec![0; room.unwrap_or_default()];
    let length = buffer.len() as CK_ULONG;
    (buffer, length)
}

/// A mechanism with the bytes of its parameter.
#[derive(Clone)]
pub struct Mechanism {
    pub id: CK_MECHANISM_TYPE,
    pub parameter: Vec<u8>,
}

impl Mechanism {
    /// A mechanism without a parameter.
    pub fn new(id: CK_MECHANISM_TYPE) -> Self {
        Self {
            id,
            parameter: Vec::new(),
        }
    }

    /// A mechanism with CK_RSA_PKCS_PSS_PARAMS.
    pub fn pss(
        id: CK_MECHANISM_TYPE,
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        salt_length: CK_ULONG,
    ) -> Self {
        Self {
            id,
            parameter: [hash, mgf, salt_length].map(CK_ULONG::to_ne_bytes).concat(),
        }
    }

    fn raw(&self, parameter: &mut [u8]) -> CK_MECHANISM {
        let length = parameter.len() as CK_ULONG;
        CK_MECHANISM {
            mechanism: self.id,
            pParameter: match parameter {
                [] => ptr::null_mut(),
                bytes => bytes.as_mut_ptr().cast(),
            },
            ulParameterLen: length,
        }
    }
}

/// The values of a template as the C structures that point to them; they are only read.
fn attributes(template: &[(CK_ULONG, Vec<u8>)]) -> Vec<CK_ATTRIBUTE> {
    template
        .iter()
        .map(|(id, value)| CK_ATTRIBUTE {
            type_: *id,
            pValue: value.as_ptr().cast_mut().cast(),
            ulValueLen: value.len() as CK_ULONG,
        })
        .collect()
}

/// A CK_ULONG as an attribute's value.
pub fn ulong(value: CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// A CK_BBOOL as an attribute's value.
pub fn boolean(value: bool) -> Vec<u8> {
    vec![value.into()]
}
