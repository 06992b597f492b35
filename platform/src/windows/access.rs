//! Who may read and write a file: its owner and its access control list.

use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_WRITE, HANDLE, HLOCAL, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo,
    SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, CopySid, DACL_SECURITY_INFORMATION, GetAce,
    GetTokenInformation, INHERIT_ONLY_ACE, IsWellKnownSid, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, SECURITY_MAX_SID_SIZE, TOKEN_QUERY,
    TOKEN_USER, TokenUser, WELL_KNOWN_SID_TYPE, WinBuiltinAdministratorsSid,
    WinCreatorOwnerRightsSid, WinCreatorOwnerSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_WRITE_DATA, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::SystemServices::{
    ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE, ACCESS_DENIED_ACE_TYPE,
    ACCESS_DENIED_CALLBACK_ACE_TYPE,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcessToken, OpenThreadToken,
};

use super::{from_wide, succeeded, wide};

/// Users who can write everywhere in any case: the system, administrators, and whoever owns a file.
const TRUSTED: [WELL_KNOWN_SID_TYPE; 4] =
    [WinLocalSystemSid, WinBuiltinAdministratorsSid, WinCreatorOwnerSid, WinCreatorOwnerRightsSid];

/// Entries that give a user access, and have the form of [`ACCESS_ALLOWED_ACE`].
const ALLOWING: [u32; 2] = [ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE];

/// Entries that only take access away.
const DENYING: [u32; 2] = [ACCESS_DENIED_ACE_TYPE, ACCESS_DENIED_CALLBACK_ACE_TYPE];

/// What changes a file or a directory, or who may.
const WRITING: u32 = FILE_WRITE_DATA
    | FILE_APPEND_DATA
    | FILE_DELETE_CHILD
    | DELETE
    | WRITE_DAC
    | WRITE_OWNER
    | GENERIC_WRITE
    | GENERIC_ALL;

/// A user or a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Sid([u8; SECURITY_MAX_SID_SIZE as usize]);

impl Sid {
    /// The user on whose behalf this thread runs.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn current() -> io::Result<Self> {
        let mut token: HANDLE = ptr::null_mut();
        // SAFETY: the pointer is to a local variable. A thread has a token of its own only while it
        // impersonates somebody.
        succeeded(unsafe { OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, 1, &mut token) })
            .or_else(|_| {
                // SAFETY: the pointer is to a local variable.
                succeeded(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) })
            })?;
        // SAFETY: the handle is new and nobody else's.
        let token = unsafe { OwnedHandle::from_raw_handle(token) };
        // Aligned for the structure, and large enough for the longest SID.
        let mut buffer = [0_u64; 32];
        let mut length = 0;
        // SAFETY: the buffer has the given size.
        succeeded(unsafe {
            GetTokenInformation(
                token.as_raw_handle(),
                TokenUser,
                buffer.as_mut_ptr().cast(),
                size_of_val(&buffer) as u32,
                &mut length,
            )
        })?;
        // SAFETY: the buffer now has this structure, whose SID is in the buffer too.
        unsafe { Self::copy((*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid) }
    }

    /// Copies a SID.
    ///
    /// # Safety
    /// It must be a valid SID.
    unsafe fn copy(sid: PSID) -> io::Result<Self> {
        let mut copy = Self([0; SECURITY_MAX_SID_SIZE as usize]);
        // SAFETY: the buffer has the given size, and the caller guarantees a valid SID.
        succeeded(unsafe { CopySid(SECURITY_MAX_SID_SIZE, copy.0.as_mut_ptr().cast(), sid) })?;
        Ok(copy)
    }

    fn pointer(&self) -> PSID {
        self.0.as_ptr().cast_mut().cast()
    }

    fn is(&self, kind: WELL_KNOWN_SID_TYPE) -> bool {
        // SAFETY: it is a valid SID, which is only read.
        unsafe { IsWellKnownSid(self.pointer(), kind) != 0 }
    }

    /// As text, such as `S-1-5-18`.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn text(&self) -> io::Result<String> {
        let mut text: *mut u16 = ptr::null_mut();
        // SAFETY: it is a valid SID, which is only read, and the other pointer is to a local variable.
        succeeded(unsafe { ConvertSidToStringSidW(self.pointer(), &mut text) })?;
        let _text = Allocated(text.cast());
        // SAFETY: the text ends with zero.
        let units = unsafe {
            let length = (0..).take_while(|index| *text.add(*index) != 0).count();
            std::slice::from_raw_parts(text, length)
        };
        Ok(from_wide(units))
    }
}

