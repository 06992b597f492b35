#!/usr/bin/env bash
# Builds the module with AddressSanitizer, overflow checks and what fuzz/ measures its coverage with, and prints the path of the
# library. A program that loads it needs GCC's sanitizer runtime, whose path is printed by `asan.sh runtime`: not every rustc has
# one, and both call the same functions.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ ${1:-} == runtime ]]; then
    runtime=$(cc -print-file-name=libasan.so)
    if [[ ! -e $runtime ]]; then
        echo "cc has no libasan.so; install libasan8 or what else brings the AddressSanitizer of $(cc -dumpmachine) GCC" \
            "$(cc -dumpversion)." >&2
        exit 1
    fi
    printf '%s\n' "$runtime"
    exit
fi

host=$(rustc --version --verbose | awk '$1 == "host:" { print $2 }')
# What was compared helps to guess bytes of a text, and not to find a sequence of calls; it would take a third of the time.
coverage=$(sed 's/-Cllvm-args=-sanitizer-coverage-trace-compares//' fuzz/coverage)
# -Zsanitizer is unstable. CFLAGS instruments the C code of dependencies too. Without optimization, sequences of calls take four times as
# long.
exec env RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address $coverage" "CFLAGS_${host//-/_}=-fsanitize=address" \
    CARGO_PROFILE_DEV_OPT_LEVEL=2 CARGO_PROFILE_DEV_DEBUG=line-tables-only pkcs11-test/lib/module.sh asan --target "$host"
