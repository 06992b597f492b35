//! Error numbers of the system.

use std::io;

use nix::errno::Errno;

use crate::os_error::in_lower_case;
use crate::shortage::{Resource, Shortage};

/// The description of a numbered error, in English whatever the locale is.
pub fn describe(number: i32) -> String {
    in_lower_case(Errno::from_raw(number).desc())
}

/// Whether connecting a non-blocking socket has only begun.
pub fn is_connecting(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EINPROGRESS as i32)
}

/// The errors that report a [`Shortage`].
pub const SHORTAGES: &[(i32, Shortage)] = &[
    (
        Errno::EMFILE as i32,
        Shortage {
            resource: Resource::Descriptors,
            what: "the process has run out of file descriptors",
            remedy: "raise its limit on open files (ulimit -n, RLIMIT_NOFILE, LimitNOFILE=), or \
                     have it close files that it does not need",
        },
    ),
    (
        Errno::ENFILE as i32,
        Shortage {
            resource: Resource::Descriptors,
            what: "the system has run out of file descriptors",
            remedy: "raise fs.file-max, or stop the program that keeps so many files open",
        },
    ),
    (
        Errno::ENOMEM as i32,
        Shortage {
            resource: Resource::Memory,
            what: "the process has run out of memory",
            remedy: "raise its memory limit (ulimit -v, or that of its container), or free memory",
        },
    ),
    (
        Errno::ENOBUFS as i32,
        Shortage {
            resource: Resource::Memory,
            what: "the system has run out of memory for socket buffers",
            remedy: "free memory, or raise the limits on network buffers",
        },
    ),
];

/// No thread can be started, for example to look up a host name.
pub const NO_THREAD: Shortage = Shortage {
    resource: Resource::Threads,
    what: "the process cannot start a thread",
    remedy: "raise its limit on threads (ulimit -u, RLIMIT_NPROC, TasksMax=)",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_shortages_by_their_error_numbers() {
        for (errno, resource) in [
            (Errno::EMFILE, Some(Resource::Descriptors)),
            (Errno::ENFILE, Some(Resource::Descriptors)),
            (Errno::ENOMEM, Some(Resource::Memory)),
            (Errno::ENOBUFS, Some(Resource::Memory)),
            (Errno::ECONNREFUSED, None),
        ] {
            let shortage = Shortage::of(&io::Error::from(errno));
            assert_eq!(shortage.map(|shortage| shortage.resource), resource, "{errno}");
        }
    }

    #[test]
    fn describes_errors_in_english() {
        assert_eq!(describe(Errno::ECONNREFUSED as i32), "connection refused");
        assert_eq!(describe(Errno::EIO as i32), "I/O error");
    }
}
