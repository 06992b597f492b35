//! Binds the shared library's functions to itself, and keeps them in the process.
//!
//! The compiler writes the export map: of a cdylib it exports the `#[no_mangle]` functions, which
//! are those of PKCS #11, and nothing else. GNU ld does not take a second map beside that one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // The function lists must hold this library's functions, even where another PKCS #11
        // module has been loaded before it and made its symbols global.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic");
        // A lookup of a host name that hangs outlives its call, and dlclose must not take the code
        // from under its thread.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
