//! Where the file may be, and what happens where it cannot: a private folder, a line that says so,
//! and never an operation that fails.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use pkcs11_test::Fault;

use super::*;
use crate::common::{Run, SIGN, environment, in_child, service};
use crate::test_name;

/// The folder below the private folder for state.
const PRIVATE: &str = "state/signpath-pkcs11";

/// Logs in, signs, and has every call answered as if there were no log.
fn sign_well() {
    let raw = Raw::load();
    let session = raw::logged_in(&raw);
    assert_eq!(sign(&raw, session), CKR_OK);
    finalize(&raw);
}

/// Signs in a child with a log at `debug` in the folder that `prepare` makes of a temporary one.
fn sign_with_log(
    test: &str,
    prepare: impl FnOnce(&Path) -> PathBuf,
    child: impl FnOnce(),
) -> Option<(TempDir, Run)> {
    sign_with_state(test, |folder| (prepare(folder), state_in(folder)), child)
}

/// The variable of the private folder for state.
fn state_in(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    vec![("XDG_STATE_HOME", folder.join("state"))]
}

/// The same, where `prepare` also says where private folders may be.
fn sign_with_state(
    test: &str,
    prepare: impl FnOnce(&Path) -> (PathBuf, Vec<(&'static str, PathBuf)>),
    child: impl FnOnce(),
) -> Option<(TempDir, Run)> {
    let prepare = || {
        let (service, folder) = (service(), tempfile::tempdir().unwrap());
        service.inject(Fault::on(SIGN, busy())).unwrap();
        let (directory, mut more) = prepare(folder.path());
        more.push((LOG_DIRECTORY, directory));
        let mut environment = environment(&service, &[(FILE_LEVEL, "debug")]);
        let text = |path: PathBuf| path.into_os_string().into_string().unwrap();
        let more = more.into_iter();
        environment.extend(more.map(|(name, path)| (name.to_owned(), text(path))));
        ((service, folder), environment)
    };
    let ((_, folder), run) = in_child(test, prepare, child)?;
    Some((folder, run))
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

/// The log is in the private folder, and a line, beside the one for the attempt that failed, says
/// why.
fn assert_private(folder: &TempDir, run: &Run, reason: &str) {
    let private = folder.path().join(PRIVATE);
    assert_complete(&private);
    assert_eq!(mode(&private), 0o700);
    assert_eq!(mode(&private.join(FILE)), 0o600);
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let said = format!("warning: writing the log file to {}", private.display());
    for part in [said.as_str(), reason] {
        assert!(lines[0].contains(part), "{part:?} is not in {:?}", lines[0]);
    }
}

#[test]
fn folders_and_file_are_for_this_user_alone_whatever_the_umask_is() {
    for umask in [0, 0o022, 0o777] {
        let prepare = |folder: &Path| folder.join(format!("umask-{umask:o}/logs"));
        let child = || {
            let path = std::env::var(LOG_DIRECTORY).unwrap();
            let umask = path.split("umask-").nth(1).unwrap().split('/').next();
            let umask = libc::mode_t::from_str_radix(umask.unwrap(), 8).unwrap();
            // SAFETY: it has no other effect on the process.
            unsafe { libc::umask(umask) };
            sign_well();
        };
        let Some((folder, _)) = sign_with_log(test_name!(), prepare, child) else {
            return;
        };
        let parent = folder.path().join(format!("umask-{umask:o}"));
        assert_complete(&parent.join("logs"));
        assert_eq!(mode(&parent), 0o700, "{umask:o}");
        assert_eq!(mode(&parent.join("logs")), 0o700, "{umask:o}");
        assert_eq!(mode(&parent.join("logs").join(FILE)), 0o600, "{umask:o}");
    }
}

/// The official library leaves its file like this.
#[test]
fn a_file_that_others_can_read_is_taken_from_them_and_a_folder_stays_as_it_is() {
    let prepare = |folder: &Path| {
        let logs = folder.join("logs");
        std::fs::create_dir(&logs).unwrap();
        std::fs::set_permissions(&logs, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(logs.join(FILE), "").unwrap();
        std::fs::set_permissions(logs.join(FILE), PermissionsExt::from_mode(0o666)).unwrap();
        logs
    };
    let Some((folder, _)) = sign_with_log(test_name!(), prepare, sign_well) else {
        return;
    };
    let logs = folder.path().join("logs");
    assert_complete(&logs);
    assert_eq!((mode(&logs), mode(&logs.join(FILE))), (0o755, 0o600));
}

#[test]
fn a_symbolic_link_in_the_place_of_the_folder_is_not_followed() {
    for slash in ["", "/"] {
        let prepare = |folder: &Path| {
            std::fs::create_dir(folder.join("elsewhere")).unwrap();
            symlink(folder.join("elsewhere"), folder.join("logs")).unwrap();
            folder.join(format!("logs{slash}"))
        };
        let Some((folder, run)) = sign_with_log(test_name!(), prepare, sign_well) else {
            return;
        };
        assert_private(&folder, &run, "/logs: the directory is a symbolic link");
        let elsewhere = folder.path().join("elsewhere");
        assert_eq!(std::fs::read_dir(elsewhere).unwrap().count(), 0);
    }
}

#[test]
fn what_is_no_plain_file_in_the_place_of_the_file_is_not_followed_or_waited_for() {
    type Make = fn(&Path);
    let kinds: [Make; 3] = [
        |path| symlink("../elsewhere", path).unwrap(),
        |path| std::fs::create_dir(path).unwrap(),
        |path| {
            let made = command("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        },
    ];
    for make in kinds {
        let prepare = |folder: &Path| {
            let logs = folder.join("logs");
            std::fs::create_dir(&logs).unwrap();
            std::fs::write(folder.join("elsewhere"), "").unwrap();
            make(&logs.join(FILE));
            logs
        };
        let Some((folder, run)) = sign_with_log(test_name!(), prepare, sign_well) else {
            return;
        };
        assert_private(&folder, &run, "/logs: the log file is not a regular file");
        let elsewhere = std::fs::read(folder.path().join("elsewhere")).unwrap();
        assert!(elsewhere.is_empty());
    }
}

#[test]
fn a_folder_of_another_user_is_not_used() {
    let prepare = |folder: &Path| {
        let logs = folder.join("logs");
        std::fs::create_dir(&logs).unwrap();
        match chown(&logs, Some(1), None) {
            Ok(()) => logs,
            // Only root can give a folder away. To all others this one is somebody else's.
            Err(_) => PathBuf::from("/usr"),
        }
    };
    let Some((folder, run)) = sign_with_log(test_name!(), prepare, sign_well) else {
        return;
    };
    assert_private(&folder, &run, ": it belongs to another user (ID ");
    assert!(!folder.path().join("logs").join(FILE).exists());
    assert!(!Path::new("/usr").join(FILE).exists());
}

#[test]
fn a_file_of_another_user_is_not_used() {
    let prepare = |folder: &Path| {
        let logs = folder.join("logs");
        std::fs::create_dir(&logs).unwrap();
        std::fs::write(logs.join(FILE), "").unwrap();
        // Others than root cannot make one in a folder of their own; a folder of another user
        // comes to the same there.
        match chown(logs.join(FILE), Some(1), None) {
            Ok(()) => logs,
            Err(_) => PathBuf::from("/usr"),
        }
    };
    let Some((folder, run)) = sign_with_log(test_name!(), prepare, sign_well) else {
        return;
    };
    assert_private(&folder, &run, ": it belongs to another user (ID ");
    let file = folder.path().join("logs").join(FILE);
    assert!(std::fs::read(file).unwrap().is_empty());
}

#[test]
fn a_folder_that_others_can_write_in_is_not_used() {
    for mode in [0o777, 0o1777, 0o770] {
        let prepare = |folder: &Path| {
            let logs = folder.join("logs");
            std::fs::create_dir(&logs).unwrap();
            std::fs::set_permissions(&logs, PermissionsExt::from_mode(mode)).unwrap();
            logs
        };
        let Some((folder, run)) = sign_with_log(test_name!(), prepare, sign_well) else {
            return;
        };
        assert_private(
            &folder,
            &run,
            "/logs: the directory is writable by other users",
        );
        assert!(!folder.path().join("logs").join(FILE).exists());
    }
}

#[test]
fn where_there_can_be_no_folder_a_private_one_is_used() {
    type Prepare = fn(&Path) -> PathBuf;
    let places: [(Prepare, &str); 3] = [
        (
            |folder| {
                std::fs::write(folder.join("logs"), "").unwrap();
                folder.join("logs")
            },
            "/logs: not a directory",
        ),
        (
            |folder| {
                std::fs::write(folder.join("file"), "").unwrap();
                folder.join("file/logs")
            },
            "/file/logs: not a directory",
        ),
        // Not even root can make one there.
        (|_| PathBuf::from("/proc/logs"), "/proc/logs: "),
    ];
    for (prepare, reason) in places {
        let Some((folder, run)) = sign_with_log(test_name!(), prepare, sign_well) else {
            return;
        };
        assert_private(&folder, &run, reason);
    }
}

/// Not even root can make anything there.
const NOWHERE: &str = "/proc/nowhere";

#[test]
fn the_private_folder_is_one_for_state_or_temporary_files() {
    type Variables = fn(&Path) -> Vec<(&'static str, PathBuf)>;
    // SAFETY: it only looks at the process.
    let user = unsafe { libc::geteuid() };
    let places: [(Variables, String); 4] = [
        (state_in, PRIVATE.to_owned()),
        // What is not absolute does not count (XDG Base Directory Specification).
        (
            |folder| {
                vec![
                    ("XDG_STATE_HOME", "relative".into()),
                    ("HOME", folder.into()),
                ]
            },
            ".local/state/signpath-pkcs11".to_owned(),
        ),
        (
            |folder| vec![("XDG_STATE_HOME", "".into()), ("HOME", folder.into())],
            ".local/state/signpath-pkcs11".to_owned(),
        ),
        (
            |folder| {
                vec![
                    ("XDG_STATE_HOME", NOWHERE.into()),
                    ("TMPDIR", folder.into()),
                ]
            },
            format!("SignPathLogs-{user}"),
        ),
    ];
    for (variables, private) in places {
        let prepare = |folder: &Path| (PathBuf::from(NOWHERE), variables(folder));
        let Some((folder, _)) = sign_with_state(test_name!(), prepare, sign_well) else {
            return;
        };
        assert_complete(&folder.path().join(private));
    }
}

#[test]
fn a_log_that_can_be_nowhere_is_said_once_and_the_signature_is_made() {
    let prepare = |_: &Path| {
        let nowhere = ["XDG_STATE_HOME", "TMPDIR"].map(|name| (name, PathBuf::from(NOWHERE)));
        (PathBuf::from(NOWHERE), nowhere.into())
    };
    let Some((_, run)) = sign_with_state(test_name!(), prepare, sign_well) else {
        return;
    };
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let said = "cannot write the log file /proc/nowhere/";
    assert!(lines[0].contains(said), "{}", lines[0]);
}

/// Limits what this process may use.
fn set_limit(resource: libc::__rlimit_resource_t, limit: libc::rlim_t) {
    let limit = libc::rlimit {
        rlim_cur: limit,
        rlim_max: limit,
    };
    // SAFETY: the pointer is to a local of that type.
    assert_eq!(unsafe { libc::setrlimit(resource, &limit) }, 0);
}

/// Limits the size of files that this process writes, in bytes. The signal that comes with it ends
/// a program that does not expect it.
fn limit_file_size(limit: libc::rlim_t) {
    set_limit(libc::RLIMIT_FSIZE, limit);
}

#[test]
fn a_file_that_takes_nothing_is_said_once_and_the_signature_is_made() {
    let prepare = |folder: &Path| folder.join("logs");
    let child = || {
        limit_file_size(0);
        sign_well();
    };
    let Some((folder, run)) = sign_with_log(test_name!(), prepare, child) else {
        return;
    };
    let lines = run.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for part in [
        "warning: cannot write the log file ",
        "/logs/SignPath.CryptoProviders.Cryptoki.txt: file too large",
        "SIGNPATH_LOG_FILE_DIRECTORY",
    ] {
        assert!(lines[0].contains(part), "{part:?} is not in {:?}", lines[0]);
    }
    let file = folder.path().join("logs").join(FILE);
    assert_eq!(file.metadata().unwrap().len(), 0);
}

#[test]
fn where_files_must_stay_small_the_log_goes_on_in_the_next_one() {
    let prepare = |folder: &Path| folder.join("logs");
    let child = || {
        limit_file_size(500);
        sign_well();
    };
    let Some((folder, run)) = sign_with_log(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(run.lines().len(), 1, "{:#?}", run.lines());
    let logs = folder.path().join("logs");
    let last = lines_of(&logs.join(FILE)).pop().unwrap();
    assert!(last.message.starts_with("C_Finalize("), "{last:?}");
    assert!(logs.join(format!("{FILE}.5")).exists());
}

/// Has stderr lead to nobody, in a process that SIGPIPE ends as it ends a program of C.
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
fn a_reader_of_stderr_that_is_gone_ends_nothing() {
    let prepare = |folder: &Path| folder.join("logs");
    let child = || {
        break_stderr();
        sign_well();
    };
    let Some((folder, run)) = sign_with_log(test_name!(), prepare, child) else {
        return;
    };
    assert_eq!(run.stderr, "");
    assert_complete(&folder.path().join("logs"));
}

#[test]
fn a_process_without_descriptors_to_spare_signs_over_its_connection() {
    let prepare = |folder: &Path| folder.join("logs");
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        break_stderr();
        set_limit(libc::RLIMIT_NOFILE, 0);
        assert_eq!(sign(&raw, session), CKR_OK);
        finalize(&raw);
    };
    let Some((folder, _)) = sign_with_log(test_name!(), prepare, child) else {
        return;
    };
    let last = lines_of(&folder.path().join("logs").join(FILE))
        .pop()
        .unwrap();
    assert!(last.message.starts_with("C_Login("), "{last:?}");
}

#[test]
fn a_stderr_that_is_closed_ends_nothing_even_if_the_connection_gets_its_number() {
    let prepare = || {
        let (service, folder) = (service(), LogFolder::new());
        // The second attempt needs a new connection, and what is said of it must not go there.
        let headers = [("Retry-After", "0"), ("Connection", "close")];
        let closing = Effect::answer(503, &headers, "");
        service.inject(Fault::on(SIGN, closing)).unwrap();
        service.inject(Fault::on(SIGN, busy())).unwrap();
        let mut environment = environment(&service, &[]);
        environment.extend(folder.environment("debug"));
        ((service, folder), environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        // SAFETY: nothing else writes to it any more.
        assert_eq!(unsafe { libc::close(2) }, 0);
        assert_eq!(sign(&raw, session), CKR_OK);
        let stderr = std::fs::read_link("/proc/self/fd/2").unwrap();
        let stderr = stderr.to_str().unwrap();
        assert!(stderr.starts_with("socket:"), "{stderr}");
        finalize(&raw);
    };
    let Some(((service, folder), _)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    assert_complete(&folder.path());
    // A server that reads a line of ours between two requests closes the connection.
    let exchanges: Vec<_> = service
        .requests()
        .into_iter()
        .map(|request| (request.connection, request.status.unwrap()))
        .collect();
    assert_eq!(exchanges, [(1, 200), (1, 503), (2, 503), (2, 200)]);
}

#[test]
fn a_tool_without_standard_streams_signs() {
    let (service, folder) = (service(), LogFolder::new());
    let signature = folder.0.path().join("signature");
    for streams in ["2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"] {
        service.inject(Fault::on(SIGN, busy())).unwrap();
        let status = command("sh")
            .args(["-c", &format!("exec pkcs11-tool \"$@\" {streams}"), "sh"])
            .args(pkcs11_tool_arguments("CONFIG", folder.0.path()))
            .envs(environment(&service, &[(CONSOLE_LEVEL, "verbose")]))
            .envs(folder.environment("verbose"))
            .status()
            .unwrap();
        assert!(status.success(), "{streams} {status}");
        assert_eq!(signature.metadata().unwrap().len(), 256, "{streams}");
        std::fs::remove_file(&signature).unwrap();
    }
    // Each C_Sign met the service when it was busy.
    let lines = folder.lines().into_iter();
    let warnings = lines.filter(|line| line.level == "warning");
    assert_eq!(warnings.count(), 3);
}
