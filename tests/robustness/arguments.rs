//! Arguments that are drawn: NULL, zero, huge, garbage, and now and then what a function can use.
//!
//! A function can check a pointer for NULL, a length for what memory can hold, and the length of an
//! attribute for what a value can have; everything else that the standard demands is a promise of
//! the caller (PKCS #11 3.2, section 5.2), and kept here: what a pointer leads to is as long as the
//! other arguments say, to the byte.

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::memory::Page;

/// What a value of an argument may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number, a handle, flags, or the length of what the argument before points to.
    Number,
    /// A CK_BBOOL.
    Boolean,
    /// Points to bytes.
    Bytes,
    /// Points to numbers, or to the room that the argument before points to.
    Numbers,
    /// Points to a CK_MECHANISM.
    Mechanism,
    /// Points to CK_ATTRIBUTEs.
    Template,
    /// Points to something that has no type, or is reserved.
    Void,
    /// Points to structures of that size, to be filled.
    Structure(usize),
    /// Leads to a function of the application's.
    Callback,
}

/// An argument of a function of C.
pub trait Argument {
    const KIND: Kind;

    /// The value from a number or an address.
    fn from_bits(bits: usize) -> Self;
}

macro_rules! arguments {
    ($($type:ty: $kind:ident, $bits:ident => $value:expr;)*) => {$(
        impl Argument for $type {
            const KIND: Kind = Kind::$kind;

            fn from_bits($bits: usize) -> Self {
                $value
            }
        }
    )*};
}

arguments! {
    CK_ULONG: Number, bits => bits as Self;
    CK_BBOOL: Boolean, bits => bits as Self;
    CK_NOTIFY: Callback, bits => (bits != 0).then_some(notify);
}

unsafe extern "C" fn notify(_: CK_SESSION_HANDLE, _: CK_NOTIFICATION, _: *mut c_void) -> CK_RV {
    CKR_OK
}

impl<T: Pointee> Argument for *mut T {
    const KIND: Kind = T::KIND;

    fn from_bits(bits: usize) -> Self {
        bits as Self
    }
}

/// What a pointer leads to.
pub trait Pointee {
    const KIND: Kind;
}

macro_rules! pointees {
    ($($kind:expr => $type:ty;)*) => {$(
        impl Pointee for $type {
            const KIND: Kind = $kind;
        }
    )*};
}

macro_rules! structures {
    ($($type:ty),*) => {
        pointees! { $(Kind::Structure(size_of::<$type>()) => $type;)* }
    };
}

pointees! {
    Kind::Bytes => CK_BYTE;
    Kind::Numbers => CK_ULONG;
    Kind::Mechanism => CK_MECHANISM;
    Kind::Template => CK_ATTRIBUTE;
    Kind::Void => c_void;
}

structures! {
    CK_INFO, CK_SLOT_INFO, CK_TOKEN_INFO, CK_SESSION_INFO, CK_MECHANISM_INFO, CK_INTERFACE, CK_VERSION, CK_ASYNC_DATA,
    *mut CK_FUNCTION_LIST, *mut CK_INTERFACE
}

/// Where the values come from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Each is zero or NULL.
    Zero,
    /// Each number is as large as can be, also a length that can be checked.
    Huge,
    /// Any.
    #[default]
    Random,
}

/// Draws arguments for one call after the other.
#[derive(Default)]
pub struct Draw {
    random: fastrand::Rng,
    values: Values,
    function: &'static str,
    /// Whether the arguments of this call are to be good ones, as far as it is known what is good.
    is_careful: bool,
    pages: Vec<Page>,
    pages_used: usize,
    /// A session that is open, for the most part.
    pub session: CK_SESSION_HANDLE,
    /// Objects that were there.
    objects: Vec<CK_OBJECT_HANDLE>,
    /// The handle of the last object that was created.
    created: CK_OBJECT_HANDLE,
    /// Numbers that calls have given, which may be handles.
    known: Vec<CK_ULONG>,
    /// Where the call may write a number.
    places: Vec<*const CK_ULONG>,
}

/// An open session, and objects that are seen in it.
pub type Handles = (CK_SESSION_HANDLE, Vec<CK_OBJECT_HANDLE>);

/// Numbers that mean something somewhere: flags, users, handles, lengths.
const NUMBERS: &[CK_ULONG] = constants! {
    0, 1, 2, 3, 4, 6, 7, 8, 20, 32, 36, 51, 64, 99, 256, 4096, CKF_ASYNC_SESSION, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
    CK_ULONG::MAX / 2, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX - 1, CK_ULONG::MAX
};

const MECHANISMS: &[CK_MECHANISM_TYPE] = constants! {
    CKM_RSA_PKCS, CKM_SHA1_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_MD5, CKM_SHA_1, CKM_SHA256,
    CKM_SHA512_256, CKM_SHA3_256, CKM_RSA_X_509, CKM_AES_CBC, CKM_VENDOR_DEFINED, CK_ULONG::MAX
};

