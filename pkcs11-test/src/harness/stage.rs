//! A process that runs the service beside the module, and sees what a call does to both of its ends.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Mutex;

use crate::{Error, Options, Service};

/// The service, the environment that leads to it, and stderr, in a process of their own.
pub struct Stage {
    pub service: Service,
    stderr: Mutex<Captured>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<T> {
    /// What it gave.
    pub value: T,
    /// The module's lines on stderr.
    pub lines: Vec<String>,
    /// All that reached stderr.
    pub stderr: String,
    /// The routes of the requests that came to the service.
    pub requests: Vec<String>,
}

impl Stage {
    /// Starts a service and sets what leads to it, and `more`, in the environment. From now on, what is written to
    /// stderr reaches it only once the stage is dropped, or before [`Stage::see`], unless that has seen it.
    pub fn new(options: Options, more: &[(&str, &str)]) -> Result<Self, Error> {
        let service = Service::start(options)?;
        for (name, value) in service.environment() {
            set(name, &value);
        }
        more.iter().for_each(|(name, value)| set(name, value));
        let stderr = Mutex::new(Captured::new());
        Ok(Self { service, stderr })
    }

    /// Sets a variable for the next C_Initialize.
    pub fn set(&self, name: &str, value: &str) {
        set(name, value);
    }

    /// Does something, and tells what it said and which requests it sent.
    pub fn see<T>(&self, act: impl FnOnce() -> T) -> Seen<T> {
        let before = self.service.requests().len();
        self.stderr.lock().unwrap().pass_on();
        let value = act();
        let stderr = self.stderr.lock().unwrap().text();
        let requests = self.service.requests().split_off(before);
        let lines = stderr
            .lines()
            .filter_map(|line| line.strip_prefix("signpath-pkcs11: "));
        Seen {
            value,
            lines: lines.map(str::to_owned).collect(),
            stderr,
            requests: requests.into_iter().map(|request| request.route).collect(),
        }
    }
}

fn set(name: &str, value: &str) {
    // SAFETY: only threads of the service run beside this one, and they do not read the environment.
    unsafe { std::env::set_var(name, value) };
}

/// Stderr in a file.
struct Captured {
    file: File,
    stderr: OwnedFd,
}

impl Captured {
    fn new() -> Self {
        let file = tempfile::tempfile().unwrap();
        // SAFETY: both descriptors are open, and the copy is nobody else's.
        let stderr = unsafe {
            let copy = libc::dup(2);
            assert!(copy >= 0 && libc::dup2(file.as_raw_fd(), 2) == 2);
            OwnedFd::from_raw_fd(copy)
        };
        Self { file, stderr }
    }

    /// What has been written since the last time.
    fn text(&mut self) -> String {
        // The descriptor shares its position with stderr, so what was read is taken away.
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0)).unwrap();
        self.file.read_to_end(&mut bytes).unwrap();
        self.file.set_len(0).unwrap();
        self.file.seek(SeekFrom::Start(0)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes to stderr what nobody has looked at.
    fn pass_on(&mut self) {
        let text = self.text();
        let mut stderr = File::from(self.stderr.try_clone().unwrap());
        let _ = stderr.write_all(text.as_bytes());
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        self.pass_on();
        // SAFETY: both descriptors are open.
        unsafe { libc::dup2(self.stderr.as_raw_fd(), 2) };
    }
}
