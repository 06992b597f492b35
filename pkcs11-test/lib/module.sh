#!/usr/bin/env bash
<<<<<<< HEAD
# Builds the module as a package ships it and prints the path of the library: for itself, so that no feature of the test bench
# is unified into it, and in a target folder of its own, because every build of the crate writes to the same file name.
=======
# Builds the module as packages ship it, and prints the path of the library. It is built separately so that features
# required by the test bench are not unified into it, and as a cdylib only, since Cargo does not apply LTO to a crate
# that is also an rlib. It has its own target folder because all builds of the crate write to the same file name.
>>>>>>> h-words-b
#
# The command line of the compiler is recorded beside the library, in libsignpath_pkcs11.so.rustc, after a line with
# the library's checksum.
#
# Usage: module.sh [FOLDER CARGO_OPTION ...]
# For other builds of the module: a subfolder of the target folder, and options that replace --release.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Cargo sets these for test programs; a change would make build scripts run again.
for variable in "${!CARGO_MANIFEST_@}" "${!CARGO_PKG_@}" OUT_DIR; do
    unset "$variable"
done

target=$(cargo metadata --format-version 1 --no-deps --locked | jq --raw-output .target_directory)
folder=$target/${1:-module}
options=("${@:2}")
((${#options[@]})) || options=(--release)

# Shows Cargo's progress: on a terminal, each crate as it is compiled; otherwise, the whole output if the build fails.
progress() {
    if [[ -t 2 ]]; then
        grep --line-buffered --invert-match --extended-regexp '^ +(Fresh|Dirty|Running) ' >&2 || true
    else
        cat >/dev/null
    fi
}

# Sets `library` and `call`; the latter is empty if the library was already built.
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
# Several test programs may run this at the same time.
exec {lock}>"$folder/lock"
flock "$lock"
build
if [[ -z $call ]] && ! is_recorded; then
    # Something else built it, or this script was interrupted before it recorded the command line.
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
