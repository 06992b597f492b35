//! Where the log file may be. If it cannot be there, a private folder is used and a line says so, but no call fails.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::*;
use crate::common::{SIGN, limit};
use crate::{in_parent, table, test_name};

/// The folder below the private folder for state.
const PRIVATE: &str = "state/signpath-pkcs11";

/// Not even root can create anything there.
const NOWHERE: &str = "/proc/nowhere";

fn sign_well() {
    let module = load();
    log_in_and_sign(&module);
    assert_eq!(module.finalize(), CKR_OK);
}

/// Signs in a child, at the second attempt, with a log at `debug` in the folder that `prepare` returns.
fn sign_with_log(
    test: &str,
    prepare: impl FnOnce(&Path) -> PathBuf,
    child: impl FnOnce(),
) -> Option<(Service, LogFolder, Run)> {
    let variables = |folder: &LogFolder| {
        let state = folder.0.path().join("state").display().to_string();
        let directory = prepare(folder.0.path()).display().to_string();
        vec![("XDG_STATE_HOME", state), (LOG_DIRECTORY, directory)]
    };
    let faults = vec![Fault::on(SIGN, busy())];
    logged(test, "debug", variables, faults, child)
}

/// The configured log folder.
fn logs(folder: &Path) -> PathBuf {
    folder.join("logs")
}

