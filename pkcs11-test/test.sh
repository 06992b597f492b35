#!/usr/bin/env bash
# Runs every test: format, lints, the pages, cargo test, the page of the local service in a browser, the robustness tests under
# AddressSanitizer, and the rows of all tools on both key stores of the local SignPath service, with and without TLS. All but the unit
# tests and the AddressSanitizer build use the library that a package ships. Installs missing packages, as demo.sh does. The last line
# is "N passed, N failed".

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
# Tools must start with the default SIGPIPE, which a shell that inherits it ignored cannot restore.
[[ -z $(trap -p PIPE) ]] || exec env --default-signal=PIPE "$BASH" "$0" "$@"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh
. pkcs11-test/lib/rows.sh
. pkcs11-test/lib/scenarios.sh

COMPLETE=no

# The last line, and the exit status, however the script ends.
conclude() {
    [[ $COMPLETE == yes ]] || FAILED=$((FAILED + 1))
    say "$PASSED passed, $FAILED failed"
    ((FAILED == 0 && PASSED > 0)) || exit 1
    exit 0
}

# Runs a cargo command that checks the sources, if Cargo has it. A check that fails counts as one failed test.
# Arguments: what is checked, the cargo command and its arguments.
check() {
    local subject=$1
    shift
    if cargo "$1" --version >/dev/null 2>&1; then
        say "Checking $subject: cargo $*"
        cargo "$@" || FAILED=$((FAILED + 1))
    else
        say "Not checking $subject: there is no cargo $1."
    fi
}

# Runs a command and adds up the results of its tests. An ignored test counts as a failed one.
count_tests() {
    local status=0 passed failed ignored
    "$@" 2>&1 | tee "$WORK/tests" || status=$?
    read -r passed failed ignored < <(awk '
        /^test result:/ { passed += $4; failed += $6; ignored += $8 }
        END { print passed + 0, failed + 0, ignored + 0 }' "$WORK/tests")
    ((ignored == 0)) || say "$ignored tests were ignored, which counts as failed."
    # A test program that does not build or is killed prints no result, and one without tests shows nothing.
    ((failed > 0 || (status == 0 && passed > 0))) || failed=1
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed + ignored))
}

# Checks each crate alone: in the workspace another one may switch on a feature that its manifest lacks.
crates_alone() {
    local manifest
    for manifest in */Cargo.toml Cargo.toml; do
        check "$manifest alone" check --all-targets --locked --quiet --manifest-path "$manifest"
    done
}

cargo_tests() {
    say "Running cargo test ..."
    CARGO_TERM_COLOR=never SIGNPATH_TEST_MODULE=$MODULE count_tests cargo test --workspace --locked --no-fail-fast
}

# Runs the robustness tests on a build of the module with AddressSanitizer. The test program is the usual one.
robustness_tests() {
    local runtime program module
    say "Building the module with AddressSanitizer ..."
    if ! runtime=$(pkcs11-test/lib/asan.sh runtime) || ! module=$(pkcs11-test/lib/asan.sh); then
        say "The build with AddressSanitizer failed."
        FAILED=$((FAILED + 1))
        return
    fi
    program=$(cargo test --test robustness --locked --quiet --no-run --message-format json |
        jq --raw-output 'select(.executable and .target.name == "robustness").executable')
    # What lives as long as the process is reachable, so it is no leak.
    count_tests env LD_PRELOAD="$runtime" ASAN_OPTIONS=detect_leaks=1 \
        SIGNPATH_TEST_MODULE="$module" "$program"
}

page_checks() {
    say "Checking the pages ..."
    count_tests pkcs11-test/pages.sh
}

browser_tests() {
    say "Testing the page in a browser ..."
    CARGO_TERM_COLOR=never SIGNPATH_TEST_MODULE=$MODULE count_tests pkcs11-test/browser.sh
}

main() {
    local options
    make_work_folder signpath-pkcs11-test conclude
    REQUIREMENTS+=("${TOOL_REQUIREMENTS[@]}" "${BROWSER_REQUIREMENTS[@]}")
    install_requirements
    check "the format" fmt --all --check
    check "the lints" clippy --workspace --all-targets --locked --quiet -- -D warnings
    RUSTDOCFLAGS="-D warnings" check "the documentation" doc --workspace --no-deps --locked --quiet
    page_checks
    build
    crates_alone
    cargo_tests
    browser_tests
    robustness_tests
    prepare_inputs "$WORK/inputs"
    for options in software "softhsm --tls"; do
        run_rows_on "$options" "${DEMO_ROWS[@]}" "${TOOL_ROWS[@]}"
    done
    COMPLETE=yes
}

main "$@"
