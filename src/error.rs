//! One error for the whole module: a kind, which decides the `CKR_` code, and a reason for people.

use std::borrow::Cow;
use std::collections::TryReserveError;
use std::fmt;

use cryptoki_sys::*;
use log::Level;
use signpath_client::ErrorKind as ClientErrorKind;
use signpath_config::ErrorKind as ConfigErrorKind;
use signpath_platform::shortage::{Resource, Shortage};

/// What went wrong, and a sentence that tells the user what happened and what to do.
#[derive(Debug, Clone)]
pub struct Error {
    /// Decides the return value.
    pub kind: Kind,
    /// One line without any secret in it.
    pub reason: Cow<'static, str>,
}

/// Shorthand for the results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind` with its `reason`.
    pub fn new(kind: Kind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
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
        Self::new(
            Kind::HostMemory,
            "there is not enough memory for a copy of what the program handed over",
        )
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
            ClientErrorKind::Unintelligible => Kind::ServiceUnintelligible,
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
        /// Every way to fail that a caller can tell apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// The return value of PKCS #11 for this kind.
            pub const fn rv(self) -> CK_RV {
                match self { $(Self::$kind => $code,)* }
            }

            /// The name of the return value.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($code),)* }
            }

            /// At which level it is said: `Error` where something a user wanted did not happen, `Debug` for
            /// an answer that programs ask for in passing and live with, such as a buffer that is too
            /// small or a function that a read-only token does not have.
            pub const fn level(self) -> Level {
                match self { $(Self::$kind => Level::$level,)* }
            }
        }
    };
}

