//! Describes this process, its user and its machine for SignPath's audit log.

use std::path::Path;
use std::sync::OnceLock;

use once_cell::race::OnceBox;
use serde_json::{Map, Value, json};
use signpath_platform::process::{self, UserId};

use super::command_line;
use crate::Options;
use crate::masker::Masker;

/// The metadata of signing requests, collected at the first request. It belongs to a client; a
/// forked child creates its own client.
#[derive(Default)]
pub(crate) struct Metadata(OnceLock<Process>);

/// This process.
struct Process {
    /// [`None`] if the configuration disables it.
    command_line: Option<String>,
    name: String,
    id: u32,
    host: String,
    operating_system: OperatingSystem,
}

struct OperatingSystem {
    /// For example `Linux`.
    name: String,
    /// The release of the kernel.
    version: String,
    /// The processor architecture, as named by Rust.
    architecture: &'static str,
}

impl Metadata {
    /// The metadata of a fast signing request (REST documentation, "Signing a hash: first
    /// generation"). `masker` masks its secrets in the command line.
    pub(crate) fn creating_process(&self, options: &Options, masker: &Masker) -> Value {
        let process = self.process(options, masker);
        let os = &process.operating_system;
        let optional = [
            ("CommandLine", process.command_line.as_deref()),
            ("User", options.metadata_user.then(user)),
        ];
        let known = json!({
            "Name": process.name,
            "Id": process.id,
            "Host": process.host,
            "OperatingSystem": {
                "Type": os.name,
                "Version": os.version,
                "Architecture": os.architecture,
            },
        });
        merged(options, "CreatingProcess", optional, known)
    }

    /// The metadata of SignHash (REST documentation, "Signing a hash: second generation"). `masker`
    /// masks its secrets in the command line.
    pub(crate) fn source_process(&self, options: &Options, masker: &Masker) -> Value {
        let process = self.process(options, masker);
        let os = &process.operating_system;
        let optional = [
            ("commandLine", process.command_line.as_deref()),
            ("user", options.metadata_user.then(user)),
        ];
        let known = json!({
            "name": process.name,
            "id": process.id,
            "host": process.host,
            "operatingSystem": {
                "type": os.name,
                "version": os.version,
                "architecture": os.architecture,
            },
        });
        merged(options, "sourceProcess", optional, known)
    }

    fn process(&self, options: &Options, masker: &Masker) -> &Process {
        self.0.get_or_init(|| Process::current(options, masker))
    }
}

impl Process {
    fn current(options: &Options, masker: &Masker) -> Self {
        let program = std::env::current_exe().unwrap_or_default();
        Self {
            command_line: options.metadata_command_line.then(|| command_line::masked(masker)),
            name: program
                .file_name()
                .unwrap_or(Path::new("").as_os_str())
                .to_string_lossy()
                .into_owned(),
            id: std::process::id(),
            host: process::host_name(),
            operating_system: OperatingSystem::current(),
        }
    }
}

impl OperatingSystem {
    fn current() -> Self {
        let (name, version) = process::system();
        Self { name, version, architecture: std::env::consts::ARCH }
    }
}

/// The configured metadata plus the process, which replaces an entry of the same name.
fn merged(
    options: &Options,
    name: &str,
    optional: [(&str, Option<&str>); 2],
    mut process: Value,
) -> Value {
    for (name, value) in optional {
        if let (Some(value), Some(process)) = (value, process.as_object_mut()) {
            process.insert(name.to_owned(), value.into());
        }
    }
    let mut metadata: Map<_, _> = options.metadata.clone().unwrap_or_default();
    metadata.insert(name.to_owned(), process);
    Value::Object(metadata)
}

/// A cached user name. A process that has changed its user ID appends an entry to the list, which is read without a lock. A forked
/// child needs no lookup if its parent made one: it would wait forever if another thread was in the C library's at the fork.
struct User {
    id: UserId,
    name: String,
    next: OnceBox<User>,
}

static FIRST_USER: OnceBox<User> = OnceBox::new();

/// The name of this process's user, or the user ID if there is no name. It is looked up only once,
/// since the lookup may involve a directory service.
pub(crate) fn user() -> &'static str {
    let id = UserId::current();
    let mut place = &FIRST_USER;
    loop {
        let user = place.get_or_init(|| {
            let name = id.name().unwrap_or_else(|| id.to_string());
            let next = OnceBox::new();
            Box::new(User { id, name, next })
        });
        if user.id == id {
            return &user.name;
        }
        place = &user.next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(options: &Options) -> [Value; 2] {
        let (metadata, masker) = (Metadata::default(), Masker::new([]));
        [metadata.creating_process(options, &masker), metadata.source_process(options, &masker)]
    }

    #[test]
    fn describes_this_process_in_both_generations() {
        let [first, second] = metadata(&Options::new("https://example.org/Api".parse().unwrap()));
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
    fn configured_metadata_does_not_replace_the_process() {
        let more = json!({"build": {"number": 7}, "CreatingProcess": "forged"});
        let options = Options {
            metadata: more.as_object().cloned(),
            ..Options::new("https://example.org/Api".parse().unwrap())
        };
        let [metadata, _] = metadata(&options);
        assert_eq!(metadata["build"]["number"], 7);
        assert_eq!(metadata["CreatingProcess"]["Id"], std::process::id());
    }

    #[test]
    fn collects_metadata_only_for_the_first_request() {
        let options = Options::new("https://example.org/Api".parse().unwrap());
        let (metadata, masker) = (Metadata::default(), Masker::new([]));
        let first = metadata.creating_process(&options, &masker);
        let cost = masker.bytes_looked_at();
        assert!(cost > 0);
        assert_eq!(metadata.creating_process(&options, &masker), first);
        metadata.source_process(&options, &masker);
        assert_eq!(masker.bytes_looked_at(), cost);
        assert!(std::ptr::eq(user(), user()), "looked up once");
    }
}
