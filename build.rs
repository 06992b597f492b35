//! Linker options that, on Linux, bind the shared library's functions to itself and keep it loaded.
//! macOS and Windows look up each function in the library it was linked with, and no option of their
//! linkers keeps a library loaded.
//!
//! The compiler generates the export map: for a cdylib it exports exactly the `#[no_mangle]`
//! functions, which are those of PKCS #11. GNU ld does not accept a second map.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // The function lists must contain this library's functions, even if another PKCS #11 module
        // was loaded earlier and made its symbols global.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-Bsymbolic");
        // A hanging host name lookup outlives its call, so dlclose must not unload the code that
        // its thread is running.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
