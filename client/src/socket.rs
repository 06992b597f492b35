//! A non-blocking TCP socket that survives an application closing its descriptor.
//!
//! An application may close all descriptors without the module's knowledge (daemons call
//! `closefrom`), and reuse their numbers. A socket therefore remembers its device and inode and
//! checks them before each use. If the descriptor refers to something else by now, it is abandoned
//! without being closed.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use signpath_platform::socket::{self, Identity, Interest, identity};
use socket2::{Domain, Protocol, TcpKeepalive, Type};

use super::waiting::{Interruption, Waiting};

/// A connected or connecting TCP socket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// [`None`] only while it is being dropped.
    descriptor: Option<socket2::Socket>,
    identity: Identity,
}

/// How long a connection is idle before the first keepalive probe, and the interval between probes.
const PROBE_AFTER: Duration = Duration::from_secs(15);

/// How many unanswered probes close the connection.
const PROBES: u32 = 3;

/// Enables TCP keepalive, so that firewalls do not drop an idle connection and a dead peer is
/// noticed before the next request. Systems that do not support it work without.
fn keep_alive(socket: &socket2::Socket) {
    let keepalive = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_AFTER)
        .with_retries(PROBES);
    let _ = socket.set_tcp_keepalive(&keepalive);
    socket::limit_unacknowledged(socket, PROBE_AFTER * (PROBES - 1));
}

impl Socket {
    /// Starts to connect.
    ///
    /// # Errors
    /// Those of the system, including a lack of descriptors or memory.
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
            Err(error) if socket::is_connecting(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            identity: identity(&socket)?,
            descriptor: Some(socket),
        })
    }

    /// The result of connecting. [`None`] while it is in progress.
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

    /// Waits until the socket is ready for `interest`, but no longer than `POLL_INTERVAL`.
    ///
    /// # Errors
    /// See [`Interruption`].
    pub(crate) fn wait(
        &self,
        waiting: &Waiting<'_>,
        interest: Interest,
    ) -> Result<(), Interruption> {
        let socket = self.own().map_err(Interruption::Failed)?;
        waiting.for_sockets(&[(socket, interest)])
    }

    /// The descriptor, after checking that it still refers to this socket.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] if the application has closed it.
    pub(crate) fn own(&self) -> io::Result<&socket2::Socket> {
        self.descriptor
            .as_ref()
            .filter(|socket| identity(socket).is_ok_and(|now| now == self.identity))
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::NotConnected,
                    "the application has closed the descriptor of the connection",
                )
            })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_own = self.own().is_ok();
        if let Some(socket) = self.descriptor.take().filter(|_| !is_own) {
            // The application has reused the number.
            socket::abandon(socket);
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
    /// Raises no signal, whatever the application does with SIGPIPE.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| socket::send(self.own()?, bytes))
    }

    /// Sends the buffers in one packet if they fit. If a server closed the connection after the
    /// first of several packets, its response would be lost.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        uninterrupted(|| socket::send_vectored(self.own()?, pieces))
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
