//! The service over real sockets, with the `openssl` command to check what it makes.

/// Tuples, one a line however long it is.
macro_rules! rows {
    ($($($field:expr),+;)*) => { [$(($($field),+)),*] };
}

mod answers;
mod client;
mod command;
#[path = "../common/module.rs"]
mod module;
mod openssl;
mod page;
mod policies;
