//! Session management (PKCS #11 3.2, section 5.6).

use std::ffi::c_void;

use cryptoki_sys::*;

use super::functions;
use crate::constant_names;
use crate::error::{Error, Kind, Result};
use crate::module::Module;
use crate::token::{self, Login, Token};

functions! {
    /// C_OpenSession (PKCS #11 3.2, section 5.6.1). Read/write sessions are allowed although
    /// nothing can be written, because some applications open no others; the configuration can
    /// forbid them.
    fn C_OpenSession(
        slotID: CK_SLOT_ID,
        flags: CK_FLAGS,
        pApplication: *mut c_void,
        Notify: CK_NOTIFY,
        phSession: *mut CK_SESSION_HANDLE,
    ) {
        let module = Module::current()?;
        let token = module.token(slotID)?;
        phSession.not_null()?;
        if flags & CKF_SERIAL_SESSION == 0 {
            return Err(Error::new(
                Kind::ParallelSession,
                "flags must contain CKF_SERIAL_SESSION",
            ));
        }
        if flags & CKF_ASYNC_SESSION != 0 {
            return Err(Error::new(
                Kind::AsyncSession,
                "asynchronous sessions (CKF_ASYNC_SESSION) are not supported",
            ));
        }
        let is_read_write = flags & CKF_RW_SESSION != 0;
        if is_read_write && token.refuses_read_write_sessions() {
            return Err(Error::new(
                Kind::TokenWriteProtected,
                "read/write sessions are disabled by Cryptoki.DoNotFailOnReadWriteSessions; set it to \
                 true or remove it",
            ));
        }
        let handle = module.open_session(token, is_read_write);
        phSession.write_number(handle)
    }

    /// C_CloseSession (PKCS #11 3.2, section 5.6.2).
    fn C_CloseSession(hSession: CK_SESSION_HANDLE) {
        Module::current()?.close_session(hSession)
    }

    /// C_CloseAllSessions (PKCS #11 3.2, section 5.6.3).
    fn C_CloseAllSessions(slotID: CK_SLOT_ID) {
        let module = Module::current()?;
        module.close_all_sessions(module.token(slotID)?);
        Ok(())
    }

    /// C_GetSessionInfo (PKCS #11 3.2, section 5.6.4).
    fn C_GetSessionInfo(hSession: CK_SESSION_HANDLE, pInfo: *mut CK_SESSION_INFO) {
        let session = Module::current()?.session(hSession)?;
        let (state, flags) = match (session.is_read_write, session.token.is_logged_in()) {
            (false, false) => (CKS_RO_PUBLIC_SESSION, 0),
            (false, true) => (CKS_RO_USER_FUNCTIONS, 0),
            (true, false) => (CKS_RW_PUBLIC_SESSION, CKF_RW_SESSION),
            (true, true) => (CKS_RW_USER_FUNCTIONS, CKF_RW_SESSION),
        };
        let info = CK_SESSION_INFO {
            slotID: session.token.slot_id(),
            state,
            flags: CKF_SERIAL_SESSION | flags,
            ulDeviceError: 0,
        };
        pInfo.write(info)
    }

    /// C_SessionCancel (PKCS #11 3.2, section 5.6.5). Every operation can be cancelled.
    fn C_SessionCancel(hSession: CK_SESSION_HANDLE, flags: CK_FLAGS) {
        Module::current()?.session(hSession)?.cancel(flags);
        Ok(())
    }

    /// C_GetOperationState (PKCS #11 3.2, section 5.6.6).
    fn C_GetOperationState(
        hSession: CK_SESSION_HANDLE,
        pOperationState: *mut CK_BYTE,
        pulOperationStateLen: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        pOperationState.length_not_null()?;
        session.operation_state()
    }

    /// C_SetOperationState (PKCS #11 3.2, section 5.6.7). No saved state can exist.
    fn C_SetOperationState(
        hSession: CK_SESSION_HANDLE,
        pOperationState: *mut CK_BYTE,
        ulOperationStateLen: CK_ULONG,
        hEncryptionKey: CK_OBJECT_HANDLE,
        hAuthenticationKey: CK_OBJECT_HANDLE,
    ) {
        Module::current()?.session(hSession)?;
        pOperationState.not_null()?;
        Err(Error::new(
            Kind::SavedState,
            "this module does not save operation state, so it cannot restore any",
        ))
    }

    /// C_Login (PKCS #11 3.2, section 5.6.8). A NULL PIN selects the configured credentials.
    fn C_Login(
        hSession: CK_SESSION_HANDLE,
        userType: CK_USER_TYPE,
        pPin: *mut CK_UTF8CHAR,
        ulPinLen: CK_ULONG,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        check_user_type(&module, &session.token, userType)?;
        let pin = &pPin.up_to(token::MAX_PIN_LENGTH)?;
        module.login(hSession, &Login { username: &[], pin })
    }

    /// C_LoginUser (PKCS #11 3.2, section 5.6.9). The user name is the organization ID, and the PIN
    /// the API token.
    fn C_LoginUser(
        hSession: CK_SESSION_HANDLE,
        userType: CK_USER_TYPE,
        pPin: *mut CK_UTF8CHAR,
        ulPinLen: CK_ULONG,
        pUsername: *mut CK_UTF8CHAR,
        ulUsernameLen: CK_ULONG,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        check_user_type(&module, &session.token, userType)?;
        let username = &pUsername.up_to(token::MAX_PIN_LENGTH)?;
        let pin = &pPin.up_to(token::MAX_PIN_LENGTH)?;
        module.login(hSession, &Login { username, pin })
    }

    /// C_Logout (PKCS #11 3.2, section 5.6.10).
    fn C_Logout(hSession: CK_SESSION_HANDLE) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        module.logout(&session.token)
    }

    /// C_GetSessionValidationFlags (PKCS #11 3.2, section 5.6.11). The token has no validation
    /// objects, so no flags are ever set.
    fn C_GetSessionValidationFlags(
        hSession: CK_SESSION_HANDLE,
        type_: CK_SESSION_VALIDATION_FLAGS_TYPE,
        pFlags: *mut CK_FLAGS,
    ) {
        Module::current()?.session(hSession)?;
        pFlags.not_null()?;
        if type_ != CKS_LAST_VALIDATION_OK {
            return Err(Error::new(
                Kind::Arguments,
                format!("unknown type of validation flags: {type_}"),
            ));
        }
        pFlags.write(0)
    }
}

fn check_user_type(module: &Module, token: &Token, user_type: CK_USER_TYPE) -> Result<()> {
    let sessions = module.session_count(token);
    match user_type {
        CKU_USER => Ok(()),
        CKU_SO if sessions.read_write < sessions.all => Err(Error::new(
            Kind::ReadOnlySessionExists,
            "the security officer cannot log in while a read-only session is open",
        )),
        CKU_SO if token.is_logged_in() => Err(Error::new(
            Kind::AnotherLoggedIn,
            "the security officer cannot log in while the user is logged in",
        )),
        CKU_SO => Err(Error::new(
            Kind::PinIncorrect,
            "the token has no security officer; log in as CKU_USER",
        )),
        CKU_CONTEXT_SPECIFIC => Err(Error::new(
            Kind::OperationNotInitialized,
            "no operation requires its own login; log in as CKU_USER",
        )),
        _ => Err(Error::new(
            Kind::UserType,
            format!(
                "unknown user type {}; log in as CKU_USER",
                constant_names::user_type(user_type)
            ),
        )),
    }
}
