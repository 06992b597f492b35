//! A relay between a module and its service, which tells a test what has passed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// What a relay waits for. What goes the other way is passed on.
#[derive(Clone, Copy)]
pub enum Watch {
    /// A request that begins like this, which it holds back for ever.
    Request(&'static [u8]),
    /// An answer that begins like this, which it passes on.
    Answer(&'static [u8]),
}

/// Listens on a port of its own and passes on what comes.
pub struct Relay {
    address: SocketAddr,
    /// Tells of each request or answer that was waited for.
    pub seen: Receiver<()>,
}

impl Relay {
    /// A relay to `service`, `host:port`.
    pub fn start(service: &str, watch: Watch) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seeing, seen) = channel();
        let service = service.to_owned();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, service) = (client.unwrap(), TcpStream::connect(&service).unwrap());
                let (request, answer) = match watch {
                    Watch::Request(start) => (Some(start), None),
                    Watch::Answer(start) => (None, Some(start)),
                };
                pass(&client, &service, request, true, &seeing);
                pass(&service, &client, answer, false, &seeing);
            }
        });
        Self { address, seen }
    }

    /// Where it listens, `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

fn pass(
    from: &TcpStream,
    to: &TcpStream,
    watched: Option<&'static [u8]>,
    hold: bool,
    seeing: &Sender<()>,
) {
    let [mut from, mut to] = [from, to].map(|end| end.try_clone().unwrap());
    let seeing = seeing.clone();
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        // The rest of a request may come in pieces of its own.
        let mut is_held = false;
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let is_watched = watched.is_some_and(|start| buffer.starts_with(start));
            is_held |= is_watched && hold;
            if !is_held && to.write_all(&buffer[..length]).is_err() {
                break;
            }
            if is_watched {
                // The test may be over already.
                let _ = seeing.send(());
            }
        }
    });
}
