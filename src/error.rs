//! The error type of the module: a kind, which determines the `CKR_` code, and a human-readable
//! reason.

use std::borrow::Cow;
use std::collections::TryReserveError;
use std::fmt;

use cryptoki_sys::*;
use log::Level;
use signpath_client::ErrorKind as ClientErrorKind;
use signpath_config::ErrorKind as ConfigErrorKind;
use signpath_platform::shortage::{Resource, Shortage};

/// What went wrong: a kind, and a sentence that tells the user what happened and what to do.
#[derive(Debug, Clone)]
pub struct Error {
    /// Determines the return value.
    pub kind: Kind,
    /// One line, free of secrets.
    pub reason: Cow<'static, str>,
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Creates an error.
    pub fn new(kind: Kind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} [{}]", self.reason, self.kind.name())
    }
}

impl std::error::Error for Error {}

impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Self {
        Self::new(Kind::HostMemory, "not enough memory to copy the application's data")
    }
}

/// What a call of the service is cancelled with: the error that it ends with, shown without the name of its
/// return value, which the caller of the function logs.
#[derive(Debug)]
pub struct CancellationReason(pub Error);

impl fmt::Display for CancellationReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.reason)
    }
}

impl std::error::Error for CancellationReason {}

/// A cancelled call ends with the error in its [`CancellationReason`].
impl From<signpath_client::Error> for Error {
    fn from(error: signpath_client::Error) -> Self {
        let cancelled_with = || std::error::Error::source(&error)?.downcast_ref();
        let kind = match error.kind {
            ClientErrorKind::Cancelled => match cancelled_with() {
                Some(CancellationReason(reason)) => return reason.clone(),
                None => Kind::FunctionCanceled,
            },
            ClientErrorKind::Unauthorized => Kind::ServiceUnauthorized,
            ClientErrorKind::Refused => Kind::ServiceRefused,
            ClientErrorKind::Unavailable => Kind::ServiceUnavailable,
            ClientErrorKind::Failed => Kind::ServiceFailed,
            ClientErrorKind::InvalidResponse => Kind::ServiceInvalidResponse,
            ClientErrorKind::InvalidSignature => Kind::SignatureInvalid,
            ClientErrorKind::Shortage(resource) => resource.into(),
            ClientErrorKind::NoRandomNumbers => Kind::RandomUnavailable,
            ClientErrorKind::Options => Kind::Configuration,
            _ => Kind::Internal,
        };
        Self::new(kind, error.reason)
    }
}

impl From<signpath_config::Error> for Error {
    fn from(error: signpath_config::Error) -> Self {
        let kind = match error.kind {
            ConfigErrorKind::Configuration => Kind::Configuration,
            ConfigErrorKind::Pin => Kind::PinIncorrect,
            ConfigErrorKind::Shortage(resource) => resource.into(),
            ConfigErrorKind::Internal => Kind::Internal,
        };
        Self::new(kind, error.reason)
    }
}

impl From<Shortage> for Error {
    fn from(shortage: Shortage) -> Self {
        Self::new(shortage.resource.into(), shortage.to_string())
    }
}

impl From<Resource> for Kind {
    fn from(resource: Resource) -> Self {
        match resource {
            Resource::Memory => Self::HostMemory,
            Resource::Descriptors | Resource::Threads => Self::ProcessLimit,
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $code:ident, $level:ident;)*) => {
        /// The kinds of failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// The return value in PKCS #11.
            pub const fn rv(self) -> CK_RV {
                match self { $(Self::$kind => $code,)* }
            }

            /// The name of the return value, such as `CKR_PIN_INCORRECT`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($code),)* }
            }

            /// The level at which the error is logged: `Error` if something the user wanted did not
            /// happen, `Debug` for results that applications routinely probe for, such as a buffer
            /// that is too small or a function that a read-only token does not have.
            pub const fn level(self) -> Level {
                match self { $(Self::$kind => Level::$level,)* }
            }
        }
    };
}

