#!/usr/bin/env bash
# Fuzzes everything that comes from outside. Each target runs over its corpus and what earlier runs found, and then for SECONDS.
# An input that panics, or takes more than a second or 200 MB, fails its target and is left in target/fuzz/findings.
# The last line is "N passed, N failed".
#
# Usage: run.sh [SECONDS [TARGET ...]]; 10 seconds and all targets by default.
#        run.sh corpus: only what is in the repository, in a second for each target
#        run.sh --runs N [TARGET ...]: takes the targets in turns of a minute until they had N new inputs together. It counts them in
#            target/fuzz/inputs, so it goes on where it was stopped; remove that folder to start over.
#
# `target/fuzz/HOST/debug/TARGET FILE` repeats a finding. For calls that is `target/fuzz/debug/calls FILE` with
# SIGNPATH_TEST_MODULE=$(pkcs11-test/lib/asan.sh), LD_PRELOAD=$(pkcs11-test/lib/asan.sh runtime), and SIGNPATH_FUZZ_STEPS=1 to see
# each call.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

GOAL=0
if [[ ${1:-} == --runs ]]; then
    GOAL=${2:?a number of inputs}
    set -- 60 "${@:3}"
fi
BUDGET=${1:-10}
# Stacks of allocations are cut off, since they take much of the time.
ASAN=detect_leaks=0:malloc_context_size=5:quarantine_size_mb=16
FUZZ=$PWD/../target/fuzz
HOST=$(rustc --version --verbose | awk '$1 == "host:" { print $2 }')
export CARGO_TARGET_DIR=$FUZZ

# What cargo-fuzz sets too: counts how often each branch is taken, and tells what was compared. Without --target, build scripts
# and derive macros would be instrumented too.
echo "Building the fuzz targets ..."
RUSTFLAGS=$(cat coverage) cargo build --quiet --locked --package signpath-fuzz --target "$HOST"

TARGETS=("${@:2}")
if ((${#TARGETS[@]} == 0)); then
    mapfile -t TARGETS < <(basename --suffix .rs fuzz_targets/*.rs)
    TARGETS+=(calls)
fi

# The program of `calls` is not instrumented; the module that it loads is.
if [[ " ${TARGETS[*]} " == *" calls "* ]]; then
    echo "Building the module with AddressSanitizer ..."
    SIGNPATH_TEST_MODULE=$(env --unset CARGO_TARGET_DIR ../pkcs11-test/lib/asan.sh)
    RUNTIME=$(../pkcs11-test/lib/asan.sh runtime)
    export SIGNPATH_TEST_MODULE
    cargo build --quiet --locked --package signpath-fuzz-calls
fi

# In memory where there is such a folder: some targets write files all the time.
memory=/dev/shm
[[ -d $memory && -w $memory ]] || memory=${TMPDIR:-/tmp}
WORK=$(mktemp --directory --tmpdir="$memory" signpath-fuzz.XXXXXX)
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$FUZZ/findings" "$FUZZ/inputs" "$FUZZ/service"

# Runs a target; prints its result. Argument: its name.
run_target() {
    local target=$1 found=$FUZZ/found/$1 limit=(-max_total_time="$BUDGET") status=0 program=("$FUZZ/$HOST/debug/$1")
    if [[ $target == calls ]]; then
        program=(env LD_PRELOAD="$RUNTIME" "ASAN_OPTIONS=$ASAN" "$FUZZ/debug/calls" -detect_leaks=0)
    fi
    mkdir -p "$found" "$WORK/$target"
    # The keys of the service are kept, since they take longer than a short run.
    [[ $target != calls || -e $WORK/calls/service ]] || ln -s "$FUZZ/service" "$WORK/calls/service"
    if [[ $BUDGET == corpus ]]; then
        limit=(-runs=0)
        found=$WORK/$target/found
        mkdir "$found"
    fi
    # The targets know the limits for time and memory; these are for what never ends.
    TMPDIR=$WORK/$target timeout --kill-after=10 $((${BUDGET/corpus/0} + 120)) \
        "${program[@]}" "${limit[@]}" -max_len=65536 -timeout=60 -rss_limit_mb=0 -print_final_stats=1 -print_funcs=0 \
        -artifact_prefix="$FUZZ/findings/$target-" "$found" "corpus/$target" >"$WORK/$target.log" 2>&1 || status=$?
    if ((status)); then
        grep -A 2 -E 'panicked|ERROR|Test unit' "$WORK/$target.log" | tail -n 20 | sed 's/^/    /'
        printf '%-15s FAILED (status %s)\n' "$target" "$status"
        return 1
    fi
    local inputs known branches before=0
    read -r inputs known branches < <(awk '
        /number_of_executed_units/ { inputs = $2 }
        / INITED / { known = substr($1, 2) }
        / cov: / { for (field = 1; field < NF; field++) if ($field == "cov:") branches = $(field + 1) }
        END { print inputs + 0, known + 0, branches + 0 }' "$WORK/$target.log")
    if ((GOAL)); then
        # Without those that this run had from earlier ones.
        [[ ! -e $FUZZ/inputs/$target ]] || before=$(<"$FUZZ/inputs/$target")
        inputs=$((inputs - known + before))
        printf '%s\n' "$inputs" >"$FUZZ/inputs/$target"
    fi
    printf '%-15s passed (%d inputs, %d branches)\n' "$target" "$inputs" "$branches" | tee "$WORK/$target.result"
}

# How many inputs the targets had.
sum() { find "$WORK" -name '*.result' -exec cat {} + | awk -F '[( ]+' '{ sum += $3 } END { printf "%d\n", sum }'; }

PASSED=0 FAILED=0
while :; do
    for target in "${TARGETS[@]}"; do
        if run_target "$target"; then
            PASSED=$((PASSED + 1))
        else
            FAILED=$((FAILED + 1))
        fi
    done
    ((FAILED == 0 && $(sum) < GOAL)) || break
done
((GOAL == 0)) || cat "$WORK"/*.result
echo "$(sum) inputs in all"
echo "$PASSED passed, $FAILED failed"
((FAILED == 0))
