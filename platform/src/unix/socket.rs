//! Non-blocking TCP sockets.
//!
//! An application may close all descriptors without the module's knowledge (daemons call
//! `closefrom`), and reuse their numbers. [`identity`] tells whether a descriptor still refers to
//! the same socket.

use std::io::{self, IoSlice};
#[cfg(target_os = "linux")]
use std::net::Shutdown;
use std::os::fd::{AsFd, IntoRawFd};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::stat::fstat;
use socket2::{Domain, Protocol, Socket, Type};

use crate::socket::Interest;

use super::descriptor::apart;

/// Device and inode. They are unique among the open sockets of a system, and those of a closed
/// socket are not reused soon.
pub type Identity = (u64, u64);

/// What the descriptor refers to.
///
/// # Errors
/// Those of the system, such as that the descriptor has been closed.
pub fn identity(socket: &Socket) -> io::Result<Identity> {
    let state = fstat(socket.as_fd())?;
    #[allow(clippy::unnecessary_cast, reason = "the types differ by system")]
    Ok((state.st_dev as u64, state.st_ino as u64))
}

/// An unconnected TCP socket. Its descriptor is not that of a standard stream.
///
/// # Errors
/// Those of the system.
pub fn tcp(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).and_then(apart)
}

/// Forgets a socket whose descriptor no longer belongs to it, without closing that.
pub fn abandon(socket: Socket) {
    let _ = socket.into_raw_fd();
}

/// Closes the connection if sent data is not acknowledged within `time`, where the system can do
/// that.
pub fn limit_unacknowledged(socket: &Socket, time: Duration) {
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(time));
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, time);
}

/// Sends bytes. Raises no signal, whatever the application does with SIGPIPE.
///
/// # Errors
/// Those of the system.
pub fn send(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    socket.send_with_flags(bytes, libc::MSG_NOSIGNAL)
}

/// Like [`send`], for several buffers in one packet if they fit.
///
/// # Errors
/// Those of the system.
pub fn send_vectored(socket: &Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    socket.send_vectored_with_flags(pieces, libc::MSG_NOSIGNAL)
}

/// Whether [`end_waits`] does something.
pub const ENDS_WAITS: bool = cfg!(target_os = "linux");

/// Has all threads that wait for this connection return from [`wait`]. The connection cannot be used afterwards.
pub fn end_waits(socket: &Socket) {
    // Sends nothing, and Linux wakes all threads that poll the socket. Other systems are not known to.
    #[cfg(target_os = "linux")]
    let _ = socket.shutdown(Shutdown::Read);
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Waits until one of the sockets is ready, but no longer than `time`. Returns whether the caller should look at them; `false` if
/// the time is up, or the thread got a signal.
///
/// # Errors
/// Those of the system.
pub fn wait(sockets: &[(&Socket, Interest)], time: Duration) -> io::Result<bool> {
    let mut waits: Vec<_> = sockets
        .iter()
        .map(|(socket, interest)| PollFd::new(socket.as_fd(), flags(*interest)))
        .collect();
    // At least a millisecond, to avoid a busy loop just before the deadline.
    let milliseconds = time.as_millis().max(1);
    let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
    match nix::poll::poll(&mut waits, timeout) {
        Ok(ready) => Ok(ready > 0),
        // The application got a signal.
        Err(Errno::EINTR) => Ok(false),
        // The limit of open files is lower than the number of sockets (poll(2)).
        Err(Errno::EINVAL) => {
            thread::sleep(Duration::from_millis(1));
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

fn flags(interest: Interest) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::POLLIN, interest.contains(Interest::READ));
    flags.set(PollFlags::POLLOUT, interest.contains(Interest::WRITE));
    flags
}
