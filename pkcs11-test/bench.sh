#!/usr/bin/env bash
# Measures the module as a package ships it beside a client that does nothing but send the same request, and beside SoftHSM, if it is
# installed, for what needs no network. Counts instructions if valgrind is installed. Prints a table, and writes it with a plot to
# docs/performance.md. Takes some minutes.
#
# Usage: bench.sh [--quick]
# --quick measures everything once only and writes nothing, to show that it runs. SIGNPATH_TEST_MODULE names another library.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(cargo metadata --format-version 1 --no-deps --locked | jq --raw-output .target_directory)
case ${1:-} in
    '')
        # A folder of its own, and no LTO, which would take minutes: only rustls and ring matter for the comparison.
        build=(--release --target-dir "$target/bench" --config profile.release.lto=false --config profile.release.codegen-units=16)
        program=$target/bench/release/pkcs11-test
        arguments=(--page docs/performance.md)
        ;;
    --quick)
        build=()
        program=$target/debug/pkcs11-test
        arguments=(--quick)
        ;;
    *)
        sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac

module=${SIGNPATH_TEST_MODULE:-$(pkcs11-test/lib/module.sh)}
cargo build --locked --quiet --package pkcs11-test --features harness --bin pkcs11-test "${build[@]}"
# As a package has it: without symbols, and written at once. The file that a linker leaves takes a tenth of a millisecond more to load.
mkdir -p "$target/bench"
stripped=$target/bench/libsignpath_pkcs11.so
strip -o "$stripped" "$module"
exec "$program" bench --module "$stripped" --state "$target/bench/state" "${arguments[@]}"
