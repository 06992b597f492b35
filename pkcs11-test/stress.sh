#!/usr/bin/env bash
# Uses the module as hard as it can: many threads with a service that fails at random and an application that finalizes in the
# middle; processes that end in every way while they sign; loading and unloading over and over. Every signature is verified by
# something else than the module. The last line is "N passed, N failed".
#
# Usage: stress.sh [--short | --asan | --tsan]
# --asan and --tsan run the short form of what has threads on a build of the module with AddressSanitizer and LeakSanitizer, or with
# ThreadSanitizer; the latter also the tests with threads. What a sanitizer reports is printed and fails.
#
# The whole takes about an hour on two cores. docs/reliability.md has figures.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh

REQUIREMENTS+=(
    "libp11-kit-dev     /usr/include/p11-kit-1/p11-kit/pkcs11.h"
    "libssl-dev         /usr/include/openssl/ssl.h"
    "pkg-config         pkg-config"
    "python3-pykcs11    /usr/lib/python3/dist-packages/PyKCS11/__init__.py"
)

THREADS=64 OPERATIONS=10000 ROUNDS=1000 REPEATS=20
SANITIZER=
case $* in
    '') ;;
    --short) OPERATIONS=60 ROUNDS=100 REPEATS=1 ;;
    --asan | --tsan)
        OPERATIONS=60 ROUNDS=100
        SANITIZER=${1#--}
        ;;
    *) die "Usage: ${0##*/} [--short | --asan | --tsan]" ;;
esac

# The ways to end, and the exit status of each.
C_WAYS=(exit:7 _exit:7 return:7 quick_exit:7 pthread_exit:142 abort:134 SIGTERM:143 SIGINT:130 SIGKILL:137 finalize:7 dlclose:7
    fork-exit:7 fork-_exit:7)
PYTHON_WAYS=(return:7 _exit:7 abort:134 SIGTERM:143 fork:7)
JAVA_WAYS=(exit:7 halt:7 SIGTERM:143 return:0)

PASSED=0
FAILED=0

passed() {
    PASSED=$((PASSED + 1))
    say "ok       $1"
}

failed() {
    FAILED=$((FAILED + 1))
    say "FAILED   $1"
}

# Adds up the lines "ok" and "FAILED" of a program, which fails if it ends badly. Arguments: what it is, the command.
count() {
    local what=$1 status=0 good bad
    shift
    say "$what ..."
    timeout --kill-after=10 20000 "$@" >"$WORK/output" 2>&1 || status=$?
    cat "$WORK/output"
    good=$(grep -c '^ok ' "$WORK/output") || true
    bad=$(grep -c '^FAILED ' "$WORK/output") || true
    ((bad > 0 || (status == 0 && good > 0))) || bad=1
    PASSED=$((PASSED + good))
    FAILED=$((FAILED + bad))
}

