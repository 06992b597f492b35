//! Many processes share a log file without losing lines, even while it is rotated.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use pkcs11_test::call;

use super::*;
use crate::{in_parent, test_name};

/// The largest size of the file, in bytes.
const MAX_SIZE: u64 = 10 << 20;

/// The file and its copies, the most recent first.
fn files(folder: &LogFolder) -> Vec<PathBuf> {
    let copies = (1..).map(|number| format!("{FILE}.{number}"));
    std::iter::once(FILE.to_owned())
        .chain(copies)
        .map(|name| folder.path().join(name))
        .take_while(|path| path.exists())
        .collect()
}

fn call(module: &Module, times: usize) {
    let mut info = CK_INFO::default();
    for _ in 0..times {
        call!(module, C_GetInfo(&mut info));
    }
}

/// Set in a process that the child of a test starts.
const WORKER: &str = "TEST_WORKER";

#[test]
fn threads_and_processes_lose_no_line_when_the_log_rotates() {
    // The child, a process that it forks, and one that it starts.
    const PROCESSES: usize = 3;
    const THREADS: usize = 2;
    // Each of them logs three lines, so a process writes more than 10 MB.
    const CALLS: usize = 17_000;
    let test = test_name!();
    let child = || {
        let module = load();
        let call_in_threads = || {
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| call(&module, CALLS));
                }
            });
        };
        if std::env::var_os(WORKER).is_some() {
            return call_in_threads();
        }
        std::thread::scope(|scope| {
            scope.spawn(|| common::fork::fork(|| call(&module, THREADS * CALLS)));
            scope.spawn(|| {
                let mut worker = std::process::Command::new(std::env::current_exe().unwrap());
                worker.args([test, "--exact", "--test-threads=1"]);
                common::succeed(worker.env(WORKER, "1"));
            });
            call_in_threads();
        });
    };
    let (_, folder, run) = in_parent!(logged(test, "verbose", |_| vec![], vec![], child));
    run.assert_silent();
    let files = files(&folder);
    let sizes = files.iter().map(|path| path.metadata().unwrap().len());
    let written: u64 = sizes.sum();
    assert!(written > PROCESSES as u64 * MAX_SIZE, "{written}");
    // The calls of each process, in all files.
    let mut ends: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in files.iter().flat_map(|path| lines_of(path)) {
        if line.message.starts_with("C_GetInfo(pInfo=not NULL): ") {
            let is_new = ends.entry(line.process).or_default().insert(line.call);
            assert!(is_new, "twice: {line:?}");
        }
    }
    let counts: Vec<_> = ends.values().map(BTreeSet::len).collect();
    assert_eq!(counts, [THREADS * CALLS; PROCESSES]);
    assert!((4..=5).contains(&files.len()), "{files:#?}");
    for path in &files[1..] {
        let metadata = path.metadata().unwrap();
        // A full file gets more lines until it has been renamed.
        let sizes = MAX_SIZE - 4096..2 * MAX_SIZE;
        assert!(sizes.contains(&metadata.len()), "{}", metadata.len());
        assert_eq!(metadata.mode() & 0o777, 0o600);
    }
}

#[test]
fn keeps_five_copies_of_the_log() {
    let fill = |folder: &LogFolder| {
        std::fs::create_dir(folder.path()).unwrap();
        let full = std::fs::File::create(folder.path().join(FILE)).unwrap();
        full.set_len(MAX_SIZE).unwrap();
        for number in 1..=5 {
            let path = folder.path().join(format!("{FILE}.{number}"));
            std::fs::write(path, format!("copy {number}")).unwrap();
        }
        vec![]
    };
    let child = || call(&load(), 1);
    let (_, folder, run) = in_parent!(logged(test_name!(), "debug", fill, vec![], child));
    run.assert_silent();
    let files = files(&folder);
    assert_eq!(files.len(), 6, "{files:#?}");
    let last = folder.lines().pop().unwrap();
    assert!(last.message.starts_with("C_GetInfo"), "{last:?}");
    assert_eq!(files[1].metadata().unwrap().len(), MAX_SIZE);
    for (number, path) in files.iter().enumerate().skip(2) {
        let before = format!("copy {}", number - 1);
        assert_eq!(std::fs::read_to_string(path).unwrap(), before);
    }
}
