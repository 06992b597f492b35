//! Exports the symbols of libFuzzer, which the module's instrumentation calls.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-rdynamic");
}
