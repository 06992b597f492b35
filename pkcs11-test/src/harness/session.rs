//! The calls of a session.

use cryptoki_sys::*;

use super::module::{Mechanism, Module, Output, called, null, ulong};
use super::names::{Answer, Rv};
use crate::call;

/// Calls a function with the handle of a session as the first argument.
macro_rules! own {
    ($session:ident, $function:ident($($argument:expr),*)) => {
        call!($session.module, $function($session.handle $(, $argument)*))
    };
}

/// Methods that call one function each: `name(argument: Type, ...) => C_Function(arguments);`.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) => $function:ident($($passed:expr),*);)*) => {
        $($(#[$doc])* pub fn $name(self, $($argument: $type),*) -> Rv {
            own!(self, $function($($passed),*))
        })*
    };
}

/// The same for functions that write to a buffer, which is their last argument: one of `room` bytes, or NULL.
macro_rules! outputs {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) => $function:ident($($passed:expr),*);)*) => {
        $($(#[$doc])* pub fn $name(self, $($argument: $type,)* room: impl Into<Option<usize>>) -> Output {
            Output::of(room, |buffer, length| own!(self, $function($($passed,)* buffer, length)))
        })*
    };
}

type Attributes<'a> = &'a [(CK_ATTRIBUTE_TYPE, Vec<u8>)];

/// A session, open or not.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    pub module: &'a Module,
    pub handle: CK_SESSION_HANDLE,
}

/// A key of a signing policy as its session sees it.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub session: Session<'a>,
    pub private: CK_OBJECT_HANDLE,
    pub public: CK_OBJECT_HANDLE,
}

/// Where bytes are that a module only reads.
fn at(bytes: &[u8]) -> *mut CK_BYTE {
    bytes.as_ptr().cast_mut()
}

fn size(bytes: &[u8]) -> CK_ULONG {
    bytes.len() as CK_ULONG
}

/// Calls with the structures that point to the values of a template.
pub fn with<T>(template: Attributes, call: impl FnOnce(*mut CK_ATTRIBUTE, CK_ULONG) -> T) -> T {
    let attribute = |(id, value): &(CK_ATTRIBUTE_TYPE, Vec<u8>)| CK_ATTRIBUTE {
        type_: *id,
        pValue: at(value).cast(),
        ulValueLen: size(value),
    };
    let mut attributes: Vec<_> = template.iter().map(attribute).collect();
    call(attributes.as_mut_ptr(), template.len() as CK_ULONG)
}

impl Module {
    /// The session of a handle, which may be none.
    pub fn at(&self, handle: CK_SESSION_HANDLE) -> Session<'_> {
        Session { module: self, handle }
    }

    pub fn open(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Answer<Session<'_>> {
        let mut handle = 0;
        let rv = call!(self, C_OpenSession(slot, flags, null(), None, &mut handle));
        rv.answer(self.at(handle))
    }

    /// A read-only session.
    pub fn session(&self) -> Session<'_> {
        self.open(self.slot(), CKF_SERIAL_SESSION).unwrap()
    }

    /// A read/write session.
    pub fn read_write(&self) -> Session<'_> {
        self.open(self.slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap()
    }

    /// A read-only session in which the user has been logged in just now.
    pub fn user(&self) -> Session<'_> {
        let session = self.session();
        assert_eq!(session.login(), CKR_OK);
        session
    }

    /// Initializes the module and opens a read-only session.
    pub fn opened(&self) -> Session<'_> {
        assert_eq!(self.initialize(), CKR_OK);
        self.session()
    }

    /// The same, and logs the user in.
    pub fn logged_in(&self) -> Answer<Session<'_>> {
        self.initialize().answer(())?;
        let session = self.session();
        session.login().answer(session)
    }
}