/// Mechanisms that some key signs and verifies with.
const GOOD_MECHANISMS: &[CK_MECHANISM_TYPE] = constants! {
    CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA, CKM_ECDSA_SHA256
};

const ATTRIBUTES: &[CK_ATTRIBUTE_TYPE] = constants! {
    CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_ID, CKA_VALUE, CKA_CERTIFICATE_TYPE, CKA_KEY_TYPE, CKA_SUBJECT,
    CKA_ISSUER, CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_EC_PARAMS, CKA_EC_POINT, CKA_VERIFY,
    CKA_START_DATE, CKA_ALLOWED_MECHANISMS, CKA_UNIQUE_ID, CKA_WRAP_TEMPLATE, CKA_VENDOR_DEFINED, CK_ULONG::MAX
};

/// Bytes that mean something somewhere.
const TEXTS: &[&[u8]] = &[
    b"CONFIG",
    b":",
    b"a:b",
    b"PKCS 11",
    b"C_Sign",
    b"demo/p-256",
    b"\xff\xfe",
    b"\0",
    // SHA-256 in a DigestInfo, of zeros.
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20\
      \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    // The curve P-256, and a point that is not on it.
    b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
    b"\x04\x41\x04",
];

/// Lengths of values in a template that no attribute can have.
pub const WILD_LENGTHS: &[CK_ULONG] = constants! {
    0x1_0001, 0x7fff_ffff, 0xffff_ffff, CK_ULONG::MAX / 2, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX
};

/// Numbers of attributes that no template has.
pub const WILD_COUNTS: &[CK_ULONG] = &[1025, 1 << 24, 0xffff_ffff, CK_ULONG::MAX];

const LENGTHS: &[usize] = &[
    0, 1, 8, 20, 31, 32, 48, 51, 64, 96, 132, 255, 256, 384, 512, 1000, 4096,
];

