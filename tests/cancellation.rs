//! Another thread ends a call that waits for the service.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::{LIST, SIGN, assert_lines, on_stage, options, pin, traffic};
use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Rv, Session, Stage, null};
use pkcs11_test::{Effect, Fault, Gate, call};

/// Far more than a call takes to end, and far less than its timeout of at least 30 s.
const PROMPT: Duration = Duration::from_secs(5);

/// The longest that a call may take to end.
const MOMENT: Duration = Duration::from_millis(100);

/// How often a phase is tried, since the machine may be busy.
const TRIES: usize = 5;

/// Runs a call in another thread and ends it once `wait` returns. Also returns how long it went on after that.
fn ended<T: Send>(
    run: impl FnOnce() -> T + Send,
    wait: impl FnOnce(),
    end: impl FnOnce(),
) -> (T, Duration) {
    thread::scope(|scope| {
        let call = scope.spawn(|| (run(), Instant::now()));
        wait();
        let ended = Instant::now();
        end();
        let (value, returned) = call.join().unwrap();
        (value, returned.saturating_duration_since(ended))
    })
}

/// Where a call waits: the scheme of the API URL, whether there is a proxy, and the start of the response, after which the server is
/// silent. [`None`]: the server accepts no connection.
type Phase = (&'static str, &'static str, bool, Option<&'static str>);

const PHASES: &[Phase] = &table! {
    ("connecting", "http", false, None),
    ("the TLS handshake", "https", false, Some("")),
    ("the tunnel through a proxy", "https", true, Some("")),
    ("the TLS handshake through a proxy", "https", true, Some("HTTP/1.1 200 OK\r\n\r\n")),
    ("the response", "http", false, Some("")),
    ("the head of the response", "http", false, Some("HTTP/1.1 200 OK\r\nContent-")),
    ("the body", "http", false, Some("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")),
    ("the body of a refusal", "http", false, Some("HTTP/1.1 400 X\r\nContent-Length: 100\r\n\r\n{")),
    ("the next attempt", "http", false, Some("HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: 300\r\n\r\n")),
};

/// The function that ends a call, the call, how it is ended, and what it returns.
type End = (&'static str, fn(Session) -> Rv, fn(Session) -> Rv, CK_RV);

const ENDS: &[End] = &table! {
    ("C_CloseSession", login, |session| session.close(), CKR_SESSION_CLOSED),
    ("C_CloseAllSessions", login, close_all, CKR_SESSION_CLOSED),
    ("C_SessionCancel", |session| session.find_init(&[]), |session| session.cancel(CKF_FIND_OBJECTS), CKR_FUNCTION_CANCELED),
    ("C_Finalize", login, |session| session.module.finalize(), CKR_CRYPTOKI_NOT_INITIALIZED),
};

fn login(session: Session) -> Rv {
    session.login()
}

fn close_all(session: Session) -> Rv {
    call!(session.module, C_CloseAllSessions(1))
}

/// Starts the server of a phase. The receiver gets a message once the client waits.
fn silent_server(response: Option<&'static str>) -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (arriving, arrived) = channel();
    // Before the client can connect.
    let only = response.is_none().then(|| {
        #[cfg(unix)]
        {
            use std::os::fd::AsRawFd;
            // SAFETY: the descriptor is open. A second call changes how many connections wait.
            assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        }
        TcpStream::connect(address).unwrap()
    });
    thread::spawn(move || {
        let Some(response) = response else {
            let connecting = format!(":{:04X} 02 ", address.port());
            wait_for_state("/proc/self/net/tcp", &connecting);
            arriving.send(()).unwrap();
            // It must go on listening.
            std::mem::forget((listener, only));
            return;
        };
        let (mut client, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(client.read(&mut request).unwrap() > 0);
        client.write_all(response.as_bytes()).unwrap();
        arriving.send(()).unwrap();
        // Waits for the client to disconnect.
        while matches!(client.read(&mut request), Ok(1..)) {}
    });
    (address.to_string(), arrived)
}

fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

/// Waits until a file of the kernel has this text: a socket in state SYN_SENT (proc_pid_net(5)), or a thread that sleeps
/// (proc_pid_stat(5)).
fn wait_for_state(file: &str, text: &str) {
    wait_until(|| std::fs::read_to_string(file).unwrap().contains(text));
}

/// Runs `act` where a search retries and only errors are told.
fn with_retries(test: &str, act: impl FnOnce(&Stage, &Module)) {
    let more = table! { ("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false"), ("SIGNPATH_LOG_CONSOLE_LEVEL", "error") };
    on_stage(test, options, &more, |stage, module| act(stage, module));
}

#[test]
fn a_call_ends_within_moments_wherever_it_waits() {
    with_retries(test_name!(), |stage, module| {
        // Only Linux shows that a connection waits which is not accepted.
        let is_seen =
            |(_, _, _, response): &&Phase| cfg!(target_os = "linux") || response.is_some();
        let phases = PHASES
            .iter()
            .filter(is_seen)
            .flat_map(|phase| ENDS.iter().map(move |end| (phase, end)));
        for ((phase, scheme, has_proxy, response), (name, call, end, rv)) in phases {
            let took = || {
                let (address, arrived) = silent_server(*response);
                let (host, proxy) = match has_proxy {
                    true => ("signpath.example", &*format!("http://{address}")),
                    false => (&*address, ""),
                };
                stage.set("SIGNPATH_API_URL", &format!("{scheme}://{host}/Api"));
                stage.set("http_proxy", proxy);
                let session = module.opened();
                let (ended_with, took) = ended(
                    || call(session),
                    || arrived.recv().unwrap(),
                    || assert_eq!(end(session), CKR_OK),
                );
                assert_eq!(ended_with, *rv, "{name}, {phase}");
                let is_finalized = *rv == CKR_CRYPTOKI_NOT_INITIALIZED;
                let expected = if is_finalized { *rv } else { CKR_OK };
                assert_eq!(module.finalize(), expected, "{name}");
                took
            };
            let is_prompt = (0..TRIES).any(|_| took() < MOMENT);
            assert!(is_prompt, "{name}, {phase}: not within {MOMENT:?}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_login_ends_that_waits_for_the_list_of_another() {
    with_retries(test_name!(), |stage, module| {
        let (address, arrived) = silent_server(Some(""));
        stage.set("SIGNPATH_API_URL", &format!("http://{address}/Api"));
        let first = module.opened();
        thread::scope(|scope| {
            let asking = scope.spawn(|| first.login());
            arrived.recv().unwrap();
            let took = |_| {
                let session = module.session();
                let (starting, started) = channel();
                let login = move || {
                    // SAFETY: it has no preconditions.
                    starting.send(unsafe { libc::gettid() }).unwrap();
                    drop(starting);
                    session.login()
                };
                let wait = || {
                    let thread = started.recv().unwrap();
                    wait_for_state(&format!("/proc/self/task/{thread}/stat"), ") S ");
                };
                let (rv, took) = ended(login, wait, || assert_eq!(session.close(), CKR_OK));
                assert_eq!(rv, CKR_SESSION_CLOSED);
                took
            };
            let shortest = (0..TRIES).map(took).min().unwrap();
            assert!(shortest < MOMENT, "{shortest:?}");
            assert_eq!(first.close(), CKR_OK);
            assert_eq!(asking.join().unwrap(), CKR_SESSION_CLOSED);
        });
    });
}

/// What a signature waits for.
enum Wait {
    /// The response to C_Sign.
    Sign,
    /// The response to C_SignMessage.
    Message,
    /// The time at which C_Sign may try again.
    Retry,
}
use Wait::{Message, Retry, Sign};

/// A signature that is ended: what it waits for, what ends it, what it returns, and a part of each line on stderr.
type Row = (Wait, fn(Session), CK_RV, &'static [&'static str]);

const ROWS: &[Row] = &table! {
    (Sign, |session| ok(session.close()), CKR_SESSION_CLOSED, &[]),
    (Sign, |session| ok(close_all(session)), CKR_SESSION_CLOSED, &[]),
    (Sign, |session| ok(session.module.finalize()), CKR_CRYPTOKI_NOT_INITIALIZED, &[]),
    (Sign, |session| {
        ok(call!(session.module, C_SignInit(session.handle, null(), 0)));
        ok(sign_init(session));
    }, CKR_FUNCTION_CANCELED, &[]),
    (Sign, |session| {
        ok(session.cancel(CKF_VERIFY | CKF_DIGEST | CKF_MESSAGE_SIGN | CKF_FIND_OBJECTS));
        assert_eq!(sign_init(session), CKR_OPERATION_ACTIVE, "it still waits");
        ok(session.cancel(CKF_SIGN));
        ok(sign_init(session));
    }, CKR_FUNCTION_CANCELED, &["CKR_OPERATION_ACTIVE"]),
    (Message, |session| {
        ok(session.cancel(CKF_MESSAGE_SIGN));
        assert_eq!(session.sign_message_begin(), CKR_OPERATION_NOT_INITIALIZED);
        ok(sign_init(session));
    }, CKR_FUNCTION_CANCELED, &["CKR_OPERATION_NOT_INITIALIZED"]),
    (Retry, |session| ok(session.logout()), CKR_FUNCTION_CANCELED, &["attempt 1 of POST"]),
    (Retry, |session| ok(session.close()), CKR_SESSION_CLOSED, &["attempt 1 of POST"]),
};

fn ok(rv: Rv) {
    assert_eq!(rv, CKR_OK);
}

fn sign_init(session: Session) -> Rv {
    session.sign_init(CKM_ECDSA, session.private("demo/p-256"))
}

fn message_sign_init(session: Session) -> Rv {
    session.message_sign_init(CKM_ECDSA, session.private("demo/p-256"))
}

fn sign(session: Session) -> Rv {
    session.sign_into(&[7; 32], 64).rv
}

/// Runs a call whose request the service holds until `act` has ended the call, or has let the service go on.
fn meanwhile(
    stage: &Stage,
    route: &str,
    call: impl FnOnce() -> Rv + Send,
    act: impl FnOnce(&Gate),
) -> Rv {
    let gate = Gate::new();
    stage.inject(Fault::hold(route, &gate));
    let (rv, took) = ended(call, || gate.wait_for(1), || act(&gate));
    assert!(took < PROMPT, "{took:?}");
    gate.open();
    rv
}

#[test]
fn another_thread_ends_a_signature_that_waits() {
    on_stage(test_name!(), options, &[], |stage, module| {
        for (number, (waits, end, rv, lines)) in ROWS.iter().enumerate() {
            let sent = || traffic(&stage.service.requests()).signatures;
            let before = sent();
            let session = module.logged_in().unwrap();
            let signed = stage.see(|| match waits {
                Sign => {
                    ok(sign_init(session));
                    meanwhile(stage, SIGN, || sign(session), |_| end(session))
                }
                Message => {
                    ok(message_sign_init(session));
                    let sign = || session.sign_message(&[7; 32], 64).rv;
                    meanwhile(stage, SIGN, sign, |_| end(session))
                }
                Retry => {
                    stage.inject(Fault::on(SIGN, Effect::retry_after(503, 300)));
                    ok(sign_init(session));
                    let wait = || wait_until(|| stage.has_said("attempt 1 of POST"));
                    let (rv, took) = ended(|| sign(session), wait, || end(session));
                    assert!(took < PROMPT, "row {number}: {took:?}");
                    rv
                }
            });
            assert_eq!(signed.value, *rv, "row {number}");
            assert_lines(&signed.lines, lines);
            // The service records a request that it holds once its connection is closed.
            wait_until(|| sent() > before);
            assert_eq!(sent(), before + 1, "row {number}");
            if *rv == CKR_FUNCTION_CANCELED && !matches!(waits, Retry) {
                // A late response is not the next signature: the module would refuse one of another digest.
                ok(session.sign_into(&[8; 32], 64).rv);
            }
            module.finalize();
        }
    });
}

/// Logs out while the service signs, and then lets it go on.
fn log_out_meanwhile(stage: &Stage, session: Session, sign: impl Fn() -> Rv + Sync) {
    let log_out = |gate: &Gate| {
        assert_eq!(session.logout(), CKR_OK);
        gate.open();
    };
    assert_eq!(meanwhile(stage, SIGN, &sign, log_out), CKR_OK);
    // The logout ended the operation.
    assert_eq!(stage.see(sign).value, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn a_signature_at_the_service_survives_c_logout() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let requests = || stage.service.requests();
        let pin = pin(&stage.service, stage.service.token());
        for (pin, token) in [("CONFIG", stage.service.token()), (&*pin, "")] {
            stage.set("SIGNPATH_API_TOKEN", token);
            let session = module.opened();
            let login = || assert_eq!(session.login_as(CKU_USER, pin.as_bytes()), CKR_OK);
            login();
            assert_eq!(message_sign_init(session), CKR_OK);
            log_out_meanwhile(stage, session, || session.sign_message(&[7; 32], 64).rv);
            login();
            assert_eq!(sign_init(session), CKR_OK);
            let before = traffic(&requests()).signatures;
            log_out_meanwhile(stage, session, || sign(session));
            assert_eq!(traffic(&requests()).signatures, before + 1);
            let connection = requests().pop().unwrap().connection;
            login();
            assert_eq!(sign_init(session), CKR_OK);
            assert_eq!(sign(session), CKR_OK);
            // A configured API token, and its connection, stay until C_Finalize.
            let is_same = requests().pop().unwrap().connection == connection;
            assert_eq!(is_same, pin == "CONFIG");
            assert_eq!(module.finalize(), CKR_OK);
        }
    });
}

#[test]
fn a_search_works_after_one_that_was_cancelled() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let session = module.opened();
        let cancel = |_: &_| assert_eq!(session.cancel(CKF_FIND_OBJECTS), CKR_OK);
        let rv = meanwhile(stage, LIST, || session.find_init(&[]), cancel);
        assert_eq!(rv, CKR_FUNCTION_CANCELED);
        let ended = stage.see(|| session.find_final());
        assert_eq!(ended.value, CKR_OPERATION_NOT_INITIALIZED);
        session.public("demo/p-256");
    });
}