fn new_logs(folder: &Path, mode: u32) -> PathBuf {
    std::fs::create_dir(logs(folder)).unwrap();
    std::fs::set_permissions(logs(folder), PermissionsExt::from_mode(mode)).unwrap();
    logs(folder)
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

/// The log has all calls, from before C_Initialize to C_Finalize.
fn assert_complete(folder: &Path) {
    let lines = lines_of(&folder.join(FILE));
    for function in ["C_GetInterface(", "C_Sign(", "C_Finalize("] {
        let is_there = lines.iter().any(|line| line.message.starts_with(function));
        assert!(is_there, "{function} {lines:#?}");
    }
}

fn assert_last_call(folder: &LogFolder, function: &str) {
    let last = folder.lines().pop().unwrap();
    assert!(last.message.starts_with(function), "{last:?}");
}

/// There is a line with these parts, and one on the first attempt to sign.
fn assert_said(run: &Run, parts: &[&str]) {
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for part in parts {
        assert!(lines[0].contains(part), "{part:?} is not in {:?}", lines[0]);
    }
}

#[test]
fn log_folders_and_files_are_for_their_user_alone() {
    for umask in [0, 0o022, 0o777] {
        let prepare = |folder: &Path| folder.join(format!("umask-{umask:o}/logs"));
        let child = || {
            let path = std::env::var(LOG_DIRECTORY).unwrap();
            let umask = path.split(['-', '/']).nth_back(1).unwrap();
            let umask = libc::mode_t::from_str_radix(umask, 8).unwrap();
            // SAFETY: it has no other effect on the process.
            unsafe { libc::umask(umask) };
            sign_well();
        };
        let (_, folder, _) = in_parent!(sign_with_log(test_name!(), prepare, child));
        let logs = prepare(folder.0.path());
        assert_complete(&logs);
        assert_eq!(mode(logs.parent().unwrap()), 0o700, "{umask:o}");
        assert_eq!(mode(&logs), 0o700, "{umask:o}");
        assert_eq!(mode(&logs.join(FILE)), 0o600, "{umask:o}");
    }
}

/// The official library creates its file like this.
#[test]
fn a_log_file_that_others_can_read_becomes_private() {
    let prepare = |folder: &Path| {
        let file = new_logs(folder, 0o755).join(FILE);
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
        logs(folder)
    };
    let (_, folder, _) = in_parent!(sign_with_log(test_name!(), prepare, sign_well));
    let logs = folder.path();
    assert_complete(&logs);
    assert_eq!((mode(&logs), mode(&logs.join(FILE))), (0o755, 0o600));
}

/// Creates an obstacle and returns the log folder. Nothing must be written there or to `elsewhere`.
type Obstruct = fn(&Path) -> PathBuf;

/// Gives a file to another user. Only root can; for other users `/usr` is a folder of another user.
fn given_away(path: &Path, logs: PathBuf) -> PathBuf {
    match chown(path, Some(1), None) {
        Ok(()) => logs,
        Err(_) => PathBuf::from("/usr"),
    }
}

fn linked(folder: &Path) -> PathBuf {
    std::fs::create_dir(folder.join("elsewhere")).unwrap();
    symlink(folder.join("elsewhere"), logs(folder)).unwrap();
    logs(folder)
}

/// Obstacles, and what the line says.
const OBSTACLES: &[(Obstruct, &str)] = &table! {
    (linked, "/logs: the directory is a symbolic link"),
    (|folder| linked(folder).join(""), "/logs: the directory is a symbolic link"),
    (|folder| {
        std::fs::write(folder.join("elsewhere"), "").unwrap();
        with_file(folder, |file| symlink("../elsewhere", file).unwrap())
    }, "/logs: the log file is not a regular file"),
    (|folder| with_file(folder, |file| std::fs::create_dir(file).unwrap()), "/logs: the log file is not a regular file"),
    // Opening it would block.
    (|folder| with_file(folder, |file| nix::unistd::mkfifo(file, nix::sys::stat::Mode::S_IRWXU).unwrap()),
        "/logs: the log file is not a regular file"),
    (|folder| given_away(&new_logs(folder, 0o755), logs(folder)), ": it belongs to another user (ID "),
    (|folder| {
        let logs = with_file(folder, |file| std::fs::write(file, "").unwrap());
        given_away(&logs.join(FILE), logs)
    }, ": it belongs to another user (ID "),
    (|folder| new_logs(folder, 0o777), "/logs: the directory is writable by other users"),
    (|folder| new_logs(folder, 0o1777), "/logs: the directory is writable by other users"),
    (|folder| new_logs(folder, 0o770), "/logs: the directory is writable by other users"),
    (|folder| {
        std::fs::write(logs(folder), "").unwrap();
        logs(folder)
    }, "/logs: not a directory"),
    (|folder| {
        std::fs::write(folder.join("file"), "").unwrap();
        folder.join("file/logs")
    }, "/file/logs: not a directory"),
    (|_| PathBuf::from("/proc/logs"), "/proc/logs: "),
};

/// The log folder, with what `make` creates in place of the log file.
fn with_file(folder: &Path, make: impl FnOnce(&Path)) -> PathBuf {
    let logs = new_logs(folder, 0o755);
    make(&logs.join(FILE));
    logs
}

#[test]
fn an_unsafe_log_folder_is_replaced_by_a_private_one() {
    for (obstruct, reason) in OBSTACLES {
        let (_, folder, run) = in_parent!(sign_with_log(test_name!(), obstruct, sign_well));
        let private = folder.0.path().join(PRIVATE);
        assert_complete(&private);
        assert_eq!(mode(&private), 0o700);
        assert_eq!(mode(&private.join(FILE)), 0o600);
        let said = format!("warning: writing the log file to {}", private.display());
        assert_said(&run, &[&said, reason]);
        let elsewhere = folder.0.path().join("elsewhere");
        assert!(std::fs::read_dir(&elsewhere).map_or(0, Iterator::count) == 0);
        for file in [&elsewhere, &folder.path(), &folder.path().join(FILE)] {
            let file = file.symlink_metadata().ok().filter(|file| file.is_file());
            assert_eq!(file.map_or(0, |file| file.len()), 0, "{reason}");
        }
        assert!(!Path::new("/usr").join(FILE).exists());
    }
}

#[test]
fn the_private_folder_is_one_for_state_or_temporary_files() {
    // SAFETY: it only looks at the process.
    let temporary = format!("SignPathLogs-{}", unsafe { libc::geteuid() });
    let home = ".local/state/signpath-pkcs11";
    for (state, other, private) in [
        ("{}/state", "HOME", PRIVATE),
        // A relative path is ignored (XDG Base Directory Specification).
        ("relative", "HOME", home),
        ("", "HOME", home),
        (NOWHERE, "TMPDIR", &temporary),
    ] {
        let variables = |folder: &LogFolder| {
            let folder = folder.0.path().display().to_string();
            let state = ("XDG_STATE_HOME", state.replace("{}", &folder));
            vec![(LOG_DIRECTORY, NOWHERE.to_owned()), state, (other, folder)]
        };
        let (_, folder, _) =
            in_parent!(logged(test_name!(), "debug", variables, vec![], sign_well));
        assert_complete(&folder.0.path().join(private));
    }
}

/// The limit also sends a signal, which would end the process.
#[test]
fn signs_with_a_full_log_and_says_so_once() {
    let child = || {
        limit(libc::RLIMIT_FSIZE, 0);
        sign_well();
    };
    let (_, folder, run) = in_parent!(sign_with_log(test_name!(), logs, child));
    let parts = [
        "warning: cannot write the log file ",
        "/logs/SignPath.CryptoProviders.Cryptoki.txt: file too large",
        "SIGNPATH_LOG_FILE_DIRECTORY",
    ];
    assert_said(&run, &parts);
    let file = folder.path().join(FILE);
    assert_eq!(file.metadata().unwrap().len(), 0);
}

#[test]
fn rotates_the_log_where_files_must_stay_small() {
    let child = || {
        limit(libc::RLIMIT_FSIZE, 500);
        sign_well();
    };
    let (_, folder, run) = in_parent!(sign_with_log(test_name!(), logs, child));
    assert_eq!(run.lines().len(), 1, "{:#?}", run.lines());
    assert_last_call(&folder, "C_Finalize(");
    assert!(folder.path().join(format!("{FILE}.5")).exists());
}

/// Closes the other end of stderr. SIGPIPE would end the process, as it ends a program in C.
fn break_stderr() {
    let mut pipe = [0; 2];
    // SAFETY: the pointer is to two descriptors, which are then this function's own.
    unsafe {
        assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
        assert_eq!(libc::dup2(pipe[1], 2), 2);
        assert_eq!(libc::close(pipe[0]), 0);
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

#[test]
fn signs_when_the_reader_of_stderr_is_gone() {
    let child = || {
        break_stderr();
        sign_well();
    };
    let (_, folder, run) = in_parent!(sign_with_log(test_name!(), logs, child));
    assert_eq!(run.stderr, "");
    assert_complete(&folder.path());
}

#[test]
fn signs_over_its_connection_when_no_descriptor_is_left() {
    let child = || {
        let module = load();
        let session = module.logged_in().unwrap();
        break_stderr();
        limit(libc::RLIMIT_NOFILE, 0);
        assert_eq!(sign(session), CKR_OK);
        assert_eq!(module.finalize(), CKR_OK);
    };
    let (_, folder, _) = in_parent!(sign_with_log(test_name!(), logs, child));
    assert_last_call(&folder, "C_Login(");
}

#[test]
fn leaves_the_descriptor_of_a_closed_stderr_to_the_application() {
    // The second attempt needs a new connection.
    let headers = [("Retry-After", "0"), ("Connection", "close")];
    let closing = Effect::answer(503, &headers, "");
    let faults = [closing, busy()].map(|effect| Fault::on(SIGN, effect));
    let child = || {
        let module = load();
        // SAFETY: nothing else writes to it any more.
        assert_eq!(unsafe { libc::close(2) }, 0);
        let session = module.logged_in().unwrap();
        assert_eq!(sign(session), CKR_OK);
        assert!(std::fs::read_link("/proc/self/fd/2").is_err());
        assert_eq!(module.finalize(), CKR_OK);
    };
    let (service, folder, _) =
        in_parent!(logged(test_name!(), "debug", |_| vec![], faults.into(), child));
    assert_complete(&folder.path());
    // A server that receives a line of the log closes the connection.
    let requests = service.requests().into_iter();
    let exchanges = requests.map(|request| (request.connection, request.status.unwrap()));
    let expected = [(1, 200), (1, 503), (2, 503), (2, 200)];
    assert_eq!(exchanges.collect::<Vec<_>>(), expected);
}

#[test]
fn a_tool_without_standard_streams_signs() {
    let (service, folder) = (service(), LogFolder::new());
    let signature = folder.0.path().join("signature");
    for streams in ["2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"] {
        service.inject(Fault::on(SIGN, busy())).unwrap();
        let status = command("sh")
            .args(["-c", &format!("exec pkcs11-tool \"$@\" {streams}"), "sh"])
            .args(pkcs11_tool_arguments("CONFIG", &folder))
            .envs(environment(&service, &[(CONSOLE_LEVEL, "verbose")]))
            .envs(folder.environment("verbose"))
            .status()
            .unwrap();
        assert!(status.success(), "{streams} {status}");
        assert_eq!(signature.metadata().unwrap().len(), 256, "{streams}");
        std::fs::remove_file(&signature).unwrap();
    }
    // The first attempt of each C_Sign failed.
    let warnings = folder.lines().into_iter().filter(|line| line.level == "warning");
    assert_eq!(warnings.count(), 3);
}
