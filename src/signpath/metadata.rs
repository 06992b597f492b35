//! Who signs, for SignPath's audit log: this process, its user and its machine.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::command_line;
use crate::secret::Secret;

/// What the service is told about this process.
pub(super) struct Process {
    command_line: String,
    name: String,
    id: u32,
    user: String,
    host: String,
    operating_system: OperatingSystem,
}

struct OperatingSystem {
    /// `Linux`, for instance.
    name: String,
    /// The release of its kernel.
    version: String,
    /// The architecture of the processor as the compiler names it.
    architecture: &'static str,
}

impl Process {
    /// This process; `secrets` do not show in its command line.
    pub(super) fn current(secrets: &[Secret]) -> Self {
        let program = std::env::current_exe().unwrap_or_default();
        Self {
            command_line: command_line::masked(secrets),
            name: program
                .file_name()
                .unwrap_or(Path::new("").as_os_str())
                .to_string_lossy()
                .into_owned(),
            id: std::process::id(),
            user: user(),
            host: text(nix::unistd::gethostname().unwrap_or_default()),
            operating_system: OperatingSystem::current(),
        }
    }

    /// The metadata of a fast signing request, with `more` beside it (REST documentation, "Signing
    /// a hash: first generation").
    pub(super) fn creating_process(&self, more: Option<&Map<String, Value>>) -> Value {
        let os = &self.operating_system;
        merged(
            more,
            "CreatingProcess",
            json!({
                "CommandLine": self.command_line,
                "User": self.user,
                "Name": self.name,
                "Id": self.id,
                "Host": self.host,
                "OperatingSystem": {
                    "Type": os.name,
                    "Version": os.version,
                    "Architecture": os.architecture,
                },
            }),
        )
    }

    /// The metadata of SignHash, with `more` beside it (REST documentation, "Signing a hash:
    /// second generation").
    pub(super) fn source_process(&self, more: Option<&Map<String, Value>>) -> Value {
        let os = &self.operating_system;
        merged(
            more,
            "sourceProcess",
            json!({
                "commandLine": self.command_line,
                "user": self.user,
                "name": self.name,
                "id": self.id,
                "host": self.host,
                "operatingSystem": {
                    "type": os.name,
                    "version": os.version,
                    "architecture": os.architecture,
                },
            }),
        )
    }
}

impl OperatingSystem {
    fn current() -> Self {
        let name = nix::sys::utsname::uname();
        let text_of = |field: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
            name.as_ref()
                .map_or_else(|_| String::new(), |name| text(field(name).to_owned()))
        };
        Self {
            name: text_of(|name| name.sysname()),
            version: text_of(|name| name.release()),
            architecture: std::env::consts::ARCH,
        }
    }
}

/// `more` with the process, which wins over an entry of the same name.
fn merged(more: Option<&Map<String, Value>>, name: &str, process: Value) -> Value {
    let mut metadata = more.cloned().unwrap_or_default();
    metadata.insert(name.to_owned(), process);
    Value::Object(metadata)
}

fn text(text: std::ffi::OsString) -> String {
    text.to_string_lossy().into_owned()
}

fn user() -> String {
    let uid = nix::unistd::geteuid();
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_describes_this_process_in_both_generations() {
        let process = Process::current(&[]);
        let (first, second) = (process.creating_process(None), process.source_process(None));
        let (first, second) = (&first["CreatingProcess"], &second["sourceProcess"]);
        let program = std::env::args().next().unwrap();
        for command_line in [&first["CommandLine"], &second["commandLine"]] {
            assert!(command_line.as_str().unwrap().starts_with(&program));
        }
        let os = (&first["OperatingSystem"], &second["operatingSystem"]);
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(os.0["Type"], "Linux");
        assert_eq!(os.1["type"], "Linux");
        assert_eq!(os.0["Version"], release.trim());
        assert_eq!(os.1["version"], release.trim());
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(first["Host"], host.trim());
        assert_eq!(second["host"], host.trim());
        assert_eq!(second["id"], std::process::id());
        assert!(!first["User"].as_str().unwrap().is_empty());
    }

    #[test]
    fn configured_metadata_stands_beside_the_process_and_does_not_replace_it() {
        let more = json!({"build": {"number": 7}, "CreatingProcess": "forged"});
        let metadata = Process::current(&[]).creating_process(more.as_object());
        assert_eq!(metadata["build"]["number"], 7);
        assert_eq!(metadata["CreatingProcess"]["Id"], std::process::id());
    }
}
