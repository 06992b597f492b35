#!/usr/bin/env bash
# Shows which bugs the tests catch: makes one change to the code at a time, as cargo-mutants proposes, builds the module with it,
# and runs the unit tests of the changed crate and then the black-box tests until one fails. Works in a copy of the
# last commit, so that nothing else changes meanwhile.
#
# Usage: mutants.sh [EVERY]
# First tries the breakages that pkcs11-test/breakages lists, then each EVERYth mutant, all of them by default, and none for 0. All of
# them take hours; the same number picks the same mutants as long as the code is the same. The result is a line for each in
# target/mutants/results; those that no test noticed are compared with pkcs11-test/mutants.missed, and one that is not in it
# makes the exit status 1.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

every=${1:-1}

# The code whose mutants are tried.
FILES=('src/operation/**' 'src/object/**' 'src/catalog/**' 'src/mechanism/**' 'crypto/src/**' 'client/src/command_line/**'
    client/src/{encoding,fast_signing_request,listed,masker,no_proxy,policy_list,problem,retry,secret,sign_hash}.rs config/src/proxy.rs)

# Tests that look at the process, the build or the command rather than at what the module does.
OTHER_TESTS='^(abi|command_line|guest|header|lookups|long_answers|privileges|robustness|service|service_softhsm|shipped)$'

# A mutant may wait forever. Seconds for one test binary, without what compiles it.
LIMIT=120

root=$PWD
folder=$PWD/target/mutants
tree=$folder/tree
results=$folder/results
mkdir -p "$folder"
rm -rf "$tree"
git clone --quiet --shared "$root" "$tree"
export CARGO_TARGET_DIR=$folder/target CARGO_INCREMENTAL=1
library=$CARGO_TARGET_DIR/debug/libsignpath_pkcs11.so

cd "$tree"
options=()
for file in "${FILES[@]}"; do
    options+=(--file "$file")
done
cargo mutants --workspace --list --json --diff "${options[@]}" 2>/dev/null | jq --compact-output --argjson every "$every" \
    'to_entries[] | select($every > 0 and .key % $every == 0) | .value' >"$folder/list"

cargo build --locked --quiet --package signpath-pkcs11 --lib
mapfile -t tests < <(cargo test --locked --quiet --package signpath-pkcs11 --no-run --message-format json --test '*' |
    jq --raw-output --arg others "$OTHER_TESTS" \
        'select(.executable and .target.kind == ["test"]) | select(.target.name | test($others) | not) | .executable')
export SIGNPATH_TEST_MODULE=$library

# Prints the result of a mutant, and what caught it. Argument: its crate.
try() {
    cargo build --locked --quiet --package signpath-pkcs11 --lib 2>/dev/null || { echo unviable; return; }
    cargo test --locked --quiet --package "$1" --lib --no-run 2>/dev/null || { echo unviable; return; }
    timeout "$LIMIT" cargo test --locked --quiet --package "$1" --lib >/dev/null 2>&1 || { echo "caught (unit tests)"; return; }
    local test name
    for test in "${tests[@]}"; do
        name=${test##*/}
        timeout "$LIMIT" "$test" --quiet >/dev/null 2>&1 || { echo "caught (${name%-*})"; return; }
    done
    echo missed
}

[[ $(try signpath-pkcs11) == missed ]] || { echo "${0##*/}: the tests fail without a change." >&2; exit 1; }
: >"$results"
while IFS='|' read -r name package file expression; do
    [[ $name != '#'* ]] || continue
    perl -0pi -e "$expression" "$file"
    if git diff --quiet; then
        echo "${0##*/}: $file has nothing to break for \"$name\"." >&2
        exit 1
    fi
    printf '%s %s: %s\n' "$(try "$package")" "$file" "$name" | tee --append "$results"
    git checkout --quiet .
done <"$root/pkcs11-test/breakages"
while IFS= read -r mutant; do
    jq --raw-output .diff <<<"$mutant" >"$folder/diff"
    # The line of a mutant may move; its function and its result stay.
    name=$(jq --raw-output '"\(.file): \(.function.function_name // "-"): \(.name | sub("^[^ ]+ "; ""))"' <<<"$mutant")
    patch --quiet "$(jq --raw-output .file <<<"$mutant")" "$folder/diff"
    printf '%s %s\n' "$(try "$(jq --raw-output .package <<<"$mutant")")" "$name" | tee --append "$results"
    git checkout --quiet .
done <"$folder/list"

echo
cut --delimiter ' ' --fields 1 "$results" | sort | uniq --count
new=$(comm -23 <(sed -n 's/^missed //p' "$results" | sort) <(sort "$root/pkcs11-test/mutants.missed" 2>/dev/null))
[[ -z $new ]] || { printf 'Missed and not in pkcs11-test/mutants.missed:\n%s\n' "$new"; exit 1; }