impl<'a> Session<'a> {
    calls! {
        login_as(user: CK_USER_TYPE, pin: &[u8]) => C_Login(user, at(pin), size(pin));
        logout() => C_Logout();
        close() => C_CloseSession();
        cancel(flags: CK_FLAGS) => C_SessionCancel(flags);
        find_final() => C_FindObjectsFinal();
        destroy(object: CK_OBJECT_HANDLE) => C_DestroyObject(object);
        sign_init(mechanism: impl Into<Mechanism>, key: CK_OBJECT_HANDLE) => C_SignInit(&mut mechanism.into().raw(), key);
        sign_update(part: &[u8]) => C_SignUpdate(at(part), size(part));
        message_sign_init(mechanism: impl Into<Mechanism>, key: CK_OBJECT_HANDLE)
            => C_MessageSignInit(&mut mechanism.into().raw(), key);
        sign_message_begin() => C_SignMessageBegin(null(), 0);
        /// Hands over a part of a message that is not the last one.
        sign_message_part(part: &[u8]) => C_SignMessageNext(null(), 0, at(part), size(part), null(), null());
        message_sign_final() => C_MessageSignFinal();
        verify_init(mechanism: impl Into<Mechanism>, key: CK_OBJECT_HANDLE) => C_VerifyInit(&mut mechanism.into().raw(), key);
        verify(data: &[u8], signature: &[u8]) => C_Verify(at(data), size(data), at(signature), size(signature));
        verify_update(part: &[u8]) => C_VerifyUpdate(at(part), size(part));
        verify_final(signature: &[u8]) => C_VerifyFinal(at(signature), size(signature));
        message_verify_init(mechanism: impl Into<Mechanism>, key: CK_OBJECT_HANDLE)
            => C_MessageVerifyInit(&mut mechanism.into().raw(), key);
        verify_message(data: &[u8], signature: &[u8])
            => C_VerifyMessage(null(), 0, at(data), size(data), at(signature), size(signature));
        verify_message_begin() => C_VerifyMessageBegin(null(), 0);
        /// Hands over a part of a message that is not the last one.
        verify_message_part(part: &[u8]) => C_VerifyMessageNext(null(), 0, at(part), size(part), null(), 0);
        /// Hands over the last part of a message, and its signature.
        verify_message_last(part: &[u8], signature: &[u8])
            => C_VerifyMessageNext(null(), 0, at(part), size(part), at(signature), size(signature));
        message_verify_final() => C_MessageVerifyFinal();
        /// Begins a verification that is told the signature first.
        verify_signature_init(mechanism: impl Into<Mechanism>, key: CK_OBJECT_HANDLE, signature: &[u8])
            => C_VerifySignatureInit(&mut mechanism.into().raw(), key, at(signature), size(signature));
        verify_signature(data: &[u8]) => C_VerifySignature(at(data), size(data));
        verify_signature_update(part: &[u8]) => C_VerifySignatureUpdate(at(part), size(part));
        verify_signature_final() => C_VerifySignatureFinal();
        digest_init(mechanism: impl Into<Mechanism>) => C_DigestInit(&mut mechanism.into().raw());
        digest_update(part: &[u8]) => C_DigestUpdate(at(part), size(part));
    }

    outputs! {
        sign_into(data: &[u8]) => C_Sign(at(data), size(data));
        sign_final_into() => C_SignFinal();
        sign_message(data: &[u8]) => C_SignMessage(null(), 0, at(data), size(data));
        /// Hands over the last part of a message.
        sign_message_last(part: &[u8]) => C_SignMessageNext(null(), 0, at(part), size(part));
        digest_into(data: &[u8]) => C_Digest(at(data), size(data));
        digest_final_into() => C_DigestFinal();
    }

    /// Logs the user in with the right PIN.
    pub fn login(self) -> Rv {
        self.login_as(CKU_USER, &self.module.pin)
    }

    /// Logs in with a user name.
    pub fn login_user(self, name: &str, pin: &str) -> Rv {
        let (name, pin) = (name.as_bytes(), pin.as_bytes());
        own!(self, C_LoginUser(CKU_USER, at(pin), size(pin), at(name), size(name)))
    }

    pub fn info(self) -> Answer<CK_SESSION_INFO> {
        let mut info = CK_SESSION_INFO::default();
        own!(self, C_GetSessionInfo(&mut info)).answer(info)
    }

    pub fn find_init(self, template: Attributes) -> Rv {
        with(template, |template, count| own!(self, C_FindObjectsInit(template, count)))
    }

    /// The next objects of a search, at most `limit`.
    pub fn find_next(self, limit: usize) -> Answer<Vec<CK_OBJECT_HANDLE>> {
        let (mut objects, mut count) = (vec![0; limit], 0);
        let rv = own!(self, C_FindObjects(objects.as_mut_ptr(), limit as CK_ULONG, &mut count));
        objects.truncate(count as usize);
        rv.answer(objects)
    }

    /// All objects that match, up to 100.
    pub fn find(self, template: Attributes) -> Answer<Vec<CK_OBJECT_HANDLE>> {
        self.find_init(template).answer(())?;
        let found = self.find_next(100);
        self.find_final().answer(())?;
        called("C_FindObjects");
        found
    }