kinds! {
    /// A NULL pointer or an impossible value where the standard wants something else.
    Arguments => CKR_ARGUMENTS_BAD, Error;
    /// The process has no memory for what the call needs.
    HostMemory => CKR_HOST_MEMORY, Error;
    /// The process has no file descriptor or no thread left for what the call needs.
    ProcessLimit => CKR_FUNCTION_FAILED, Error;
    /// C_Initialize has not been called in this process.
    NotInitialized => CKR_CRYPTOKI_NOT_INITIALIZED, Debug;
    /// C_Initialize was called twice.
    AlreadyInitialized => CKR_CRYPTOKI_ALREADY_INITIALIZED, Debug;
    /// Mutexes of the application's own without operating system locking.
    CannotLock => CKR_CANT_LOCK, Error;
    /// This token does not have the function.
    FunctionNotSupported => CKR_FUNCTION_NOT_SUPPORTED, Debug;
    /// The legacy functions for parallel sessions.
    FunctionNotParallel => CKR_FUNCTION_NOT_PARALLEL, Debug;
    /// No interface of that name, version and flags; the code is OpenSC's.
    NoSuchInterface => CKR_ARGUMENTS_BAD, Debug;
    /// C_WaitForSlotEvent: the one slot never changes.
    NoEvent => CKR_NO_EVENT, Debug;
    /// Not slot 1.
    SlotId => CKR_SLOT_ID_INVALID, Error;
    /// No session of that handle.
    SessionHandle => CKR_SESSION_HANDLE_INVALID, Error;
    /// The session was closed while a call in it waited for the service.
    SessionClosed => CKR_SESSION_CLOSED, Debug;
    /// Another thread cancelled the operation while it waited for the service.
    FunctionCanceled => CKR_FUNCTION_CANCELED, Debug;
    /// C_OpenSession without CKF_SERIAL_SESSION.
    ParallelSession => CKR_SESSION_PARALLEL_NOT_SUPPORTED, Error;
    /// C_OpenSession with CKF_ASYNC_SESSION.
    AsyncSession => CKR_SESSION_ASYNC_NOT_SUPPORTED, Error;
    /// Something would have to be written to the token.
    TokenWriteProtected => CKR_TOKEN_WRITE_PROTECTED, Error;
    /// CKU_SO while read-only sessions are open.
    ReadOnlySessionExists => CKR_SESSION_READ_ONLY_EXISTS, Error;
    /// A user type that the token does not know.
    UserType => CKR_USER_TYPE_INVALID, Error;
    /// The PIN, or the credentials behind it, were refused.
    PinIncorrect => CKR_PIN_INCORRECT, Error;
    /// The user is logged in already.
    AlreadyLoggedIn => CKR_USER_ALREADY_LOGGED_IN, Debug;
    /// CKU_SO while the user is logged in.
    AnotherLoggedIn => CKR_USER_ANOTHER_ALREADY_LOGGED_IN, Error;
    /// A private object was asked for before C_Login.
    NotLoggedIn => CKR_USER_NOT_LOGGED_IN, Error;
    /// C_Logout although no user is logged in, which gnupg-pkcs11-scd calls before each login.
    NobodyToLogOut => CKR_USER_NOT_LOGGED_IN, Debug;
    /// No object of that handle is visible.
    ObjectHandle => CKR_OBJECT_HANDLE_INVALID, Error;
    /// No key of that handle is visible.
    KeyHandle => CKR_KEY_HANDLE_INVALID, Error;
    /// The mechanism does not go with the key's type.
    KeyType => CKR_KEY_TYPE_INCONSISTENT, Error;
    /// The mechanism does not go with the size of the key.
    KeySize => CKR_KEY_SIZE_RANGE, Error;
    /// A key that no digest can be made of.
    KeyIndigestible => CKR_KEY_INDIGESTIBLE, Debug;
    /// The key may not do this, as a public key may not sign.
    KeyFunction => CKR_KEY_FUNCTION_NOT_PERMITTED, Error;
    /// An attribute that the object does not have.
    AttributeType => CKR_ATTRIBUTE_TYPE_INVALID, Debug;
    /// An attribute in a template that the standard does not know.
    UnknownAttribute => CKR_ATTRIBUTE_TYPE_INVALID, Error;
    /// An attribute that never leaves the token.
    AttributeSensitive => CKR_ATTRIBUTE_SENSITIVE, Debug;
    /// An attribute that a template may not say.
    AttributeReadOnly => CKR_ATTRIBUTE_READ_ONLY, Error;
    /// A value that an attribute cannot have.
    AttributeValue => CKR_ATTRIBUTE_VALUE_INVALID, Error;
    /// A template that lacks an attribute.
    TemplateIncomplete => CKR_TEMPLATE_INCOMPLETE, Error;
    /// A template whose attributes do not go together, or that the token cannot fulfil.
    TemplateInconsistent => CKR_TEMPLATE_INCONSISTENT, Error;
    /// An EC key on a curve that the module does not know.
    CurveNotSupported => CKR_CURVE_NOT_SUPPORTED, Error;
    /// EC domain parameters in a form that the module does not know, or in none.
    DomainParameters => CKR_DOMAIN_PARAMS_INVALID, Error;
    /// A public key that is none, as a point that is not on its curve.
    PublicKey => CKR_PUBLIC_KEY_INVALID, Error;
    /// An object that cannot be copied, changed or destroyed.
    ActionProhibited => CKR_ACTION_PROHIBITED, Error;
    /// The caller's buffer is too small.
    BufferTooSmall => CKR_BUFFER_TOO_SMALL, Debug;
    /// A mechanism that cannot sign here.
    Mechanism => CKR_MECHANISM_INVALID, Error;
    /// C_GetMechanismInfo of a mechanism that is not in the list.
    NoSuchMechanism => CKR_MECHANISM_INVALID, Debug;
    /// A parameter that the mechanism cannot have, or the service cannot do.
    MechanismParameter => CKR_MECHANISM_PARAM_INVALID, Error;
    /// Input that is no DigestInfo.
    Data => CKR_DATA_INVALID, Error;
    /// Input of a length that the mechanism cannot have.
    DataLength => CKR_DATA_LEN_RANGE, Error;
    /// An operation of this kind is active in the session.
    OperationActive => CKR_OPERATION_ACTIVE, Error;
    /// No operation of this kind is active in the session.
    OperationNotInitialized => CKR_OPERATION_NOT_INITIALIZED, Error;
    /// C_GetOperationState without an operation that could be saved, which programs try.
    NoStateToSave => CKR_OPERATION_NOT_INITIALIZED, Debug;
    /// C_GetOperationState of an operation, which never leaves the module.
    StateUnsaveable => CKR_STATE_UNSAVEABLE, Debug;
    /// C_SetOperationState: no state was ever saved.
    SavedState => CKR_SAVED_STATE_INVALID, Error;
    /// C_Verify: the signature is not one of the data. That is what the caller wanted to know.
    NotVerified => CKR_SIGNATURE_INVALID, Debug;
    /// C_Verify: no signature with that key has this length.
    SignatureLength => CKR_SIGNATURE_LEN_RANGE, Debug;
    /// The random number generator is seeded by the operating system alone.
    RandomSeed => CKR_RANDOM_SEED_NOT_SUPPORTED, Debug;
    /// The operating system has no random numbers.
    RandomUnavailable => CKR_FUNCTION_FAILED, Error;
    /// The configuration cannot be used.
    Configuration => CKR_GENERAL_ERROR, Error;
    /// The service could not be reached, or is busy: another try may succeed.
    ServiceUnavailable => CKR_FUNCTION_FAILED, Error;
    /// The service failed in a way that will not pass.
    ServiceFailed => CKR_DEVICE_ERROR, Error;
    /// The service does not accept the token.
    ServiceUnauthorized => CKR_ARGUMENTS_BAD, Error;
    /// The service refused the request.
    ServiceRefused => CKR_ARGUMENTS_BAD, Error;
    /// The answer is not one of SignPath's, or the connection cannot be trusted.
    ServiceUnintelligible => CKR_GENERAL_ERROR, Error;
    /// A signature that the policy's public key does not verify.
    SignatureInvalid => CKR_DEVICE_ERROR, Error;
    /// A defect of this module.
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
    fn an_error_shows_its_reason_and_the_name_of_its_return_value() {
        let error = Error::new(Kind::PinIncorrect, "the token was refused");
        assert_eq!(
            error.to_string(),
            "the token was refused [CKR_PIN_INCORRECT]"
        );
        assert_eq!(error.kind.rv(), 0xA0);
    }
}
