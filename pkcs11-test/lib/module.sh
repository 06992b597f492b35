#!/usr/bin/env bash
# Builds the module as a package ships it and prints the path of the library: for itself, so that no feature of the test bench
# is unified into it, and in a target directory of its own, because every build of the crate writes to the same file name.
#
# The rustc call that built the library is in libsignpath_pkcs11.so.rustc, after a line with the checksum of the library.
#
# Usage: module.sh [FOLDER CARGO_OPTION ...]
# For another build of the module: the directory in the target directory, and the options instead of --release.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Build scripts would run again for what Cargo tells a test program.
for variable in "${!CARGO_MANIFEST_@}" "${!CARGO_PKG_@}" OUT_DIR; do
    unset "$variable"
done

target=$(cargo metadata --format-version 1 --no-deps --locked | jq --raw-output .target_directory)
folder=$target/${1:-module}
options=("${@:2}")
((${#options[@]})) || options=(--release)

# Cargo's progress: on a terminal each crate as it is compiled, elsewhere all that was said if the build fails.
progress() {
    if [[ -t 2 ]]; then
        grep --line-buffered --invert-match --extended-regexp '^ +(Fresh|Dirty|Running) ' >&2 || true
    else
        cat >/dev/null
    fi
}

# Sets `library` and `call`, which is empty if the library was there already.
build() {
    if ! cargo build --package signpath-pkcs11 --lib --locked --target-dir "$folder" "${options[@]}" \
        --verbose --color never --message-format json-render-diagnostics 2>&1 >"$folder/messages" | tee "$folder/log" | progress
    then
        [[ -t 2 ]] || cat "$folder/log" >&2
        exit 1
    fi
    library=$(jq --raw-output 'select(.reason == "compiler-artifact" and .target.name == "signpath_pkcs11").filenames[0]' \
        "$folder/messages")
    record=$library.rustc
    call=$(sed -n 's/^ *Running `\(.* --crate-name signpath_pkcs11 .*\)`$/\1/p' "$folder/log")
}

is_recorded() { [[ -e $record && $(head -n 1 "$record") == "$(cksum <"$library")" ]]; }

mkdir -p "$folder"
# Several test programs may want it at once.
exec {lock}>"$folder/lock"
flock "$lock"
build
if [[ -z $call ]] && ! is_recorded; then
    # Someone else built it, or ended this script before it could write.
    rm "$library" "${library%/*}/deps/${library##*/}"
    build
fi
if [[ -n $call ]]; then
    printf '%s\n' "$(cksum <"$library")" "$call" >"$record"
fi
if ! is_recorded; then
    echo "${0##*/}: Cargo did not show how it called the compiler for $library." >&2
    exit 1
fi
printf '%s\n' "$library"
