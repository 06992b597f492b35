//! Adapts a connection, with or without TLS, to the HTTP client's I/O traits.

use std::io::{self, BufRead, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};

use hyper::rt::ReadBufCursor;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use signpath_platform::socket::Interest;

use super::connect_error::ConnectError;
use super::socket::Socket;
use super::waiting::{Interruption, Waiting};

/// The size of one read, in bytes.
const PIECE: usize = 8 << 10;

/// How often a socket is read before the call checks its deadline and cancellation, since a peer
/// could send endlessly.
const READS: u8 = 64;

/// A socket and the events that its stream waits for.
pub(crate) struct Link {
    pub(crate) socket: Socket,
    /// The [`Interest`] of the reads and writes that would have blocked.
    wanted: AtomicU8,
    /// Whether all that had arrived has been read, so that a read would block.
    is_drained: AtomicBool,
}

/// A connection, with or without TLS.
pub(crate) struct Stream {
    link: Arc<Link>,
    tls: Option<Box<ClientConnection>>,
    /// The buffer for reads without TLS.
    piece: Vec<u8>,
    /// How many reads in a row did not block.
    reads: u8,
}

impl Link {
    fn want(&self, interest: Interest) {
        self.wanted.fetch_or(interest.bits(), Ordering::Relaxed);
    }

    /// Whether a write has blocked since the last wait.
    pub(crate) fn has_unsent(&self) -> bool {
        let wanted = Interest::from_bits(self.wanted.load(Ordering::Relaxed));
        wanted.contains(Interest::WRITE)
    }

    /// Waits until the stream can make progress.
    ///
    /// # Errors
    /// See [`Interruption`].
    pub(crate) fn wait(&self, waiting: &Waiting<'_>) -> Result<(), Interruption> {
        let wanted = self.wanted.swap(0, Ordering::Relaxed);
        self.socket.wait(waiting, Interest::from_bits(wanted))?;
        self.look_again();
        Ok(())
    }

    /// Has the next read try whether something has arrived.
    pub(crate) fn look_again(&self) {
        self.is_drained.store(false, Ordering::Relaxed);
    }
}

/// Reads what has arrived. Does not try again before [`Link::look_again`] if it was less than there was room for.
impl Read for &Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_drained.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = (&self.socket).read(buffer);
        let is_drained = match &read {
            Ok(length) => (1..buffer.len()).contains(length),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        self.is_drained.store(is_drained, Ordering::Relaxed);
        read
    }
}

impl Stream {
    /// A stream without TLS.
    pub(crate) fn plain(socket: Socket) -> Self {
        Self::new(socket, None)
    }

    /// Completes the TLS handshake.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub(crate) fn tls(
        socket: Socket,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        waiting: &Waiting<'_>,
    ) -> Result<Self, ConnectError> {
        let mut tls = client(config, name)?;
        while tls.is_handshaking() {
            let (blocked, interest) = if tls.wants_write() {
                (tls.write_tls(&mut &socket), Interest::WRITE)
            } else {
                (tls.read_tls(&mut &socket), Interest::READ)
            };
            match blocked {
                Ok(0) => {
                    let reason = "the connection was closed during the TLS handshake";
                    let error = io::Error::new(io::ErrorKind::UnexpectedEof, reason);
                    return Err(error.into());
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.wait(waiting, interest)?;
                    continue;
                }
                Err(error) => {
                    let tls_error = received_error(&mut tls, &socket);
                    return Err(tls_error.map_or_else(|| error.into(), ConnectError::Tls));
                }
            }
            if let Err(error) = tls.process_new_packets() {
                // Send the alert, if that is possible without waiting.
                let _ = tls.write_tls(&mut &socket);
                return Err(ConnectError::Tls(error));
            }
        }
        Ok(Self::new(socket, Some(tls)))
    }

    fn new(socket: Socket, tls: Option<Box<ClientConnection>>) -> Self {
        Self {
            link: Arc::new(Link {
                socket,
                wanted: AtomicU8::new(0),
                is_drained: AtomicBool::new(false),
            }),
            tls,
            piece: Vec::new(),
            reads: 0,
        }
    }

    /// The socket and what the stream waits for.
    pub(crate) fn link(&self) -> Arc<Link> {
        self.link.clone()
    }

    /// Reads at most `room` bytes from the peer; zero bytes mean the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`], [`io::ErrorKind::Interrupted`] after [`READS`] reads, and
    /// those of the connection.
    fn read(&mut self, room: usize, take: impl FnOnce(&[u8])) -> io::Result<()> {
        let mut link = &*self.link;
        let reads = &mut self.reads;
        let mut pause = || {
            *reads += 1;
            match *reads > READS {
                true => Err(io::Error::from(io::ErrorKind::Interrupted)),
                false => Ok(()),
            }
        };
        let Some(tls) = &mut self.tls else {
            pause()?;
            self.piece.resize(room, 0);
            let length = link.read(&mut self.piece)?;
            take(self.piece.get(..length).unwrap_or_default());
            return Ok(());
        };
        loop {
            match tls.reader().fill_buf() {
                Ok(bytes) => {
                    let length = bytes.len().min(room);
                    take(bytes.get(..length).unwrap_or_default());
                    tls.reader().consume(length);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            pause()?;
            tls.read_tls(&mut link)?;
            if let Err(error) = tls.process_new_packets() {
                let _ = tls.write_tls(&mut &link.socket);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    /// Sends the pending TLS records.
    fn send(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while tls.wants_write() {
            match tls.write_tls(&mut &self.link.socket) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Err(match received_error(tls, &self.link.socket) {
                        Some(error) => io::Error::new(io::ErrorKind::InvalidData, error),
                        None => error,
                    });
                }
                sent => sent?,
            };
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send()?;
        let Some(tls) = &mut self.tls else {
            return (&self.link.socket).write(bytes);
        };
        let length = tls.writer().write(bytes)?;
        match self.send() {
            // The rest is sent with the next write or flush.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(length),
        }
    }

    fn ready<T>(&self, result: io::Result<T>, interest: Interest) -> Poll<io::Result<T>> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.link.want(interest);
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }
}

/// The TLS error in what the peer sent before it closed the connection. A received alert must not
/// be lost because a write failed first.
fn received_error(tls: &mut ClientConnection, mut socket: &Socket) -> Option<rustls::Error> {
    for _ in 0..READS {
        if !matches!(tls.read_tls(&mut socket), Ok(1..)) {
            break;
        }
        if let Err(error) = tls.process_new_packets() {
            return Some(error);
        }
    }
    None
}

/// Creates the client side of TLS.
#[inline(never)] // It is built on the stack, which the handshake needs later.
fn client(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> Result<Box<ClientConnection>, ConnectError> {
    let client = ClientConnection::new(config, name).map_err(ConnectError::Tls)?;
    Ok(Box::new(client))
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(PIECE);
        let read = self.read(room, |bytes| buffer.put_slice(bytes));
        match &read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.reads = 0;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.reads = 0,
            _ => {}
        }
        self.ready(read, Interest::READ)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.write(bytes);
        self.ready(written, Interest::WRITE)
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.send();
        self.ready(sent, Interest::WRITE)
    }

    /// Sends close_notify if that is possible without waiting.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        let _ = self.send();
        Poll::Ready(Ok(()))
    }
}
