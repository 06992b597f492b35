//! A loaded module.

use std::cell::Cell;
use std::path::PathBuf;
use std::ptr;

use cryptoki_sys::*;
use libloading::Library;

use super::names::{Answer, Rv};

/// A module, and how its user logs in.
pub struct Module {
    /// The functions of its newest interface. Those that it does not have are missing.
    pub functions: CK_FUNCTION_LIST_3_2,
    /// Where it was loaded from.
    pub path: PathBuf,
    /// The PIN of the user.
    pub pin: Vec<u8>,
    _library: Library,
}

// SAFETY: the functions of a module may be called from any thread, and the list is never written.
unsafe impl Send for Module {}
// SAFETY: the same.
unsafe impl Sync for Module {}

type GetInterface = unsafe extern "C" fn(
    *mut CK_UTF8CHAR,
    *mut CK_VERSION,
    *mut *mut CK_INTERFACE,
    CK_FLAGS,
) -> CK_RV;
type GetFunctionList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;

/// Calls a function of a module with the arguments that the standard gives it: `call!(module, C_Finalize(null()))`.
#[macro_export]
macro_rules! call {
    ($module:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let function = $module.functions.$function.unwrap();
        // SAFETY: what a test hands over is as the standard demands, or what the test is about.
        #[allow(clippy::macro_metavars_in_unsafe, reason = "each call would be an unsafe block")]
        let rv = unsafe { function($($argument),*) };
        $crate::harness::called(stringify!($function));
        $crate::harness::Rv(rv)
    }};
}

thread_local! {
    static LAST_CALLED: Cell<&'static str> = const { Cell::new("") };
}

/// Tells which function is the one that gave the next answer.
pub fn called(function: &'static str) {
    LAST_CALLED.set(function);
}

/// The function that this thread called last.
pub fn last_called() -> &'static str {
    LAST_CALLED.get()
}

/// NULL.
pub fn null<T>() -> *mut T {
    ptr::null_mut()
}

/// A place that stays valid, for pointers that are handed over.
pub fn place<T>(value: T) -> *mut T {
    Box::leak(Box::new(value))
}

impl Module {
    /// Loads a module whose user has the PIN `CONFIG`, and does not initialize it.
    pub fn load(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let mut functions = CK_FUNCTION_LIST_3_2::default();
        // SAFETY: these are PKCS #11 modules, whose functions have these signatures. An older list of functions is the
        // beginning of the newer one.
        let library = unsafe {
            let library = Library::new(&path).unwrap();
            if let Ok(get_interface) = library.get::<GetInterface>(b"C_GetInterface") {
                let (mut version, mut interface) = (CK_VERSION { major: 3, minor: 2 }, null());
                let name = c"PKCS 11".as_ptr().cast_mut().cast();
                assert_eq!(get_interface(name, &mut version, &mut interface, 0), CKR_OK);
                functions = *(*interface).pFunctionList.cast();
            } else {
                let get_list = library.get::<GetFunctionList>(b"C_GetFunctionList").unwrap();
                let mut list = null();
                assert_eq!(get_list(&mut list), CKR_OK);
                (&raw mut functions).cast::<CK_FUNCTION_LIST>().write(*list);
            }
            library
        };
        let pin = b"CONFIG".to_vec();
        Self { functions, path, pin, _library: library }
    }

    /// The same with another PIN.
    pub fn with_pin(self, pin: &str) -> Self {
        Self { pin: pin.into(), ..self }
    }

    pub fn initialize(&self) -> Rv {
        call!(self, C_Initialize(null()))
    }

    pub fn finalize(&self) -> Rv {
        call!(self, C_Finalize(null()))
    }

