//! What there is to say about this process: its command line, user and system.

use std::fmt;

use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::System::SystemInformation::{
    ComputerNamePhysicalDnsHostname, GetComputerNameExW, OSVERSIONINFOW,
};
use windows_sys::Win32::System::WindowsProgramming::GetUserNameW;

use super::access::Sid;
use super::{from_wide, succeeded};

/// More than the longest user or host name (UNLEN and RFC 1035).
const MAX_NAME: usize = 512;

/// Identifies the user on whose behalf this thread runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserId(Option<Sid>);

impl UserId {
    /// The user now.
    pub fn current() -> Self {
        Self(Sid::current().ok())
    }

    /// The user's name.
    pub fn name(self) -> Option<String> {
        name(|buffer, length| {
            // SAFETY: the pointers are to a buffer and its length.
            unsafe { GetUserNameW(buffer, length) }
        })
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UserId({self})")
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.and_then(|sid| sid.text().ok());
        formatter.write_str(text.as_deref().unwrap_or("unknown"))
    }
}

/// The arguments of the process, each followed by a zero byte.
pub fn arguments() -> Vec<u8> {
    std::env::args_os()
        .flat_map(|argument| (argument.to_string_lossy() + "\0").into_owned().into_bytes())
        .collect()
}

/// The name of this machine.
pub fn host_name() -> String {
    let name = name(|buffer, length| {
        // SAFETY: the pointers are to a buffer and its length.
        unsafe { GetComputerNameExW(ComputerNamePhysicalDnsHostname, buffer, length) }
    });
    name.unwrap_or_default()
}

/// The name and the version of the operating system.
pub fn system() -> (String, String) {
    let mut version = OSVERSIONINFOW {
        dwOSVersionInfoSize: size_of::<OSVERSIONINFOW>() as u32,
        ..Default::default()
    };
    // SAFETY: the pointer is to a structure of the size that is in it. Unlike GetVersionExW, it
    // does not depend on the manifest of the program. It always succeeds.
    unsafe { RtlGetVersion(&mut version) };
    let OSVERSIONINFOW {
        dwMajorVersion: major, dwMinorVersion: minor, dwBuildNumber: build, ..
    } = version;
    ("Windows".to_owned(), format!("{major}.{minor}.{build}"))
}

fn name(get: impl FnOnce(*mut u16, *mut u32) -> i32) -> Option<String> {
    let mut buffer = [0; MAX_NAME];
    let mut length = MAX_NAME as u32;
    succeeded(get(buffer.as_mut_ptr(), &mut length)).ok()?;
    Some(from_wide(&buffer)).filter(|name| !name.is_empty())
}
