//! The module is a guest in the application's process: its signals, stacks, descriptors, forks and threads.

#[path = "../common/mod.rs"]
mod common;

mod descriptors;
mod forks;
mod signals;
mod stacks;
mod system;
mod threads;

use std::net::{TcpListener, TcpStream};
use std::thread;

use common::{load, log_in_and_sign, sign};
use cryptoki_sys::*;
use pkcs11_test::Service;
use pkcs11_test::harness::Module;

/// Names the row of a table that a child runs.
const ROW: &str = "TEST_ROW";

/// In a child: the row that it runs.
fn row<T>(table: &[T]) -> &T {
    let number: usize = std::env::var(ROW).unwrap().parse().unwrap();
    &table[number]
}

fn initialized() -> Module {
    let module = load();
    assert_eq!(module.initialize(), CKR_OK);
    module
}

/// Starts a relay to a service, which hands over the connection of each client, and its own to the service. It relays responses
/// itself. Returns its URL.
fn relay(
    service: &Service,
    mut serve: impl FnMut(TcpStream, TcpStream) + Send + 'static,
) -> String {
    let url = service.api_url();
    let upstream = url.split('/').nth(2).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url.replace(&upstream, &listener.local_addr().unwrap().to_string());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&upstream).unwrap());
            let responses = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut &responses.0, &mut &responses.1));
            serve(client, server);
        }
    });
    url
}
