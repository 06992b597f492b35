//! Resources that this process has run out of. Such an error must not be mistaken for a network
//! failure: a retry does not help, and the user has to raise a limit.

use std::error::Error;
use std::{fmt, io};

use nix::errno::Errno;

/// A resource that has run out, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// The resource.
    pub resource: Resource,
    what: &'static str,
    remedy: &'static str,
}

/// A limited resource of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// File descriptors.
    Descriptors,
    /// Memory.
    Memory,
    /// Threads.
    Threads,
}

const SHORTAGES: [(Errno, Shortage); 4] = [
    (
        Errno::EMFILE,
        Shortage {
            resource: Resource::Descriptors,
            what: "the process has run out of file descriptors",
            remedy: "raise its limit on open files (ulimit -n, RLIMIT_NOFILE, LimitNOFILE=), or \
                     have it close files that it does not need",
        },
    ),
    (
        Errno::ENFILE,
        Shortage {
            resource: Resource::Descriptors,
            what: "the system has run out of file descriptors",
            remedy: "raise fs.file-max, or stop the program that keeps so many files open",
        },
    ),
    (
        Errno::ENOMEM,
        Shortage {
            resource: Resource::Memory,
            what: "the process has run out of memory",
            remedy: "raise its memory limit (ulimit -v, or that of its container), or free memory",
        },
    ),
    (
        Errno::ENOBUFS,
        Shortage {
            resource: Resource::Memory,
            what: "the system has run out of memory for socket buffers",
            remedy: "free memory, or raise the limits on network buffers",
        },
    ),
];

impl Shortage {
    /// The shortage that an error of the operating system reports, if it does.
    pub fn of(error: &io::Error) -> Option<Self> {
        let number = error.raw_os_error()?;
        let mut known = SHORTAGES.iter();
        known
            .find(|(errno, _)| *errno as i32 == number)
            .map(|(_, shortage)| *shortage)
    }

    /// Like [`Self::of`], for an error or any of its causes.
    pub fn in_causes_of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        std::iter::from_fn(|| {
            let error = next?;
            next = error.source();
            Some(error)
        })
        .find_map(|error| Self::of(error.downcast_ref()?))
    }

    /// No thread can be started to look up a host name.
    pub const fn threads() -> Self {
        Self {
            resource: Resource::Threads,
            what: "the process cannot start a thread to resolve a host name",
            remedy: "raise its limit on threads (ulimit -u, RLIMIT_NPROC, TasksMax=)",
        }
    }
}

/// What has run out and what to do.
impl fmt::Display for Shortage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.what, self.remedy)
    }
}

impl Error for Shortage {}

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
            assert_eq!(
                shortage.map(|shortage| shortage.resource),
                resource,
                "{errno}"
            );
        }
    }
}
