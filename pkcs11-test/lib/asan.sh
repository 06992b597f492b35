#!/usr/bin/env bash
# Builds the module with AddressSanitizer, overflow checks and what fuzz/ measures its coverage with, and prints the path of the
# library. A program that loads it needs GCC's sanitizer runtime, whose path is printed by `asan.sh runtime`: not every rustc has
# one, and both call the same functions.
# shellcheck source-path=SCRIPTDIR/../..

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. pkcs11-test/lib/sanitizer.sh

if [[ ${1:-} == runtime ]]; then
    gcc_runtime AddressSanitizer libasan libasan8
    exit
fi

# What was compared helps to guess bytes of a text, and not to find a sequence of calls; it would take a third of the time.
coverage=$(sed 's/-Cllvm-args=-sanitizer-coverage-trace-compares//' fuzz/coverage)
# Without optimization, sequences of calls take four times as long.
export CARGO_PROFILE_DEV_OPT_LEVEL=2
build_with address asan "$coverage"
