//! What this process has run out of. That is no fault of the network: trying again does not help, and
//! the user has another limit to raise.

use std::error::Error as StdError;
use std::io;

use nix::errno::Errno;

use crate::error::{Error, Kind};

/// Something that a process has only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    kind: Kind,
    what: &'static str,
    remedy: &'static str,
}

const SHORTAGES: [(Errno, Shortage); 4] = [
    (
        Errno::EMFILE,
        Shortage {
            kind: Kind::ProcessLimit,
            what: "this process has no file descriptor left",
            remedy: "raise its limit of open files (ulimit -n, RLIMIT_NOFILE, LimitNOFILE=), or \
                     close what it does not need",
        },
    ),
    (
        Errno::ENFILE,
        Shortage {
            kind: Kind::ProcessLimit,
            what: "this machine has no file descriptor left",
            remedy: "raise fs.file-max, or end the program that holds so many files open",
        },
    ),
    (
        Errno::ENOMEM,
        Shortage {
            kind: Kind::HostMemory,
            what: "the system has no memory left for this process",
            remedy: "raise its limit (ulimit -v, the memory limit of its container), or free some",
        },
    ),
    (
        Errno::ENOBUFS,
        Shortage {
            kind: Kind::HostMemory,
            what: "the system has no memory left for the buffers of a socket",
            remedy: "free some, or raise the limits of the network stack",
        },
    ),
];

impl Shortage {
    /// The shortage that an error of the system tells of.
    pub fn of(error: &io::Error) -> Option<Self> {
        let number = error.raw_os_error()?;
        let mut known = SHORTAGES.iter();
        known
            .find(|(errno, _)| *errno as i32 == number)
            .map(|(_, shortage)| *shortage)
    }

    /// The same, wherever it stands among the causes of an error.
    pub fn behind(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut next = Some(error);
        std::iter::from_fn(|| {
            let error = next?;
            next = error.source();
            Some(error)
        })
        .find_map(|error| Self::of(error.downcast_ref()?))
    }

    /// A thread cannot be made.
    pub const fn threads() -> Self {
        Self {
            kind: Kind::ProcessLimit,
            what: "this process cannot start a thread for the lookup of a host name",
            remedy: "raise its limit of threads (ulimit -u, RLIMIT_NPROC, TasksMax=)",
        }
    }

    /// What a call says that it kept from its work.
    pub fn error(self) -> Error {
        Error::new(self.kind, format!("{}; {}", self.what, self.remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_has_the_return_value_of_what_is_short() {
        for (errno, rv) in [
            (Errno::EMFILE, Some("CKR_FUNCTION_FAILED")),
            (Errno::ENFILE, Some("CKR_FUNCTION_FAILED")),
            (Errno::ENOMEM, Some("CKR_HOST_MEMORY")),
            (Errno::ENOBUFS, Some("CKR_HOST_MEMORY")),
            (Errno::ECONNREFUSED, None),
        ] {
            let shortage = Shortage::of(&io::Error::from(errno));
            assert_eq!(shortage.map(|shortage| shortage.kind.name()), rv, "{errno}");
        }
    }
}