/// Memory that Windows allocated for the caller.
struct Allocated(HLOCAL);

impl Drop for Allocated {
    fn drop(&mut self) {
        // SAFETY: the memory was allocated by LocalAlloc, and nothing refers to it any more.
        unsafe { LocalFree(self.0) };
    }
}

/// The attributes of files and directories for this user alone. Handles are not inherited.
pub(super) struct Private {
    attributes: SECURITY_ATTRIBUTES,
    _descriptor: Allocated,
}

impl Private {
    /// The attributes for the current user.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn new() -> io::Result<Self> {
        let user = Sid::current()?.text()?;
        // Full access for the user, also to what is created in a directory; nothing is inherited.
        let text = wide(format!("D:P(A;OICI;FA;;;{user})"));
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        // SAFETY: the text ends with zero, and the other pointer is to a local variable.
        succeeded(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut descriptor,
                ptr::null_mut(),
            )
        })?;
        Ok(Self {
            attributes: SECURITY_ATTRIBUTES {
                nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
                lpSecurityDescriptor: descriptor,
                bInheritHandle: 0,
            },
            _descriptor: Allocated(descriptor),
        })
    }

    /// Valid as long as `self`.
    pub(super) fn attributes(&self) -> *const SECURITY_ATTRIBUTES {
        &self.attributes
    }
}

/// Who can write to a file or a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Writers {
    /// This user, and those who can write everywhere.
    Own,
    /// It belongs to the user with this SID.
    Foreign(String),
    /// Other users are allowed to.
    Others,
}

/// Finds out who can write to an open file or directory.
///
/// # Errors
/// Those of the system.
pub(super) fn writers(file: &File) -> io::Result<Writers> {
    let user = Sid::current()?;
    let is_trusted = |sid: &Sid| *sid == user || TRUSTED.iter().any(|kind| sid.is(*kind));
    let mut owner: PSID = ptr::null_mut();
    let mut list: *mut ACL = ptr::null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the handle is open, and the pointers are to local variables or NULL.
    let error = unsafe {
        GetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &mut owner,
            ptr::null_mut(),
            &mut list,
            ptr::null_mut(),
            &mut descriptor,
        )
    };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error as i32));
    }
    // What `owner` and `list` point to is in it.
    let _descriptor = Allocated(descriptor);
    if owner.is_null() || list.is_null() {
        // Without a list, everybody has full access; without an owner, nobody knows who may give it.
        return Ok(Writers::Others);
    }
    // SAFETY: the owner is a SID.
    let owner = unsafe { Sid::copy(owner) }?;
    if !is_trusted(&owner) {
        return Ok(Writers::Foreign(owner.text()?));
    }
    // SAFETY: it is a valid list, see above.
    let count = unsafe { (*list).AceCount };
    for index in 0..u32::from(count) {
        let mut entry = ptr::null_mut();
        // SAFETY: the list is valid, and the index is one of its entries.
        succeeded(unsafe { GetAce(list, index, &mut entry) })?;
        let header = entry.cast::<ACE_HEADER>();
        // SAFETY: each entry starts with this header.
        let (kind, flags): (u32, u32) =
            unsafe { ((*header).AceType.into(), (*header).AceFlags.into()) };
        if flags & INHERIT_ONLY_ACE != 0 || DENYING.contains(&kind) {
            continue;
        }
        if !ALLOWING.contains(&kind) {
            // Such as one for the kinds of objects that Active Directory has.
            return Ok(Writers::Others);
        }
        let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
        // SAFETY: entries of these types have this form, with a SID at their end.
        let (mask, sid) = unsafe {
            let sid: PSID = (&raw mut (*entry).SidStart).cast();
            ((*entry).Mask, Sid::copy(sid)?)
        };
        if mask & WRITING != 0 && !is_trusted(&sid) {
            return Ok(Writers::Others);
        }
    }
    Ok(Writers::Own)
}
