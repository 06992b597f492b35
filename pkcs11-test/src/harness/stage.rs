//! A process that runs the service beside the module, and sees what a call does to both of its ends.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Mutex;

use super::stderr::{read_at, redirect, stderr};
use crate::{Error, Fault, Options, Service};

/// The service, the environment that leads to it, and stderr, in a process of their own.
pub struct Stage {
    pub service: Service,
    stderr: Stderr,
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
        let stderr = Stderr::capture();
        Ok(Self { service, stderr })
    }

    /// Sets a variable for the next C_Initialize.
    pub fn set(&self, name: &str, value: &str) {
        set(name, value);
    }

    /// Has something go wrong at the service.
    pub fn inject(&self, fault: impl Into<Fault>) {
        self.service.inject(fault).unwrap();
    }

    /// Whether stderr has this text. [`Self::see`] still returns it.
    pub fn has_said(&self, text: &str) -> bool {
        let mut content = Vec::new();
        let captured = self.stderr.0.lock().unwrap();
        let mut part = [0; 4096];
        // Without moving the position, which the file shares with stderr.
        while let Ok(length @ 1..) = read_at(&captured.file, &mut part, content.len() as u64) {
            content.extend(&part[..length]);
        }
        String::from_utf8_lossy(&content).contains(text)
    }

    /// Does something, and tells what it said and which requests it sent.
    pub fn see<T>(&self, act: impl FnOnce() -> T) -> Seen<T> {
        let before = self.service.requests().len();
        self.stderr.pass_on();
        let value = act();
        let stderr = self.stderr.text();
        let requests = self.service.requests().split_off(before);
        Seen {
            value,
            lines: lines_of_the_module(&stderr),
            stderr,
            requests: requests.into_iter().map(|request| request.route).collect(),
        }
    }
}

fn set(name: &str, value: &str) {
    // SAFETY: only threads of the service run beside this one, and they do not read the environment.
    unsafe { std::env::set_var(name, value) };
}

/// Stderr in a file, until this is dropped.
pub struct Stderr(Mutex<Captured>);

struct Captured {
    file: File,
    stderr: File,
}

impl Stderr {
    /// From now on, nothing reaches stderr.
    pub fn capture() -> Self {
        let file = tempfile::tempfile().unwrap();
        let stderr = stderr();
        redirect(&file);
        Self(Mutex::new(Captured { file, stderr }))
    }

    /// The lines of the module since the last time.
    pub fn lines(&self) -> Vec<String> {
        lines_of_the_module(&self.text())
    }

    /// What has been written since the last time.
    fn text(&self) -> String {
        // The file shares its position with stderr, so what was read is taken away.
        let file = &mut self.0.lock().unwrap().file;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        file.set_len(0).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes to stderr what nobody has looked at.
    fn pass_on(&self) {
        let text = self.text();
        let _ = self.0.lock().unwrap().stderr.write_all(text.as_bytes());
    }
}

fn lines_of_the_module(stderr: &str) -> Vec<String> {
    let lines = stderr.lines();
    let lines = lines.filter_map(|line| line.strip_prefix("signpath-pkcs11: "));
    lines.map(str::to_owned).collect()
}

impl Drop for Stderr {
    fn drop(&mut self) {
        self.pass_on();
        redirect(&self.0.get_mut().unwrap().stderr);
    }
}
