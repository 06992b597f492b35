//! Error numbers of the system.

use std::io;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_COMMITMENT_LIMIT, ERROR_DISK_FULL, ERROR_FILE_NOT_FOUND,
    ERROR_LOCK_VIOLATION, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY,
    ERROR_PATH_NOT_FOUND, ERROR_SHARING_VIOLATION, ERROR_TOO_MANY_OPEN_FILES, WIN32_ERROR,
};
use windows_sys::Win32::Networking::WinSock::{
    WSAECONNABORTED, WSAECONNREFUSED, WSAECONNRESET, WSAEHOSTUNREACH, WSAEMFILE, WSAENETUNREACH,
    WSAENOBUFS, WSAETIMEDOUT, WSAEWOULDBLOCK,
};

use crate::os_error::in_lower_case;
use crate::shortage::{Resource, Shortage};

/// Descriptions of common errors, in the words of other systems. Those of Windows are in the user's
/// language.
const DESCRIPTIONS: &[(i32, &str)] = &[
    (of(ERROR_FILE_NOT_FOUND), "no such file or directory"),
    (of(ERROR_PATH_NOT_FOUND), "no such file or directory"),
    (of(ERROR_ACCESS_DENIED), "permission denied"),
    (of(ERROR_SHARING_VIOLATION), "another program is using the file"),
    (of(ERROR_LOCK_VIOLATION), "another program has locked the file"),
    (of(ERROR_DISK_FULL), "no space left on device"),
    (WSAECONNABORTED, "software caused connection abort"),
    (WSAECONNREFUSED, "connection refused"),
    (WSAECONNRESET, "connection reset by peer"),
    (WSAEHOSTUNREACH, "no route to host"),
    (WSAENETUNREACH, "network is unreachable"),
    (WSAETIMEDOUT, "connection timed out"),
];

/// The description of a numbered error: in English if it is a common one, or else in the language of
/// the system.
pub fn describe(number: i32) -> String {
    let known = DESCRIPTIONS.iter().find(|(known, _)| *known == number);
    if let Some((_, description)) = known {
        return (*description).to_owned();
    }
    let text = io::Error::from_raw_os_error(number).to_string();
    let text = text.rsplit_once(" (os error").map_or(&*text, |(text, _)| text);
    in_lower_case(text.trim_end_matches('.'))
}

/// Whether connecting a non-blocking socket has only begun.
pub fn is_connecting(error: &io::Error) -> bool {
    error.raw_os_error() == Some(WSAEWOULDBLOCK)
}

const MEMORY: Shortage = Shortage {
    resource: Resource::Memory,
    what: "the process has run out of memory",
    remedy: "free memory, enlarge the page file, or raise the limit of the job object or container",
};

const HANDLES: Shortage = Shortage {
    resource: Resource::Descriptors,
    what: "the process has run out of handles",
    remedy: "have it close files and sockets that it does not need",
};

const SOCKETS: Shortage = Shortage {
    resource: Resource::Memory,
    what: "the system has run out of ports or of memory for socket buffers",
    remedy: "close connections that are not needed, or free memory",
};

/// The errors that report a [`Shortage`].
pub const SHORTAGES: &[(i32, Shortage)] = &[
    (of(ERROR_TOO_MANY_OPEN_FILES), HANDLES),
    (WSAEMFILE, HANDLES),
    (of(ERROR_NOT_ENOUGH_MEMORY), MEMORY),
    (of(ERROR_OUTOFMEMORY), MEMORY),
    (of(ERROR_COMMITMENT_LIMIT), MEMORY),
    (of(ERROR_NO_SYSTEM_RESOURCES), MEMORY),
    (WSAENOBUFS, SOCKETS),
];

const fn of(error: WIN32_ERROR) -> i32 {
    error as i32
}

/// No thread can be started, for example to look up a host name.
pub const NO_THREAD: Shortage = Shortage {
    resource: Resource::Threads,
    what: "the process cannot start a thread",
    remedy: "free memory, or have it end threads that it does not need",
};
