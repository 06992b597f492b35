//! Secrets that Windows keeps for the user: data encrypted with DPAPI, and values in the registry.

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_BAD_PATHNAME, LocalFree};
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CRYPTPROTECT_UI_FORBIDDEN, CryptUnprotectData,
};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE, RRF_RT_REG_SZ, RegGetValueW,
};
use zeroize::{Zeroize, Zeroizing};

use super::{from_wide, succeeded, wide};

/// Whether there are functions for it on this system.
pub const ARE_SUPPORTED: bool = true;

/// The keys at the top of the registry that can hold a secret.
const ROOTS: [(&str, HKEY); 4] = [
    ("HKEY_CURRENT_USER", HKEY_CURRENT_USER),
    ("HKCU", HKEY_CURRENT_USER),
    ("HKEY_LOCAL_MACHINE", HKEY_LOCAL_MACHINE),
    ("HKLM", HKEY_LOCAL_MACHINE),
];

/// The longest text that is read, in UTF-16 units.
const MAX_TEXT: usize = 64 << 10;

/// Decrypts data that the current user has encrypted with CryptProtectData, without entropy.
///
/// # Errors
/// Those of the system, such as that another user has encrypted it.
pub fn decrypt(encrypted: &[u8]) -> io::Result<Zeroizing<Vec<u8>>> {
    let input = CRYPT_INTEGER_BLOB {
        cbData: encrypted.len().try_into().map_err(io::Error::other)?,
        pbData: encrypted.as_ptr().cast_mut(),
    };
    let mut output = CRYPT_INTEGER_BLOB::default();
    // SAFETY: the input is not changed, the output is a local variable, and the other pointers may
    // be NULL.
    succeeded(unsafe {
        CryptUnprotectData(
            &input,
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &mut output,
        )
    })?;
    if output.pbData.is_null() {
        return Ok(Zeroizing::default());
    }
    // SAFETY: the pointer is to that many bytes, which are nobody else's.
    let bytes = unsafe { std::slice::from_raw_parts_mut(output.pbData, output.cbData as usize) };
    let decrypted = Zeroizing::new(bytes.to_vec());
    bytes.zeroize();
    // SAFETY: Windows has allocated it with LocalAlloc, and nothing refers to it any more.
    unsafe { LocalFree(output.pbData.cast()) };
    Ok(decrypted)
}

/// Reads a text in the registry. The path consists of `HKEY_CURRENT_USER` or `HKEY_LOCAL_MACHINE`,
/// the path of the key, and the name of the value, with backslashes between them.
///
/// # Errors
/// Those of the system, such as that there is no such value.
pub fn registry_text(path: &str) -> io::Result<String> {
    let parts = || {
        let (root, rest) = path.split_once('\\')?;
        let (key, value) = rest.rsplit_once('\\')?;
        let mut roots = ROOTS.iter();
        let (_, root) = roots.find(|(name, _)| name.eq_ignore_ascii_case(root))?;
        Some((*root, wide(key), wide(value)))
    };
    let (root, key, value) =
        parts().ok_or_else(|| io::Error::from_raw_os_error(ERROR_BAD_PATHNAME as i32))?;
    let mut text = Zeroizing::new(vec![0_u16; MAX_TEXT]);
    let mut length = (MAX_TEXT * size_of::<u16>()) as u32;
    // SAFETY: the texts end with zero, the pointers are to a buffer and its length, and the type is
    // not asked for.
    let error = unsafe {
        RegGetValueW(
            root,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_SZ,
            ptr::null_mut(),
            text.as_mut_ptr().cast(),
            &mut length,
        )
    };
    match error {
        0 => Ok(from_wide(&text)),
        error => Err(io::Error::from_raw_os_error(error as i32)),
    }
}
