//! A program with more privileges than its caller ignores the caller's environment.

mod common;

use std::ffi::CString;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{fs, io, thread};

use common::programs::free_address;
use common::{NOTHING, Run, child_command, in_child, load, module_path, said, say};
use cryptoki_sys::*;
use pkcs11_test::harness::ulong;

/// The address where the child listens. All variables of the caller lead there.
const LISTENER: &str = "TEST_LISTENER";

/// Set if the child is in a network namespace of its own.
const IS_ALONE: &str = "TEST_IS_ALONE";

/// `nobody`, on every system.
const NOBODY: u32 = 65534;

/// What gives a program more privileges than its caller, how, and who that is.
type Privilege = (&'static str, fn(&Path) -> io::Result<()>, u32);

const PRIVILEGES: [Privilege; 3] = table! {
    ("set-user-ID", |program| owned(program, Some(NOBODY), None, 0o4755), 0),
    ("set-group-ID", |program| owned(program, None, Some(NOBODY), 0o2755), 0),
    ("file capabilities", bind_low_ports, NOBODY),
};

fn owned(program: &Path, user: Option<u32>, group: Option<u32>, mode: u32) -> io::Result<()> {
    chown(program, user, group)?;
    fs::set_permissions(program, fs::Permissions::from_mode(mode))
}

fn bind_low_ports(program: &Path) -> io::Result<()> {
    let path = CString::new(program.to_str().unwrap()).unwrap();
    // struct vfs_cap_data of linux/capability.h: revision 2 with the effective bit, and
    // CAP_NET_BIND_SERVICE permitted.
    let words: [u32; 5] = [0x0200_0001, 1 << 10, 0, 0, 0];
    let value = words.map(u32::to_le_bytes).concat();
    // SAFETY: the pointers are to texts that end with NUL, and to a value of that length.
    let set = unsafe {
        let (name, start) = (c"security.capability".as_ptr(), value.as_ptr().cast());
        libc::setxattr(path.as_ptr(), name, start, value.len(), 0)
    };
    checked(set).map(drop)
}

#[test]
fn a_privileged_program_ignores_the_environment() {
    let test = test_name!();
    if std::env::var_os(LISTENER).is_some() {
        in_child(test, || ((), Vec::new()), child);
        return;
    }
    // SAFETY: it has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("left out: only root can give a program privileges");
        return;
    }
    let is_alone = may_be_alone();
    if !is_alone {
        eprintln!("left out: a login at the default URL, since no network namespace can be made");
    }
    let mut effective = 0;
    for (name, give, caller) in PRIVILEGES {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("program");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let module = folder.path().join("module.so");
        fs::copy(module_path(), &module).unwrap();
        if let Err(error) = give(&program) {
            eprintln!("left out: {name} ({error})");
            continue;
        }
        let callers = folder.path().join("callers");
        fs::create_dir(&callers).unwrap();
        fs::set_permissions(&callers, fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = child_command(&program, test);
        command.env("SIGNPATH_TEST_MODULE", &module);
        command.envs(environment(&callers));
        if is_alone {
            command.env(IS_ALONE, "true");
            // SAFETY: it calls the system and nothing else.
            unsafe { command.pre_exec(leave_the_network) };
        }
        // SAFETY: the same. Not `uid`, which comes before all of these.
        unsafe {
            command.pre_exec(move || checked(libc::setuid(caller)).map(drop));
        }
        let run = Run::of_child(&mut command, test);
        if said(&run.stdout) == ["not privileged"] {
            eprintln!("left out: {name} has no effect here");
            continue;
        }
        effective += 1;
        assert_told(name, &run, is_alone);
        let left: Vec<_> = fs::read_dir(&callers).unwrap().collect();
        // The files that the caller made.
        assert_eq!(left.len(), 3, "{name}: {left:?}");
    }
    assert!(effective > 0, "no privilege has an effect in this place");
}

/// Variables with which a caller could attack the program.
fn environment(folder: &Path) -> Vec<(&'static str, String)> {
    let listener = free_address();
    let url = format!("http://{listener}/Api");
    let file = |name: &str| folder.join(name).display().to_string();
    fs::write(file("signpath.json"), format!("{{\"ApiUrl\": \"{url}\"}}")).unwrap();
    fs::write(file("secret"), "root-only").unwrap();
    // Opening it for reading would block.
    nix::unistd::mkfifo(&folder.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let proxies = ["http_proxy", "https_proxy", "HTTPS_PROXY"].map(|name| (name, listener.clone()));
    let mut environment = vec![
        (LISTENER, listener.clone()),
        ("SIGNPATH_CONFIG_FILE", file("signpath.json")),
        ("SIGNPATH_API_URL", url),
        ("SIGNPATH_ORGANIZATION_ID", "of-the-caller".to_owned()),
        ("SIGNPATH_API_TOKEN", format!("file:{}", file("secret"))),
        ("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false".to_owned()),
        ("SIGNPATH_LOG_FILE_DIRECTORY", file("logs")),
        ("SIGNPATH_POLICY_CACHE_SECONDS", "600".to_owned()),
        ("SSL_CERT_FILE", file("pipe")),
        ("SSL_CERT_DIR", file("certificates")),
        ("HOME", file("home")),
        ("XDG_CACHE_HOME", file("cache")),
        ("XDG_STATE_HOME", file("state")),
        ("TMPDIR", file("temporary")),
    ];
    environment.extend(proxies);
    environment
}

fn assert_told(name: &str, run: &Run, is_alone: bool) {
    let lines = |part: &str| {
        let lines = run.lines().into_iter().filter(|line| line.contains(part));
        lines.collect::<Vec<_>>()
    };
    let [warning] = lines("warning: ignored ")[..] else {
        panic!("{name}: {:#?}", run.lines());
    };
    for part in [
        "because set-user-ID and set-group-ID programs",
        "SIGNPATH_API_URL",
        "SIGNPATH_CONFIG_FILE",
        "https_proxy",
        "SSL_CERT_FILE",
        "use the PIN {OrganizationId}:{ApiToken}",
    ] {
        assert!(warning.contains(part), "{name}: {part} is not in {warning}");
    }
    let [refused] = lines("error: C_Login: the PIN selects")[..] else {
        panic!("{name}: {:#?}", run.lines());
    };
    assert!(refused.contains("ignore their environment; use the PIN"));
    let reached = lines("cannot connect to https://app.signpath.io/Api (");
    assert_eq!(!reached.is_empty(), is_alone, "{name}: {:#?}", run.lines());
    assert_eq!(lines("through the proxy"), Vec::<&str>::new(), "{name}");
}

fn child() {
    // SAFETY: it has no preconditions.
    if unsafe { libc::getauxval(libc::AT_SECURE) } == 0 {
        say("not privileged");
        return;
    }
    let listener = TcpListener::bind(std::env::var(LISTENER).unwrap()).unwrap();
    listener.set_nonblocking(true).unwrap();
    let module = load();
    let session = module.opened();
    let keys = session.find(&[(CKA_CLASS, ulong(CKO_PRIVATE_KEY))]);
    assert_eq!(keys.unwrap(), NOTHING);
    assert_eq!(session.login(), CKR_PIN_INCORRECT);
    if std::env::var_os(IS_ALONE).is_some() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        // SAFETY: both descriptors are open.
        let stderr = unsafe { libc::dup(2) };
        let lead_stderr_to = |descriptor| assert_eq!(unsafe { libc::dup2(descriptor, 2) }, 2);
        lead_stderr_to(theirs.as_raw_fd());
        let line = thread::scope(|scope| {
            let pin = b"c3e1b8f0-5d2a-4a3c-9a51-000000000000:t0ken";
            let login = scope.spawn(|| session.login_as(CKU_USER, pin));
            let mut lines = BufReader::new(ours).lines().map(Result::unwrap);
            let line = lines.find(|line| line.contains("https://app.signpath.io/Api"));
            assert_eq!(session.close(), CKR_OK);
            assert_eq!(login.join().unwrap(), CKR_SESSION_CLOSED);
            line.unwrap()
        });
        lead_stderr_to(stderr);
        eprintln!("{line}");
    }
    let connection = listener.accept().map_err(|error| error.kind());
    assert_eq!(connection.unwrap_err(), ErrorKind::WouldBlock);
}

/// Whether a process may leave the network.
fn may_be_alone() -> bool {
    let mut command = Command::new("true");
    // SAFETY: it calls the system and nothing else.
    unsafe { command.pre_exec(leave_the_network) };
    command.status().is_ok_and(|status| status.success())
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    match result {
        0.. => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Moves this process to a network namespace of its own, where only 127.0.0.1 can be reached.
fn leave_the_network() -> io::Result<()> {
    // SAFETY: the request is a valid ifreq (netdevice(7)) with a name that ends with NUL.
    unsafe {
        checked(libc::unshare(libc::CLONE_NEWNET))?;
        let socket = checked(libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0))?;
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        checked(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw mut request))?;
        checked(libc::close(socket))?;
    }
    Ok(())
}
