//! A non-blocking TCP socket that survives an application closing its descriptor.
//!
//! An application may close all descriptors without the module's knowledge (daemons call
//! `closefrom`), and reuse their numbers. A socket therefore remembers its device and inode and
//! checks them before each read, write and close. If the descriptor refers to something else by now, it is abandoned without being
//! closed.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use signpath_platform::socket::{self, ENDS_WAITS, Identity, Interest, identity};
use socket2::{Domain, TcpKeepalive};

use super::cancellation::POLL_INTERVAL;
use super::waiting::{Interruption, Waiting};

/// How often a call that waits for a connection checks whether the application has closed its descriptor, and whether it was
/// cancelled, if a cancellation does not end the wait itself.
const CHECK_INTERVAL: Duration = match ENDS_WAITS {
    true => Duration::from_millis(100),
    false => POLL_INTERVAL,
};

/// A connected or connecting TCP socket.
#[derive(Debug)]
pub(crate) struct Socket(Arc<Descriptor>);

/// Its descriptor, which a cancellation shares while a call waits.
#[derive(Debug)]
pub(crate) struct Descriptor {
    /// [`None`] only while it is being dropped.
    socket: Option<socket2::Socket>,
    identity: Identity,
}

/// How long a connection is idle before the first keepalive probe, and the interval between probes.
const PROBE_AFTER: Duration = Duration::from_secs(15);

/// How many unanswered probes close the connection.
const PROBES: u32 = 3;

/// Enables TCP keepalive, so that firewalls do not drop an idle connection and a dead peer is
/// noticed before the next request. Systems that do not support it work without.
fn keep_alive(socket: &socket2::Socket) {
    let keepalive =
        TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_AFTER).with_retries(PROBES);
    let _ = socket.set_tcp_keepalive(&keepalive);
    socket::limit_unacknowledged(socket, PROBE_AFTER * (PROBES - 1));
}

impl Socket {
    /// Starts to connect.
    ///
    /// # Errors
    /// Those of the system, including a lack of descriptors or memory.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = socket::tcp(Domain::for_address(address))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        keep_alive(&socket);
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if socket::is_connecting(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(Self(Arc::new(Descriptor { identity: identity(&socket)?, socket: Some(socket) })))
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

    /// Waits until the socket is ready for `interest`.
    ///
    /// # Errors
    /// See [`Interruption`].
    pub(crate) fn wait(
        &self,
        waiting: &Waiting<'_>,
        interest: Interest,
    ) -> Result<(), Interruption> {
        let watch = waiting.cancellation.watch(&self.0);
        let mut is_ready = false;
        while !is_ready {
            // Polling another file does no harm. A read or write has just checked the descriptor, and another one follows.
            let socket = self.0.socket.as_ref().ok_or_else(closed);
            let socket = socket.map_err(Interruption::Failed)?;
            is_ready = waiting.for_sockets(&[(socket, interest)], CHECK_INTERVAL)?;
            if !is_ready {
                self.own().map_err(Interruption::Failed)?;
            }
        }
        // The other way round, a cancellation in between would look as if the server had closed the connection.
        drop(watch);
        waiting.check()
    }

    /// The descriptor, after checking that it still refers to this socket.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] if the application has closed it.
    pub(crate) fn own(&self) -> io::Result<&socket2::Socket> {
        self.0.own()
    }
}

impl Descriptor {
    fn own(&self) -> io::Result<&socket2::Socket> {
        self.socket
            .as_ref()
            .filter(|socket| identity(socket).is_ok_and(|now| now == self.identity))
            .ok_or_else(closed)
    }

    /// Ends the wait of a call that is cancelled. The connection cannot be used afterwards.
    pub(crate) fn end_waits(&self) {
        if let Ok(socket) = self.own() {
            socket::end_waits(socket);
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotConnected,
        "the application has closed the descriptor of the connection",
    )
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let is_own = self.own().is_ok();
        if let Some(socket) = self.socket.take().filter(|_| !is_own) {
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::Cancellation;

    #[test]
    fn a_cancellation_ends_the_wait_for_a_silent_server() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Socket::connect(server.local_addr().unwrap()).unwrap();
        let own = socket.own().unwrap();
        let wait = |interest, time| socket::wait(&[(own, interest)], time).unwrap();
        assert!(wait(Interest::WRITE, Duration::from_secs(30)));
        let cancellation = Cancellation::new();
        drop(cancellation.watch(&socket.0));
        let watched = cancellation.child();
        for (is_watched, ends) in [(false, false), (true, ENDS_WAITS)] {
            let _watch = is_watched.then(|| watched.watch(&socket.0));
            cancellation.cancel(io::Error::other("closed"));
            assert_eq!(wait(Interest::READ, Duration::ZERO), ends);
        }
    }
}