kinds! {
    /// A NULL pointer or an impossible value where the standard requires something else.
    Arguments => CKR_ARGUMENTS_BAD, Error;
    /// The process is out of memory.
    HostMemory => CKR_HOST_MEMORY, Error;
    /// The process has reached its limit of file descriptors or threads.
    ProcessLimit => CKR_FUNCTION_FAILED, Error;
    /// C_Initialize has not been called in this process.
    NotInitialized => CKR_CRYPTOKI_NOT_INITIALIZED, Debug;
    /// C_Initialize was called twice.
    AlreadyInitialized => CKR_CRYPTOKI_ALREADY_INITIALIZED, Debug;
    /// The application supplied mutex functions without allowing operating system locking.
    CannotLock => CKR_CANT_LOCK, Error;
    /// The token does not support the function.
    FunctionNotSupported => CKR_FUNCTION_NOT_SUPPORTED, Debug;
    /// The legacy functions for parallel sessions.
    FunctionNotParallel => CKR_FUNCTION_NOT_PARALLEL, Debug;
    /// No interface has that name, version and flags. OpenSC returns the same code.
    NoSuchInterface => CKR_ARGUMENTS_BAD, Debug;
    /// C_WaitForSlotEvent: no slot ever changes.
    NoEvent => CKR_NO_EVENT, Debug;
    /// No token is in that slot.
    SlotId => CKR_SLOT_ID_INVALID, Error;
    /// No session has that handle.
    SessionHandle => CKR_SESSION_HANDLE_INVALID, Error;
    /// The session was closed while a call in it was waiting for SignPath.
    SessionClosed => CKR_SESSION_CLOSED, Debug;
    /// Another thread cancelled the operation while it was waiting for SignPath.
    FunctionCanceled => CKR_FUNCTION_CANCELED, Debug;
    /// C_OpenSession without CKF_SERIAL_SESSION.
    ParallelSession => CKR_SESSION_PARALLEL_NOT_SUPPORTED, Error;
    /// C_OpenSession with CKF_ASYNC_SESSION.
    AsyncSession => CKR_SESSION_ASYNC_NOT_SUPPORTED, Error;
    /// The call would have to write to the token.
    TokenWriteProtected => CKR_TOKEN_WRITE_PROTECTED, Error;
    /// CKU_SO while a read-only session is open.
    ReadOnlySessionExists => CKR_SESSION_READ_ONLY_EXISTS, Error;
    /// A user type that the token does not support.
    UserType => CKR_USER_TYPE_INVALID, Error;
    /// SignPath or the configuration rejected the PIN or the credentials it stands for.
    PinIncorrect => CKR_PIN_INCORRECT, Error;
    /// The user is logged in already.
    AlreadyLoggedIn => CKR_USER_ALREADY_LOGGED_IN, Debug;
    /// CKU_SO while the user is logged in.
    AnotherLoggedIn => CKR_USER_ANOTHER_ALREADY_LOGGED_IN, Error;
    /// A private object was used before C_Login.
    NotLoggedIn => CKR_USER_NOT_LOGGED_IN, Error;
    /// C_Logout without a logged-in user. gnupg-pkcs11-scd does this before each login.
    NobodyToLogOut => CKR_USER_NOT_LOGGED_IN, Debug;
    /// No visible object has that handle.
    ObjectHandle => CKR_OBJECT_HANDLE_INVALID, Error;
    /// No visible key has that handle.
    KeyHandle => CKR_KEY_HANDLE_INVALID, Error;
    /// The mechanism does not support the type of the key.
    KeyType => CKR_KEY_TYPE_INCONSISTENT, Error;
    /// The mechanism does not support the size of the key.
    KeySize => CKR_KEY_SIZE_RANGE, Error;
    /// C_DigestKey: the key cannot be digested.
    KeyIndigestible => CKR_KEY_INDIGESTIBLE, Debug;
    /// The key does not permit this function; for example, a public key cannot sign.
    KeyFunction => CKR_KEY_FUNCTION_NOT_PERMITTED, Error;
    /// The object does not have the attribute.
    AttributeType => CKR_ATTRIBUTE_TYPE_INVALID, Debug;
    /// A template contains an attribute that is not in the standard.
    UnknownAttribute => CKR_ATTRIBUTE_TYPE_INVALID, Error;
    /// The value of the attribute never leaves the token.
    AttributeSensitive => CKR_ATTRIBUTE_SENSITIVE, Debug;
    /// A template sets a read-only attribute.
    AttributeReadOnly => CKR_ATTRIBUTE_READ_ONLY, Error;
    /// The attribute cannot have that value.
    AttributeValue => CKR_ATTRIBUTE_VALUE_INVALID, Error;
    /// The template lacks a required attribute.
    TemplateIncomplete => CKR_TEMPLATE_INCOMPLETE, Error;
    /// The template contradicts itself, or describes an object that the token does not support.
    TemplateInconsistent => CKR_TEMPLATE_INCONSISTENT, Error;
    /// The curve of an EC key is not supported.
    CurveNotSupported => CKR_CURVE_NOT_SUPPORTED, Error;
    /// EC domain parameters that are malformed or not a named curve.
    DomainParameters => CKR_DOMAIN_PARAMS_INVALID, Error;
    /// The parameter set of an ML-DSA key is not supported.
    ParameterSet => CKR_PARAMETER_SET_NOT_SUPPORTED, Error;
    /// The public key is invalid; for example, its point is not on the curve.
    PublicKey => CKR_PUBLIC_KEY_INVALID, Error;
    /// The object cannot be copied, changed or destroyed.
    ActionProhibited => CKR_ACTION_PROHIBITED, Error;
    /// The caller's buffer is too small.
    BufferTooSmall => CKR_BUFFER_TOO_SMALL, Debug;
    /// The mechanism cannot be used for this function.
    Mechanism => CKR_MECHANISM_INVALID, Error;
    /// C_GetMechanismInfo: the mechanism is not in the list.
    NoSuchMechanism => CKR_MECHANISM_INVALID, Debug;
    /// The mechanism or SignPath does not support the parameter.
    MechanismParameter => CKR_MECHANISM_PARAM_INVALID, Error;
    /// The data is not a DigestInfo.
    Data => CKR_DATA_INVALID, Error;
    /// The data has a length that the mechanism does not support.
    DataLength => CKR_DATA_LEN_RANGE, Error;
    /// An operation of this kind is already active in the session.
    OperationActive => CKR_OPERATION_ACTIVE, Error;
    /// No operation of this kind is active in the session.
    OperationNotInitialized => CKR_OPERATION_NOT_INITIALIZED, Error;
    /// C_GetOperationState without an active operation, which applications try.
    NoStateToSave => CKR_OPERATION_NOT_INITIALIZED, Debug;
    /// C_GetOperationState: the state of an operation cannot be saved.
    StateUnsaveable => CKR_STATE_UNSAVEABLE, Debug;
    /// C_SetOperationState: no state can have been saved.
    SavedState => CKR_SAVED_STATE_INVALID, Error;
    /// C_Verify: the signature is invalid, which is a normal result.
    NotVerified => CKR_SIGNATURE_INVALID, Debug;
    /// C_Verify: no signature with this key has that length.
    SignatureLength => CKR_SIGNATURE_LEN_RANGE, Debug;
    /// C_SeedRandom: the operating system seeds the random number generator.
    RandomSeed => CKR_RANDOM_SEED_NOT_SUPPORTED, Debug;
    /// The operating system cannot provide random numbers.
    RandomUnavailable => CKR_FUNCTION_FAILED, Error;
    /// The configuration is invalid.
    Configuration => CKR_GENERAL_ERROR, Error;
    /// SignPath cannot be reached or is busy; a later attempt may succeed.
    ServiceUnavailable => CKR_FUNCTION_FAILED, Error;
    /// SignPath failed permanently.
    ServiceFailed => CKR_DEVICE_ERROR, Error;
    /// SignPath does not accept the API token.
    ServiceUnauthorized => CKR_ARGUMENTS_BAD, Error;
    /// SignPath refused the request.
    ServiceRefused => CKR_ARGUMENTS_BAD, Error;
    /// The response does not come from SignPath, or the connection cannot be trusted.
    ServiceInvalidResponse => CKR_GENERAL_ERROR, Error;
    /// The policy's public key does not verify the signature that SignPath returned.
    SignatureInvalid => CKR_DEVICE_ERROR, Error;
    /// A bug in this module.
    Internal => CKR_GENERAL_ERROR, Error;
}

#[cfg(test)]
mod tests {
    use signpath_client::Cancellation;

    use super::*;

    #[test]
    fn a_cancelled_call_ends_with_the_error_it_was_cancelled_with() {
        let cancellation = Cancellation::new();
        let closed = Error::new(Kind::SessionClosed, "the session was closed");
        cancellation.cancel(CancellationReason(closed));
        let of_client = cancellation.check().unwrap_err();
        assert_eq!(of_client.to_string(), "the session was closed");
        let error = Error::from(of_client);
        assert_eq!(error.kind, Kind::SessionClosed);
        assert_eq!(error.reason, "the session was closed");
    }

    #[test]
    fn displays_the_reason_and_the_return_value() {
        let error = Error::new(Kind::PinIncorrect, "the token was refused");
        assert_eq!(error.to_string(), "the token was refused [CKR_PIN_INCORRECT]");
        assert_eq!(error.kind.rv(), 0xA0);
    }
}
