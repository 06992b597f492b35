# shellcheck shell=bash
# Runs proofs and counts them, for scripts whose last line is "N passed, N failed", and builds the service that proofs sign with.

. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh

PASSED=0
FAILED=0

# Runs a command and counts it. What it printed, and left in WORK/output, is shown if it fails. Arguments: what it shows, the command.
prove() {
    local fact=$1 started=$EPOCHREALTIME result=ok status seconds
    shift
    : >"$WORK/output"
    # In a condition, a function would not stop at its first failure.
    set +e
    (set -e && "$@") >"$WORK/said" 2>&1
    status=$?
    set -e
    if ((status == 0)); then
        PASSED=$((PASSED + 1))
    else
        FAILED=$((FAILED + 1))
        result=FAILED
        sed 's/^/    /' "$WORK/said" "$WORK/output" | tail -n 30
    fi
    seconds=$(awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }')
    printf '%-8s %s (%s s)\n' "$result" "$fact" "$seconds"
}

# The last line. Ends the script.
conclude() {
    say "$PASSED passed, $FAILED failed"
    ((FAILED == 0 && PASSED > 0)) || exit 1
    exit 0
}

# Builds the local service if PROGRAMS does not name a directory that has it.
build_service() {
    [[ -z ${PROGRAMS:-} ]] || return 0
    say "Building the local SignPath service ..."
    cargo build --quiet --locked --package pkcs11-test --bins || die "The build failed."
    PROGRAMS=$PWD/target/debug
}
