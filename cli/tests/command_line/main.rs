//! The program `signpath-pkcs11`: what it prints, its exit status, and what it asks the service.

#[path = "../../../tests/common/mod.rs"]
mod common;
mod doctor;
mod documentation;
mod journal;
mod live;
mod names;
mod policies;
mod program;
mod setup;
mod setup_gpg;
mod sign;
mod terminal;
mod tokens;
