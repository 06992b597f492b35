//! What there is to say about this process: its command line, user and system.

use std::ffi::{OsStr, OsString};
use std::fmt;

use nix::sys::utsname::{UtsName, uname};

/// Identifies the user of this process, who may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(nix::unistd::Uid);

impl UserId {
    /// The user of this process now.
    pub fn current() -> Self {
        Self(nix::unistd::geteuid())
    }

    /// The user's name, if there is one. The lookup may involve a directory service.
    pub fn name(self) -> Option<String> {
        let user = nix::unistd::User::from_uid(self.0);
        user.ok().flatten().map(|user| user.name)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The arguments of the process, each followed by a zero byte. In a library loaded by a C program,
/// [`std::env::args_os`] is empty unless the C library passes the arguments to constructors.
pub fn arguments() -> Vec<u8> {
    std::fs::read("/proc/self/cmdline").unwrap_or_else(|_| {
        let arguments = std::env::args_os();
        arguments.flat_map(|argument| (text(argument) + "\0").into_bytes()).collect()
    })
}

/// The name of this machine.
pub fn host_name() -> String {
    text(nix::unistd::gethostname().unwrap_or_default())
}

/// The name and the version of the operating system.
pub fn system() -> (String, String) {
    let name = uname();
    let text_of = |field: fn(&UtsName) -> &OsStr| {
        name.as_ref().map_or_else(|_| String::new(), |name| text(field(name).to_owned()))
    };
    (text_of(|name| name.sysname()), text_of(|name| name.release()))
}

fn text(text: OsString) -> String {
    text.to_string_lossy().into_owned()
}