# Runs a program as often as REPEATS says, which must end with the status, in time, and without a word.
# Arguments: the host, the way and its status, the command.
ends() {
    local host=$1 way=${2%:*} expected=${2#*:} status round
    shift 2
    for ((round = 0; round < REPEATS; round++)); do
        status=0
        # bash tells of a child that a signal ended; the subshell keeps that with the rest.
        (timeout --foreground --kill-after=5 30 "$@" "$way"; exit $?) >"$WORK/output" 2>&1 </dev/null || status=$?
        if ((status != expected)) || grep -q -E 'panic|a bug in' "$WORK/output"; then
            failed "$host, $way: status $status instead of $expected"
            tail -n 5 "$WORK/output" | sed 's/^/    /'
            return
        fi
    done
    passed "$host, $way ($REPEATS times)"
}

hosts() {
    local way
    cc -O1 -Wall -Wextra -pthread -I/usr/include/p11-kit-1 -o "$WORK/exits" pkcs11-test/hosts/exits.c -ldl
    for way in "${C_WAYS[@]}"; do
        ends C "$way" "$WORK/exits" "$MODULE"
    done
    for way in "${PYTHON_WAYS[@]}"; do
        ends Python "$way" /usr/bin/python3 pkcs11-test/hosts/exits.py "$MODULE"
    done
    javac -d "$WORK/java" pkcs11-test/hosts/Exits.java
    printf 'name = SignPath\nlibrary = %s\n' "$MODULE" >"$WORK/java.cfg"
    for way in "${JAVA_WAYS[@]}"; do
        ends Java "$way" java -XX:TieredStopAtLevel=1 -cp "$WORK/java" Exits "$WORK/java.cfg"
    done
    "$PROGRAMS/signpath-pkcs11" certificate demo/p-256 --output "$WORK/p-256.pem"
    openssl x509 -in "$WORK/p-256.pem" -noout -pubkey >"$WORK/public.pem"
    export -f openssl_signs
    PKCS11_MODULE_PATH=$MODULE ends openssl return:0 bash -c "openssl_signs '$WORK'"
}

# Signs with openssl, which ends with OpenSSL's own exit handlers, and verifies without the module. Argument: a folder.
# shellcheck disable=SC2317 # called in another shell
openssl_signs() {
    cd "$1" && printf x >data &&
        openssl dgst -engine pkcs11 -keyform engine -sha256 -out signature \
            -sign 'pkcs11:object=demo%2Fp-256;type=private;pin-value=CONFIG' data &&
        openssl dgst -sha256 -verify public.pem -signature signature data
}

# The program of a test. Arguments: its name, and what more Cargo has to know.
test_program() {
    local name=$1
    shift
    cargo test "$@" --test "$name" --locked --quiet --no-run --message-format json |
        jq --raw-output --arg name "$name" 'select(.executable and .target.name == $name).executable'
}

# The tests in which threads share the module. Those of operations are not among them: there one thread verifies what another signed,
# and that it was handed over is not seen, because the test is not instrumented.
TESTS_WITH_THREADS=(cancellation sessions)

# Runs what has threads on an instrumented build of the module. Argument: the storm's program.
sanitized() {
    local stress=$1 runtime test reports
    runtime=$("pkcs11-test/lib/$SANITIZER.sh" runtime)
    # Programs are not instrumented, so the calls of the C library that they make are not looked at; those of the module are. What is
    # freed is not kept for long, since that would look like growth.
    local -a options=(
        "ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=16:log_path=$WORK/report"
        "TSAN_OPTIONS=ignore_interceptors_accesses=1:log_path=$WORK/report"
    )
    local -a with=(env "LD_PRELOAD=$runtime" "${options[@]}" setarch "$(uname -m)" --addr-no-randomize)
    if [[ $SANITIZER == tsan ]]; then
        "${with[@]}" /usr/bin/python3 pkcs11-test/hosts/race.py "$MODULE" || true
        reports=$(cat "$WORK"/report.* 2>/dev/null | grep -c 'WARNING: ThreadSanitizer: data race') || true
        rm -f "$WORK"/report.*
        if ((reports)); then passed "a race is seen"; else failed "a race is not seen"; fi
    fi
    count "$THREADS threads, $OPERATIONS operations each" "${with[@]}" "$stress" storm "$THREADS" "$OPERATIONS"
    if [[ $SANITIZER == asan ]]; then
        count "Loading and unloading $ROUNDS times" "${with[@]}" "$stress" reload "$ROUNDS"
    else
        for test in "${TESTS_WITH_THREADS[@]}"; do
            if timeout 1200 "${with[@]}" "$(test_program "$test")" >"$WORK/output" 2>&1; then
                passed "the tests of $test"
            else
                failed "the tests of $test"
                tail -n 40 "$WORK/output"
            fi
        done
    fi
    if compgen -G "$WORK/report.*" >/dev/null; then
        cat "$WORK"/report.*
        failed "the sanitizer reports something"
    else
        passed "the sanitizer reports nothing"
    fi
}

main() {
    make_work_folder signpath-pkcs11-stress
    install_requirements
    local stress
    if [[ $SANITIZER ]]; then
        say "Building the module as $SANITIZER.sh does ..."
        MODULE=$("pkcs11-test/lib/$SANITIZER.sh")
    else
        build
    fi
    stress=$(test_program stress --package pkcs11-test --features harness)
    export SIGNPATH_TEST_MODULE=$MODULE
    if [[ $SANITIZER ]]; then
        sanitized "$stress"
        say "$PASSED passed, $FAILED failed"
        ((FAILED == 0))
        return
    fi
    count "$THREADS threads, $OPERATIONS operations each" "$stress" storm "$THREADS" "$OPERATIONS"
    count "Loading and unloading $ROUNDS times" "$stress" reload "$ROUNDS"
    start_service "$WORK/service" --tls
    hosts
    stop_service
    say "$PASSED passed, $FAILED failed"
    ((FAILED == 0 && PASSED > 0))
}

main "$@"