    /// The slot with the token that holds the keys: the first one, except in SoftHSM.
    pub fn slot(&self) -> CK_SLOT_ID {
        let (mut slots, mut count) = ([0; 16], 16);
        let rv = call!(self, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count));
        assert_eq!(rv, CKR_OK);
        let holds_keys = |slot: &&CK_SLOT_ID| {
            let mut info = CK_TOKEN_INFO::default();
            assert_eq!(call!(self, C_GetTokenInfo(**slot, &mut info)), CKR_OK);
            info.label.trim_ascii_end() == b"SignPath"
        };
        *slots[..count as usize].iter().find(holds_keys).unwrap()
    }

    /// What C_GetMechanismInfo tells.
    pub fn mechanism_info(
        &self,
        slot: CK_SLOT_ID,
        id: CK_MECHANISM_TYPE,
    ) -> Answer<CK_MECHANISM_INFO> {
        let mut info = CK_MECHANISM_INFO::default();
        call!(self, C_GetMechanismInfo(slot, id, &mut info)).answer(info)
    }

    /// The list of mechanisms.
    pub fn mechanisms(&self) -> Vec<CK_MECHANISM_TYPE> {
        let (mut list, mut count) = (vec![0; 256], 256);
        let rv = call!(self, C_GetMechanismList(self.slot(), list.as_mut_ptr(), &mut count));
        assert_eq!(rv, CKR_OK);
        list.truncate(count as usize);
        list
    }
}

/// A mechanism with the bytes of its parameter.
#[derive(Clone)]
pub struct Mechanism {
    pub id: CK_MECHANISM_TYPE,
    pub parameter: Vec<u8>,
}

impl From<CK_MECHANISM_TYPE> for Mechanism {
    fn from(id: CK_MECHANISM_TYPE) -> Self {
        let parameter = Vec::new();
        Self { id, parameter }
    }
}

impl From<&Mechanism> for Mechanism {
    fn from(mechanism: &Mechanism) -> Self {
        mechanism.clone()
    }
}

impl Mechanism {
    /// A mechanism with CK_RSA_PKCS_PSS_PARAMS.
    pub fn pss(id: CK_ULONG, hash: CK_ULONG, mgf: CK_ULONG, salt_length: CK_ULONG) -> Self {
        let parameter = [hash, mgf, salt_length].map(CK_ULONG::to_ne_bytes).concat();
        Self { id, parameter }
    }

    /// A mechanism with CK_SIGN_ADDITIONAL_CONTEXT, or with CK_HASH_SIGN_ADDITIONAL_CONTEXT if there is a hash. The context has to
    /// outlive the mechanism's use.
    pub fn in_context(id: CK_MECHANISM_TYPE, context: &[u8], hash: Option<CK_ULONG>) -> Self {
        let length = ulong(context.len() as CK_ULONG);
        let pointer = context.as_ptr().expose_provenance().to_ne_bytes();
        let hash = hash.map(ulong).unwrap_or_default();
        let parameter = [&ulong(CKH_HEDGE_PREFERRED)[..], &pointer, &length, &hash].concat();
        Self { id, parameter }
    }

    /// The structure that points to the parameter.
    pub fn raw(&mut self) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism: self.id,
            ulParameterLen: self.parameter.len() as CK_ULONG,
            pParameter: match &mut self.parameter[..] {
                [] => null(),
                bytes => bytes.as_mut_ptr().cast(),
            },
        }
    }
}

/// What a call left that fills a buffer.
#[derive(Debug, Clone)]
pub struct Output {
    pub rv: Rv,
    /// The length that it came back with.
    pub length: CK_ULONG,
    pub buffer: Vec<u8>,
}

impl Output {
    /// Calls with a buffer of `room` zeros, or with NULL.
    pub fn of(
        room: impl Into<Option<usize>>,
        call: impl FnOnce(*mut CK_BYTE, *mut CK_ULONG) -> Rv,
    ) -> Self {
        let room = room.into();
        let mut buffer = vec![0; room.unwrap_or_default()];
        let mut length = buffer.len() as CK_ULONG;
        let rv = call(room.map_or(null(), |_| buffer.as_mut_ptr()), &mut length);
        Self { rv, length, buffer }
    }

    /// What was written, if the call succeeded.
    pub fn bytes(mut self) -> Answer<Vec<u8>> {
        self.buffer.truncate(self.length as usize);
        self.rv.answer(self.buffer)
    }
}

/// The attributes of a template with their values.
pub type Template = Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>;

/// A CK_ULONG as an attribute's value.
pub fn ulong(value: CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// A CK_BBOOL as an attribute's value.
pub fn boolean(value: bool) -> Vec<u8> {
    vec![value.into()]
}
