//! A TCP socket that never blocks and never touches what is not its own.
//!
//! A host program may close all descriptors behind the module's back (daemons call `closefrom`) and
//! open its own under the same numbers. So a socket remembers what the system calls it, and is looked
//! at before each use. One that has become something else is forgotten, and not even closed.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, IntoRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::stat::fstat;
use socket2::{Domain, Protocol, TcpKeepalive, Type};

use super::waiting::{Interruption, Waiting};

/// A stream to a peer, or one that is being connected.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Taken only when it is dropped.
    descriptor: Option<socket2::Socket>,
    identity: Identity,
}

/// How long a connection is silent before the system asks whether the peer is there, and before it asks
/// again.
const PROBE_AFTER: Duration = Duration::from_secs(15);

/// How often it asks in vain before the connection is dead.
const PROBES: u32 = 3;

/// The file system and the number of what a descriptor leads to. No two sockets of a system have
/// the same while both exist, and numbers of closed ones do not come back soon.
type Identity = (u64, u64);

/// Has the system look after a connection while nobody drives it: a firewall does not forget it, and
/// a peer that has gone shows before the next request. A system that cannot do this does without.
fn keep_alive(socket: &socket2::Socket) {
    let keepalive = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_AFTER)
        .with_retries(PROBES);
    let _ = socket.set_tcp_keepalive(&keepalive);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(PROBE_AFTER * (PROBES - 1)));
}

fn identity(descriptor: impl AsFd) -> io::Result<Identity> {
    let state = fstat(descriptor)?;
    #[allow(clippy::useless_conversion, reason = "the types differ by system")]
    Ok((state.st_dev.into(), state.st_ino.into()))
}

impl Socket {
    /// Starts to connect.
    ///
    /// # Errors
    /// Those of the system, shortages of descriptors and memory among them.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        keep_alive(&socket);
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            identity: identity(&socket)?,
            descriptor: Some(socket),
        })
    }

    /// How the connecting ended; [`None`] while it goes on.
    pub(crate) fn connected(&self) -> Option<io::Result<()>> {
        let socket = match self.own() {
            Ok(socket) => socket,
            Err(error) => return Some(Err(error)),
        };
        match socket.take_error() {
            Ok(None) if socket.peer_addr().is_ok() => Some(Ok(())),
            Ok(None) => None,
            Ok(Some(error)) | Err(error) => Some(Err(error)),
        }
    }

    /// Waits until it is ready for what `flags` say, or for a moment.
    ///
    /// # Errors
    /// An [`Interruption`].
    pub(crate) fn wait(&self, waiting: &Waiting<'_>, flags: PollFlags) -> Result<(), Interruption> {
        let socket = self.own().map_err(Interruption::Failed)?;
        waiting.for_sockets(&[(socket, flags)])
    }

    /// The descriptor, while it is this socket's.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] if the program has closed it.
    pub(crate) fn own(&self) -> io::Result<&socket2::Socket> {
        self.descriptor
            .as_ref()
            .filter(|socket| identity(socket).is_ok_and(|now| now == self.identity))
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::NotConnected,
                    "the program has closed the descriptor of the connection",
                )
            })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_own = self.own().is_ok();
        if let Some(socket) = self.descriptor.take().filter(|_| !is_own) {
            // The number is the program's by now.
            let _ = socket.into_raw_fd();
        }
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| {
            let mut socket = self.own()?;
            socket.read(buffer)
        })
    }
}

impl Write for &Socket {
    /// Without a signal, whatever the program makes of SIGPIPE.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.own()?.send_with_flags(bytes, libc::MSG_NOSIGNAL))
    }

    /// As one packet where they fit: a server that ends the connection after the first of several would
    /// not be heard.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        uninterrupted(|| {
            let socket = self.own()?;
            socket.send_vectored_with_flags(pieces, libc::MSG_NOSIGNAL)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn uninterrupted(mut act: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
