//! Object management (PKCS #11 3.2, section 5.7).

use cryptoki_sys::*;

use super::functions;
use super::memory;
use crate::logging::{self, Level};
use crate::module::Module;

functions! {
    /// C_CreateObject (PKCS #11 3.2, section 5.7.1): session objects, for verification.
    fn C_CreateObject(
        hSession: CK_SESSION_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
        phObject: *mut CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        module.session(hSession)?;
        memory::not_null(phObject, "phObject")?;
        // SAFETY: the caller's promise.
        let template = unsafe { memory::template(pTemplate, ulCount) }?;
        let handle = module.create_object(hSession, &template)?;
        // SAFETY: the caller's promise.
        unsafe { memory::write_number(phObject, handle, "phObject") }
    }

    /// C_CopyObject (PKCS #11 3.2, section 5.7.2).
    fn C_CopyObject(
        hSession: CK_SESSION_HANDLE,
        hObject: CK_OBJECT_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
        phNewObject: *mut CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        module.session(hSession)?;
        memory::not_null(phNewObject, "phNewObject")?;
        // SAFETY: the caller's promise.
        let template = unsafe { memory::template(pTemplate, ulCount) }?;
        let handle = module.copy_object(hSession, hObject, &template)?;
        // SAFETY: the caller's promise.
        unsafe { memory::write_number(phNewObject, handle, "phNewObject") }
    }

    /// C_DestroyObject (PKCS #11 3.2, section 5.7.3).
    fn C_DestroyObject(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE) {
        let module = Module::current()?;
        module.session(hSession)?;
        module.token.destroy_object(hObject)
    }

    /// C_SetAttributeValue (PKCS #11 3.2, section 5.7.6).
    fn C_SetAttributeValue(
        hSession: CK_SESSION_HANDLE,
        hObject: CK_OBJECT_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
    ) {
        let module = Module::current()?;
        module.session(hSession)?;
        memory::not_null(pTemplate, "pTemplate")?;
        // SAFETY: the caller's promise.
        let template = unsafe { memory::template(pTemplate, ulCount) }?;
        module.token.change_object(hObject, &template)
    }

    /// C_GetObjectSize (PKCS #11 3.2, section 5.7.4).
    fn C_GetObjectSize(
        hSession: CK_SESSION_HANDLE,
        hObject: CK_OBJECT_HANDLE,
        pulSize: *mut CK_ULONG,
    ) {
        let module = Module::current()?;
        module.session(hSession)?;
        memory::not_null(pulSize, "pulSize")?;
        let object = module.token.object(hObject)?;
        // SAFETY: the caller's promise.
        unsafe { memory::write_number(pulSize, object.size() as CK_ULONG, "pulSize") }
    }

    /// C_GetAttributeValue (PKCS #11 3.2, section 5.7.5).
    fn C_GetAttributeValue(
        hSession: CK_SESSION_HANDLE,
        hObject: CK_OBJECT_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
    ) {
        let module = Module::current()?;
        module.session(hSession)?;
        memory::not_null(pTemplate, "pTemplate")?;
        let object = module.token.object(hObject)?;
        // SAFETY: the caller's promise.
        unsafe { memory::write_attributes(&object, pTemplate, ulCount) }
    }

    /// C_FindObjectsInit (PKCS #11 3.2, section 5.7.7).
    fn C_FindObjectsInit(
        hSession: CK_SESSION_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        // SAFETY: the caller's promise.
        let template = unsafe { memory::template(pTemplate, ulCount) }?;
        session.find_objects_init(&module.token, &template)
    }

    /// C_FindObjects (PKCS #11 3.2, section 5.7.8).
    fn C_FindObjects(
        hSession: CK_SESSION_HANDLE,
        phObject: *mut CK_OBJECT_HANDLE,
        ulMaxObjectCount: CK_ULONG,
        pulObjectCount: *mut CK_ULONG,
    ) {
        let module = Module::current()?;
        let session = module.session(hSession)?;
        memory::not_null(phObject, "phObject")?;
        memory::not_null(pulObjectCount, "pulObjectCount")?;
        let handles = session.find_objects(&module.token, ulMaxObjectCount as usize)?;
        logging::write(Level::Debug, format_args!("phObject: {handles:?}"));
        // SAFETY: the caller's promise: room for `ulMaxObjectCount` handles, which are no fewer
        // than were found, and for their number.
        unsafe {
            memory::write_values(&handles, phObject, ulMaxObjectCount)?;
            memory::write_number(pulObjectCount, handles.len() as CK_ULONG, "pulObjectCount")
        }
    }

    /// C_FindObjectsFinal (PKCS #11 3.2, section 5.7.9).
    fn C_FindObjectsFinal(hSession: CK_SESSION_HANDLE) {
        Module::current()?.session(hSession)?.find_objects_final()
    }
}
