//! Many threads, a service that fails at random, and an application that finalizes the module in the middle.
//!
//! `stress.sh` runs it. Every signature is verified by OpenSSL. The last line is `N passed, N failed`.

mod certificates;
mod counts;
mod process;
mod reload;
mod storm;

use std::process::ExitCode;

use process::{Child, Size};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().unwrap_or_else(|_| usage());
    match arguments[..] {
        ["storm", threads, operations] => {
            let size = Size { threads: number(threads), operations: number(operations) };
            process::with_service(Child::Storm, size)
        }
        ["reload", rounds] => {
            let size = Size { threads: 1, operations: number(rounds) };
            process::with_service(Child::Reload, size)
        }
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!("usage: stress storm THREADS OPERATIONS | stress reload ROUNDS");
    std::process::exit(2);
}
