//! Object management (PKCS #11 3.2, section 5.7).

use cryptoki_sys::*;
use log::debug;

use super::functions;
use crate::module::Module;

functions! {
    /// C_CreateObject (PKCS #11 3.2, section 5.7.1). Creates session objects, for verification.
    fn C_CreateObject(
        hSession: CK_SESSION_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
        phObject: *mut CK_OBJECT_HANDLE,
    ) {
        let module = Module::current()?;
        module.session(hSession)?;
        phObject.not_null()?;
        let handle = pTemplate.read(|template| module.create_object(hSession, template))?;
        phObject.write_number(handle)
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
        phNewObject.not_null()?;
        let handle = pTemplate.read(|template| module.copy_object(hSession, hObject, template))?;
        phNewObject.write_number(handle)
    }

    /// C_DestroyObject (PKCS #11 3.2, section 5.7.3).
    fn C_DestroyObject(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE) {
        let session = Module::current()?.session(hSession)?;
        session.token.destroy_object(hObject)
    }

    /// C_SetAttributeValue (PKCS #11 3.2, section 5.7.6).
    fn C_SetAttributeValue(
        hSession: CK_SESSION_HANDLE,
        hObject: CK_OBJECT_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        pTemplate.not_null()?;
        pTemplate.read(|template| session.token.change_object(hObject, template))
    }

    /// C_GetObjectSize (PKCS #11 3.2, section 5.7.4).
    fn C_GetObjectSize(
        hSession: CK_SESSION_HANDLE,
        hObject: CK_OBJECT_HANDLE,
        pulSize: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        pulSize.not_null()?;
        let object = session.token.object(hObject)?;
        pulSize.write_number(object.size() as CK_ULONG)
    }

    /// C_GetAttributeValue (PKCS #11 3.2, section 5.7.5).
    fn C_GetAttributeValue(
        hSession: CK_SESSION_HANDLE,
        hObject: CK_OBJECT_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        pTemplate.not_null()?;
        let object = session.token.object(hObject)?;
        pTemplate.fill(&object)
    }

    /// C_FindObjectsInit (PKCS #11 3.2, section 5.7.7).
    fn C_FindObjectsInit(
        hSession: CK_SESSION_HANDLE,
        pTemplate: *mut CK_ATTRIBUTE,
        ulCount: CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        pTemplate.read(|template| session.find_objects_init(template))
    }

    /// C_FindObjects (PKCS #11 3.2, section 5.7.8).
    fn C_FindObjects(
        hSession: CK_SESSION_HANDLE,
        phObject: *mut CK_OBJECT_HANDLE,
        ulMaxObjectCount: CK_ULONG,
        pulObjectCount: *mut CK_ULONG,
    ) {
        let session = Module::current()?.session(hSession)?;
        phObject.not_null()?;
        pulObjectCount.not_null()?;
        let handles = session.find_objects(phObject.length())?;
        debug!("phObject: {handles:?}");
        phObject.write(&handles)?;
        pulObjectCount.write_number(handles.len() as CK_ULONG)
    }

    /// C_FindObjectsFinal (PKCS #11 3.2, section 5.7.9).
    fn C_FindObjectsFinal(hSession: CK_SESSION_HANDLE) {
        Module::current()?.session(hSession)?.find_objects_final()
    }
}