    /// The one object of a class with that CKA_ID.
    pub fn object(self, class: CK_OBJECT_CLASS, id: &str) -> CK_OBJECT_HANDLE {
        match self.find(&[(CKA_CLASS, ulong(class)), (CKA_ID, id.into())]).unwrap()[..] {
            [object] => object,
            ref found => panic!("{} objects of class {class} are {id}", found.len()),
        }
    }

    pub fn private(self, id: &str) -> CK_OBJECT_HANDLE {
        self.object(CKO_PRIVATE_KEY, id)
    }

    pub fn public(self, id: &str) -> CK_OBJECT_HANDLE {
        self.object(CKO_PUBLIC_KEY, id)
    }

    pub fn certificate(self, id: &str) -> CK_OBJECT_HANDLE {
        self.object(CKO_CERTIFICATE, id)
    }

    /// Both keys of a signing policy.
    pub fn key(self, id: &str) -> Key<'a> {
        Key { session: self, private: self.private(id), public: self.public(id) }
    }

    /// Asks for attributes into buffers of the given sizes ([`None`] for NULL): the return value, and for each attribute the
    /// length that it came back with and the buffer.
    pub fn attributes_into(
        self,
        object: CK_OBJECT_HANDLE,
        wanted: &[(CK_ATTRIBUTE_TYPE, Option<usize>)],
    ) -> (Rv, Vec<(CK_ULONG, Vec<u8>)>) {
        let rooms = wanted.iter().map(|(_, room)| vec![0; room.unwrap_or_default()]);
        let mut buffers: Vec<Vec<u8>> = rooms.collect();
        let attribute = |((id, room), buffer): (&(_, Option<usize>), &mut Vec<u8>)| CK_ATTRIBUTE {
            type_: *id,
            pValue: room.map_or(null(), |_| buffer.as_mut_ptr().cast()),
            ulValueLen: buffer.len() as CK_ULONG,
        };
        let mut template: Vec<_> = wanted.iter().zip(&mut buffers).map(attribute).collect();
        let (pointer, count) = (template.as_mut_ptr(), template.len() as CK_ULONG);
        let rv = own!(self, C_GetAttributeValue(object, pointer, count));
        let lengths = template.iter().map(|attribute| attribute.ulValueLen);
        (rv, lengths.zip(buffers).collect())
    }

    /// The value of one attribute.
    pub fn attribute(self, object: CK_OBJECT_HANDLE, id: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
        let (rv, sized) = self.attributes_into(object, &[(id, None)]);
        rv.answer(())?;
        let (rv, mut read) = self.attributes_into(object, &[(id, Some(sized[0].0 as usize))]);
        rv.answer(read.remove(0).1)
    }

    pub fn create(self, template: Attributes) -> Answer<CK_OBJECT_HANDLE> {
        let mut object = 0;
        let create = |template, count| own!(self, C_CreateObject(template, count, &mut object));
        with(template, create).answer(object)
    }

    pub fn copy(self, object: CK_OBJECT_HANDLE, changes: Attributes) -> Answer<CK_OBJECT_HANDLE> {
        let mut copy = 0;
        let call = |changes, count| own!(self, C_CopyObject(object, changes, count, &mut copy));
        with(changes, call).answer(copy)
    }

    pub fn change(self, object: CK_OBJECT_HANDLE, changes: Attributes) -> Rv {
        with(changes, |changes, count| own!(self, C_SetAttributeValue(object, changes, count)))
    }

    /// Signs into a buffer that is large enough for any key.
    pub fn sign(self, data: &[u8]) -> Answer<Vec<u8>> {
        self.sign_into(data, 512).bytes()
    }

    pub fn sign_final(self) -> Answer<Vec<u8>> {
        self.sign_final_into(512).bytes()
    }
}

impl Key<'_> {
    /// Signs in one part.
    pub fn sign(&self, mechanism: impl Into<Mechanism>, data: &[u8]) -> Answer<Vec<u8>> {
        self.session.sign_init(mechanism, self.private).answer(())?;
        self.session.sign(data)
    }

    /// Verifies in one part.
    pub fn verify(&self, mechanism: impl Into<Mechanism>, data: &[u8], signature: &[u8]) -> Rv {
        match self.session.verify_init(mechanism, self.public) {
            Rv(CKR_OK) => self.session.verify(data, signature),
            rv => rv,
        }
    }
}
