//! The service over real sockets. Signatures and certificates are checked by the `openssl` command.

mod answers;
mod client;
mod command;
mod faults;
#[path = "../common/module.rs"]
mod module;
mod openssl;
mod page;
mod policies;
mod signing;