impl Draw {
    pub fn new(values: Values, seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            values,
            ..Self::default()
        }
    }

    /// Lets handles of a session and of objects come often.
    pub fn know_all(&mut self, (session, objects): Handles) {
        self.session = session;
        self.objects = objects;
    }

    fn know(&mut self, number: CK_ULONG) {
        if number > 1 && !self.known.contains(&number) {
            if self.known.len() == 64 {
                self.known.remove(0);
            }
            self.known.push(number);
        }
    }

    /// Draws one of several.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.random.usize(..all.len())]
    }

    /// Before each call.
    pub fn begin(&mut self, function: &'static str) {
        self.function = function;
        self.is_careful = self.values == Values::Random && self.random.u8(..4) > 0;
        self.pages_used = 0;
        self.places.clear();
    }

    /// After each call: nothing was written in front of what the arguments point to, and a number
    /// that was written is known from now on.
    pub fn end(&mut self) {
        self.pages[..self.pages_used].iter().for_each(Page::check);
        for place in std::mem::take(&mut self.places) {
            // SAFETY: there is a number in a page that is still there; it may not be aligned.
            let number = unsafe { place.read_unaligned() };
            self.know(number);
            if self.function == "C_CreateObject" && number != CK_INVALID_HANDLE {
                self.created = number;
            }
        }
    }

    /// The arguments of a call.
    pub fn arguments(&mut self, kinds: &[Kind]) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(kinds.len());
        // How much the argument before points to, in whatever unit.
        let mut length: Option<CK_ULONG> = None;
        for (index, kind) in kinds.iter().enumerate() {
            let next = kinds.get(index + 1);
            let has_length = next == Some(&Kind::Number);
            let has_room = next == Some(&Kind::Numbers);
            let (value, its_length) = match (*kind, length.take()) {
                (Kind::Number, Some(length)) => (length as usize, None),
                (Kind::Number, None) => (self.number(index) as usize, None),
                (Kind::Boolean | Kind::Callback, _) => (self.number(index) as usize, None),
                (Kind::Numbers, Some(room)) => (self.numbers(&[room]), None),
                (Kind::Mechanism, _) => (self.mechanism(), None),
                (Kind::Template, _) => self.template(),
                // No message has a parameter of its own.
                (Kind::Void, _) if has_length && self.is_careful => (0, Some(0)),
                (Kind::Bytes | Kind::Void, _) if has_length || has_room => self.bytes(has_length),
                (Kind::Bytes, _) => (self.text(), None),
                (Kind::Void, _) => (self.initialize_arguments(), None),
                (Kind::Numbers, _) if has_length || has_room => {
                    self.elements(size_of::<CK_ULONG>(), 64)
                }
                (Kind::Numbers, _) => (self.numbers(&[0]), None),
                (Kind::Structure(size), _) if has_room => self.elements(size, 4),
                (Kind::Structure(size), _) => (self.place_or_null(&vec![0; size]), None),
            };
            length = its_length;
            drawn.push(value);
        }
        drawn
    }

    fn number(&mut self, index: usize) -> CK_ULONG {
        let number = match self.values {
            Values::Zero => 0,
            Values::Huge => CK_ULONG::MAX,
            Values::Random if self.is_careful => self.good_number(index),
            Values::Random => match self.random.u8(..16) {
                0 => self.random.u64(..) as CK_ULONG,
                1..=4 => *self.one_of(NUMBERS),
                5 if index > 0 => *self.one_of(MECHANISMS),
                _ if index == 0 && self.session != CK_INVALID_HANDLE => self.session,
                6..=13 if !self.objects.is_empty() => {
                    self.objects[self.random.usize(..self.objects.len())]
                }
                _ => self.known_number(),
            },
        };
        // It would wait for a C_Finalize.
        let never_blocks = self.function == "C_WaitForSlotEvent" && index == 0;
        number | if never_blocks { CKF_DONT_BLOCK } else { 0 }
    }

    fn good_number(&mut self, index: usize) -> CK_ULONG {
        let slot = constants! {
            "C_OpenSession", "C_CloseAllSessions", "C_GetSlotInfo", "C_GetTokenInfo", "C_GetMechanismList", "C_GetMechanismInfo"
        };
        match (index, self.function) {
            (0, function) if slot.contains(&function) => 1,
            (0, _) => self.session,
            (1, "C_OpenSession") => CKF_SERIAL_SESSION | *self.one_of(&[0, CKF_RW_SESSION]),
            (1, "C_GetMechanismInfo") => *self.one_of(MECHANISMS),
            // Only objects that were created can be copied, changed and destroyed.
            (1, "C_CopyObject" | "C_SetAttributeValue" | "C_DestroyObject") => self.created,
            _ if self.objects.is_empty() || self.random.u8(..4) == 0 => self.known_number(),
            _ => self.objects[self.random.usize(..self.objects.len())],
        }
    }

    fn known_number(&mut self) -> CK_ULONG {
        self.random.choice(self.known.clone()).unwrap_or(1)
    }

    fn is_null(&mut self) -> bool {
        match self.values {
            Values::Zero => true,
            Values::Huge => false,
            Values::Random => self.random.u8(..if self.is_careful { 30 } else { 10 }) == 0,
        }
    }

    /// Whether a length is to be one that memory cannot hold.
    fn is_huge(&mut self) -> bool {
        match self.values {
            Values::Zero => false,
            Values::Huge => true,
            Values::Random => !self.is_careful && self.random.u8(..16) == 0,
        }
    }

    /// Whether a length or count in a template is to be far more than there is.
    fn is_wild(&mut self) -> bool {
        self.is_huge() || self.values == Values::Random && self.random.u8(..8) == 0
    }

    /// The address of a copy of the content that ends where the next byte faults.
    fn place(&mut self, content: &[u8]) -> usize {
        if self.pages_used == self.pages.len() {
            self.pages.push(Page::new());
        }
        self.pages_used += 1;
        self.pages[self.pages_used - 1].place(content) as usize
    }

    fn place_or_null(&mut self, content: &[u8]) -> usize {
        match self.is_null() {
            true => 0,
            false => self.place(content),
        }
    }

    /// NULL with any length, or bytes and theirs. A length that is passed by value can be huge; one
    /// that is passed by a pointer says how much room there is, which nobody can check.
    fn bytes(&mut self, by_value: bool) -> (usize, Option<CK_ULONG>) {
        if self.is_null() {
            return (0, Some(self.number(usize::MAX)));
        }
        let content = match by_value || !self.is_careful {
            true => self.content(),
            // Room for any output.
            false => vec![0; 512],
        };
        let length = match by_value && self.is_huge() {
            true => CK_ULONG::MAX - self.random.u64(..1000) as CK_ULONG,
            false => content.len() as CK_ULONG,
        };
        (self.place(&content), Some(length))
    }

    fn content(&mut self) -> Vec<u8> {
        match self.random.bool() {
            true => self.one_of(TEXTS).to_vec(),
            false => {
                let length = *self.one_of(LENGTHS);
                std::iter::repeat_with(|| self.random.u8(..))
                    .take(length)
                    .collect()
            }
        }
    }

    /// A text that ends with NUL.
    fn text(&mut self) -> usize {
        let text = self.one_of(TEXTS);
        self.place_or_null(&[text, &b"\0"[..]].concat())
    }

    fn numbers(&mut self, numbers: &[CK_ULONG]) -> usize {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_ne_bytes())
            .collect();
        let place = self.place_or_null(&bytes);
        if place != 0 {
            self.places.push(place as *const CK_ULONG);
        }
        place
    }

    /// Room for up to `most` values of a size, and for how many.
    fn elements(&mut self, size: usize, most: usize) -> (usize, Option<CK_ULONG>) {
        if self.is_null() {
            return (0, Some(self.number(usize::MAX)));
        }
        let count = self.random.usize(..=most);
        let place = self.place(&vec![0; count * size]);
        if count > 0 && size == size_of::<CK_ULONG>() {
            self.places.push(place as *const CK_ULONG);
        }
        (place, Some(count as CK_ULONG))
    }

    fn mechanism(&mut self) -> usize {
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

    fn template(&mut self) -> (usize, Option<CK_ULONG>) {
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

    fn initialize_arguments(&mut self) -> usize {
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
