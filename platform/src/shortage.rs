//! Resources that this process has run out of. Such an error must not be mistaken for a network
//! failure: a retry does not help, and the user has to raise a limit.

use std::error::Error;
use std::{fmt, io};

use crate::system::errors::{NO_THREAD, SHORTAGES};

/// A resource that has run out, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// The resource.
    pub resource: Resource,
    pub(crate) what: &'static str,
    pub(crate) remedy: &'static str,
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

impl Shortage {
    /// The shortage that an error of the operating system reports, if it does.
    pub fn of(error: &io::Error) -> Option<Self> {
        let number = error.raw_os_error()?;
        let mut known = SHORTAGES.iter();
        known.find(|(known, _)| *known == number).map(|(_, shortage)| *shortage)
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

    /// No thread can be started, for example to look up a host name.
    pub const fn threads() -> Self {
        NO_THREAD
    }
}

/// What has run out and what to do.
impl fmt::Display for Shortage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.what, self.remedy)
    }
}

impl Error for Shortage {}
