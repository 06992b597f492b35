//! Arguments that are drawn: NULL, zero, huge, garbage, and now and then what a function can use.
//!
//! A function can check a pointer for NULL, a length for what memory can hold, and the length of an
//! attribute for what a value can have; everything else that the standard demands is a promise of
//! the caller (PKCS #11 3.2, section 5.2), and kept here: what a pointer leads to is as long as the
//! other arguments say, to the byte.

mod structures;

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::arguments::Kind;
use crate::memory::Page;
use crate::samples::{LENGTHS, MECHANISMS, NUMBERS, TEXTS};

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
    pub objects: Vec<CK_OBJECT_HANDLE>,
    /// The handle of the last object that was created.
    created: CK_OBJECT_HANDLE,
    /// Numbers that calls have given, which may be handles.
    known: Vec<CK_ULONG>,
    /// Where the call may write a number.
    places: Vec<*const CK_ULONG>,
}

impl Draw {
    pub fn new(values: Values, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { random, values, known: vec![1; 64], ..Self::default() }
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
            if number > 1 {
                let index = self.random.usize(..self.known.len());
                self.known[index] = number;
            }
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
                (Kind::Boolean, _) => (self.number(index) as usize, None),
                (Kind::Callback, _) => (self.callback(), None),
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
                _ => self.known[self.random.usize(..self.known.len())],
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
            _ if self.objects.is_empty() || self.random.u8(..4) == 0 => {
                self.known[self.random.usize(..self.known.len())]
            }
            _ => self.objects[self.random.usize(..self.objects.len())],
        }
    }

    /// A function of the application, or NULL.
    fn callback(&mut self) -> usize {
        unsafe extern "C" fn notify(_: CK_ULONG, _: CK_ULONG, _: *mut c_void) -> CK_RV {
            CKR_OK
        }
        if self.is_null() { 0 } else { notify as *const () as usize }
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
                std::iter::repeat_with(|| self.random.u8(..)).take(length).collect()
            }
        }
    }

    /// A text that ends with NUL.
    fn text(&mut self) -> usize {
        let text = self.one_of(TEXTS);
        self.place_or_null(&[text, &b"\0"[..]].concat())
    }

    fn numbers(&mut self, numbers: &[CK_ULONG]) -> usize {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
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
}
