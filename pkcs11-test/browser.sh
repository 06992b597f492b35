#!/usr/bin/env bash
# Tests the page of the local service in Chromium, and its accessibility with axe-core. Installs what is missing, as demo.sh does.
#
# Usage: browser.sh [TEST ...]

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh

# They take less than a minute.
LIMIT_SECONDS=240

main() {
    local -a tests=(cargo test --package pkcs11-test --test browser --locked)
    REQUIREMENTS+=("${BROWSER_REQUIREMENTS[@]}")
    install_requirements
    [[ -n ${SIGNPATH_TEST_MODULE:-} ]] || SIGNPATH_TEST_MODULE=$(pkcs11-test/lib/module.sh) || die "The build of the module failed."
    export SIGNPATH_TEST_MODULE
    cargo build --package signpath-pkcs11-cli --locked --quiet || die "The build of the command line failed."
    pkcs11-test/lib/axe.sh >/dev/null || die "axe-core could not be installed with npm."
    "${tests[@]}" --quiet --no-run
    timeout --kill-after=10 "$LIMIT_SECONDS" "${tests[@]}" -- "$@"
}

main "$@"
