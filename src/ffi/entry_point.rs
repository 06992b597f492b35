//! Wraps the C functions of the standard around bodies of safe Rust.
//!
//! A function is declared with its C arguments. Its body receives checked wrappers instead: a
//! pointer and its length become one value, named after the pointer, and nothing borrowed from it
//! can outlive the call. An argument is only checked when the body uses it, so the body determines
//! the order of the checks.

/// Defines exported functions whose bodies return a [`Result`](crate::error::Result).
macro_rules! functions {
    ($($(#[$doc:meta])* fn $name:ident($($arguments:tt)*) $body:block)*) => {
        $(
            $crate::ffi::entry_point! {
                $(#[$doc])*
                ///
                /// # Safety
                /// Pointers must be valid as the standard requires.
                #[unsafe(no_mangle)]
                (pub) $name: stringify!($name) => ($($arguments)*) $body
            }
        )*
    };
}
pub(super) use functions;

/// Defines a function from its name, the name used in logs, its arguments and its body.
macro_rules! entry_point {
    (
        $(#[$attribute:meta])*
        ($visibility:vis) $name:ident: $logged_name:expr => ($($arguments:tt)*) $body:block
    ) => {
        $crate::ffi::entry_point! {
            $(#[$attribute])*
            ($visibility) $name: $logged_name => ($($arguments)*) ($($arguments)*) $body
        }
    };
    (
        $(#[$attribute:meta])*
        ($visibility:vis) $name:ident: $logged_name:expr =>
        ($($argument:ident: $type:ty),* $(,)?) ($($arguments:tt)*) $body:block
    ) => {
        $(#[$attribute])*
        #[allow(unsafe_code)]
        $visibility unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
            let arguments = $crate::ffi::argument_list!($($argument: $type),*);
            $crate::ffi::checked! { ({ $logged_name, arguments, $body } [] []) $($arguments)* , }
        }
    };
}
pub(super) use entry_point;

/// Maps the C arguments of a function to what its body receives: by type, or by name where the type
/// is ambiguous. In the standard, a length follows its pointer. `[pointer, count]` is memory for
/// that many values.
macro_rules! checked_argument {
    (pInitArgs $state:tt $pointer:ident: *mut c_void, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (In<CK_C_INITIALIZE_ARGS> [$pointer.cast(), 1]) $($rest)* }
    };
    (pRandomData $state:tt $pointer:ident: *mut CK_BYTE, $length:ident: CK_ULONG, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (Room<CK_BYTE> [$pointer, $length]) $($rest)* }
    };

    // A pointer and the number of values.
    ($_:ident $state:tt $pointer:ident: *mut CK_BYTE, $length:ident: CK_ULONG, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (Input [$pointer, $length]) $($rest)* }
    };
    (
        $_:ident $state:tt
        $pointer:ident: *mut CK_UTF8CHAR, $length:ident: CK_ULONG, $($rest:tt)*
    ) => {
        $crate::ffi::checked! { @ $state (Input [$pointer, $length]) $($rest)* }
    };
    ($_:ident $state:tt $pointer:ident: *mut c_void, $length:ident: CK_ULONG, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (Input [$pointer.cast(), $length]) $($rest)* }
    };
    (
        $_:ident $state:tt
        $pointer:ident: *mut CK_ATTRIBUTE, $count:ident: CK_ULONG, $($rest:tt)*
    ) => {
        $crate::ffi::checked! { @ $state (Template [$pointer, $count]) $($rest)* }
    };
    (
        $_:ident $state:tt
        $pointer:ident: *mut CK_OBJECT_HANDLE, $count:ident: CK_ULONG, $($rest:tt)*
    ) => {
        $crate::ffi::checked! { @ $state (Room<CK_OBJECT_HANDLE> [$pointer, $count]) $($rest)* }
    };

    // A pointer to values, and a pointer to their maximum number.
    (
        $_:ident $state:tt
        $pointer:ident: *mut $type:ident, $count:ident: *mut CK_ULONG, $($rest:tt)*
    ) => {
        $crate::ffi::checked! { @ $state (List<$type> [$pointer, 0] [$count, 1]) $($rest)* }
    };

    // A single pointer.
    ($_:ident $state:tt $pointer:ident: *mut CK_MECHANISM, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (MechanismArgument [$pointer, 1]) $($rest)* }
    };
    ($_:ident $state:tt $pointer:ident: *mut CK_UTF8CHAR, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (Text [$pointer, 0]) $($rest)* }
    };
    ($_:ident $state:tt $pointer:ident: *mut CK_VERSION, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (In<CK_VERSION> [$pointer, 1]) $($rest)* }
    };
    ($_:ident $state:tt $pointer:ident: *mut c_void, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (Opaque [$pointer, 0]) $($rest)* }
    };
    ($_:ident $state:tt $pointer:ident: *mut $type:ty, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state (Out<$type> [$pointer, 1]) $($rest)* }
    };

    // Not a pointer.
    ($_:ident $state:tt $number:ident: $type:ident, $($rest:tt)*) => {
        $crate::ffi::checked! { @ $state ($number: $type) $($rest)* }
    };
}
pub(super) use checked_argument;

/// Processes the arguments of a function one by one, then calls its body.
///
/// The state in front of the remaining arguments accumulates the results: the parameters of the
/// body, and how to construct those that refer to the caller's memory.
macro_rules! checked {
    (
        ({ $function:expr, $arguments:ident, $body:block }
        [$(($parameter:ident: $($type:tt)*))*]
        [$((
            $argument:ident: $wrapper:ident
            $([$pointer:ident $(.$cast:ident())?, $count:expr])*
        ))*])
        $(,)?
    ) => {
        #[deny(unsafe_code)]
        #[allow(unused_variables, reason = "the module ignores some of the standard's arguments")]
        fn body($($parameter: $($type)*),*) -> $crate::error::Result<()> $body

        let _memory = $crate::ffi::Memory::new();
        $(
            let $argument = $crate::ffi::$wrapper::new($(
                // SAFETY: the caller guarantees it for the duration of the call (PKCS #11 3.2,
                // section 5), and `_memory` is dropped when the call ends.
                unsafe {
                    $crate::ffi::CallerMemory::new(
                        &_memory, $pointer $(.$cast())?, $count, stringify!($pointer),
                    )
                }
            ),*);
        )*
        $crate::ffi::call($function, &$arguments, || body($($parameter),*))
    };
    (
        @ ($call:tt [$($parameters:tt)*] $places:tt)
        ($number:ident: $type:ident) $($rest:tt)*
    ) => {
        $crate::ffi::checked! { ($call [$($parameters)* ($number: $type)] $places) $($rest)* }
    };
    (
        @ ($call:tt [$($parameters:tt)*] [$($places:tt)*])
        ($wrapper:ident $(<$of:ty>)? [$pointer:ident $($place:tt)*] $($count:tt)?) $($rest:tt)*
    ) => {
        $crate::ffi::checked! {
            (
                $call
                [$($parameters)* ($pointer: $crate::ffi::$wrapper<'_ $(, $of)?>)]
                [$($places)* ($pointer: $wrapper [$pointer $($place)*] $($count)?)]
            )
            $($rest)*
        }
    };
    ($state:tt $name:ident: $($rest:tt)*) => {
        $crate::ffi::checked_argument! { $name $state $name: $($rest)* }
    };
}
pub(super) use checked;
