//! Non-blocking TCP sockets.

use std::io::{self, IoSlice};
use std::os::windows::io::{AsRawSocket, IntoRawSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use windows_sys::Win32::Networking::WinSock::{POLLIN, POLLOUT, WSAPOLLFD, WSAPoll};

use crate::socket::Interest;

/// The handle. Programs do not close those of others on Windows.
pub type Identity = u64;

/// What the handle refers to.
///
/// # Errors
/// None.
pub fn identity(socket: &Socket) -> io::Result<Identity> {
    Ok(socket.as_raw_socket() as u64)
}

/// An unconnected TCP socket.
///
/// # Errors
/// Those of the system.
pub fn tcp(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
}

/// Forgets a socket whose handle no longer belongs to it, without closing that.
pub fn abandon(socket: Socket) {
    let _ = socket.into_raw_socket();
}

/// Windows itself closes a connection whose data is not acknowledged after a few repetitions.
pub fn limit_unacknowledged(_: &Socket, _: Duration) {}

/// Sends bytes.
///
/// # Errors
/// Those of the system.
pub fn send(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    socket.send(bytes)
}

/// Like [`send`], for several buffers in one packet if they fit.
///
/// # Errors
/// Those of the system.
pub fn send_vectored(socket: &Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    socket.send_vectored(pieces)
}

/// Whether [`end_waits`] does something.
pub const ENDS_WAITS: bool = false;

/// Nothing on Windows.
pub fn end_waits(_: &Socket) {}

/// Waits until one of the sockets is ready, but no longer than `time`. Returns whether one is. Before Windows 10 2004 it does not
/// notice that connecting has failed, so a caller that connects has to look in any case.
///
/// # Errors
/// Those of the system.
pub fn wait(sockets: &[(&Socket, Interest)], time: Duration) -> io::Result<bool> {
    let mut waits: Vec<_> = sockets
        .iter()
        .map(|(socket, interest)| WSAPOLLFD {
            fd: socket.as_raw_socket() as usize,
            events: events(*interest),
            revents: 0,
        })
        .collect();
    let count = waits.len().try_into().unwrap_or(u32::MAX);
    // At least a millisecond, to avoid a busy loop just before the deadline.
    let milliseconds = time.as_millis().max(1).try_into().unwrap_or(i32::MAX);
    // SAFETY: the pointer is to `count` structures.
    match unsafe { WSAPoll(waits.as_mut_ptr(), count, milliseconds) } {
        ..0 => Err(io::Error::last_os_error()),
        ready => Ok(ready > 0),
    }
}

fn events(interest: Interest) -> i16 {
    let mut events = 0;
    if interest.contains(Interest::READ) {
        events |= POLLIN;
    }
    if interest.contains(Interest::WRITE) {
        events |= POLLOUT;
    }
    events
}
