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

#[test]
fn nothing_of_the_command_line_is_in_the_module() {
    let module = std::fs::read(common::module_path()).unwrap();
    let library = b"clap_builder";
    assert!(
        !module
            .windows(library.len())
            .any(|window| window == library)
    );
}
