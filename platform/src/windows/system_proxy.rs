//! The proxy settings of the user (Internet Options), or else those of the machine, which services
//! use (`netsh winhttp`).

use windows_sys::Win32::Foundation::GlobalFree;
use windows_sys::Win32::Networking::WinHttp::{
    WINHTTP_ACCESS_TYPE_NAMED_PROXY, WINHTTP_CURRENT_USER_IE_PROXY_CONFIG, WINHTTP_PROXY_INFO,
    WinHttpGetDefaultProxyConfiguration, WinHttpGetIEProxyConfigForCurrentUser,
};

use super::from_wide;
use crate::system_proxy::Settings;

/// The settings, if there are any.
pub fn settings() -> Option<Settings> {
    of_user().or_else(of_machine)
}

fn of_user() -> Option<Settings> {
    let mut found = WINHTTP_CURRENT_USER_IE_PROXY_CONFIG::default();
    // SAFETY: the pointer is to a local variable.
    if unsafe { WinHttpGetIEProxyConfigForCurrentUser(&mut found) } == 0 {
        return None;
    }
    // SAFETY: each text is NULL or new.
    let (script, proxies, exempt) = unsafe {
        (take(found.lpszAutoConfigUrl), take(found.lpszProxy), take(found.lpszProxyBypass))
    };
    (!script.is_empty() || !proxies.is_empty()).then_some(Settings { proxies, exempt, script })
}

fn of_machine() -> Option<Settings> {
    let mut found = WINHTTP_PROXY_INFO::default();
    // SAFETY: the pointer is to a local variable.
    if unsafe { WinHttpGetDefaultProxyConfiguration(&mut found) } == 0 {
        return None;
    }
    // SAFETY: each text is NULL or new.
    let (proxies, exempt) = unsafe { (take(found.lpszProxy), take(found.lpszProxyBypass)) };
    (found.dwAccessType == WINHTTP_ACCESS_TYPE_NAMED_PROXY && !proxies.is_empty())
        .then_some(Settings { proxies, exempt, script: String::new() })
}

/// Copies a text and frees it.
///
/// # Safety
/// It must be NULL, or a text that ends with zero and was allocated with GlobalAlloc for the caller.
unsafe fn take(text: *mut u16) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the text ends with zero.
    let units = unsafe {
        let length = (0..).take_while(|index| *text.add(*index) != 0).count();
        std::slice::from_raw_parts(text, length)
    };
    let copy = from_wide(units);
    // SAFETY: it was allocated with GlobalAlloc, and nothing refers to it any more.
    unsafe { GlobalFree(text.cast()) };
    copy
}
