#!/usr/bin/env bash
# Builds on the system that the library is for, and shows that it works there. See --help.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The bash of macOS is 3.2.
. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh

usage() {
    cat <<'TEXT'
Usage: packaging/native.sh [TARGET]

Builds the library and the command with the toolchain that is installed into target/native/TARGET, for this machine or for a TARGET that
it can run: for macOS and Windows, where the other scripts do not run. Loads the library with the command, and signs with the local
SignPath service. That does not run on Windows, where the tests of the crates below the client and Java's keytool stand for it.
TEXT
}

# The path of a file as a program of the system takes it: on Windows, this shell has paths of its own.
path_of() {
    if command -v cygpath >/dev/null; then
        cygpath --windows "$1"
    else
        printf '%s\n' "$1"
    fi
}

# Sets FILES, the folder, and LIBRARY, a file in it. Argument: the target.
build_files() {
    local built=target/native/build/$1/release
    FILES=$PWD/target/native/$1
    case $1 in
        *-windows-*) LIBRARY=$FILES/signpath_pkcs11.dll ;;
        *-darwin) LIBRARY=$FILES/libsignpath_pkcs11.dylib ;;
        *) LIBRARY=$FILES/libsignpath_pkcs11.so ;;
    esac
    cargo build --release --locked --target "$1" --target-dir target/native/build --package signpath-pkcs11 --package signpath-pkcs11-cli
    rm -rf "$FILES"
    mkdir -p "$FILES"
    cp "$built/${LIBRARY##*/}" "$FILES/"
    case $1 in
        *-windows-*) cp "$built/signpath-pkcs11.exe" "$FILES/" ;;
        *) cp "$built/signpath-pkcs11" "$FILES/" ;;
    esac
    if [[ $1 == *-darwin ]]; then
        install_name_tool -id @rpath/libsignpath_pkcs11.dylib "$LIBRARY"
        # The change of its name has made the signature of the linker invalid.
        codesign --force --sign - "$LIBRARY"
    fi
}

signs_with_the_local_service() {
    cargo build --locked --package pkcs11-test --bins --target-dir target/native/build
    PROGRAMS=$PWD/target/native/build/debug
    start_service "$WORK/service"
    "$FILES/signpath-pkcs11" doctor
    "$FILES/signpath-pkcs11" certificate demo/rsa-3072 --output "$WORK/certificate.pem"
    "$FILES/signpath-pkcs11" sign demo/rsa-3072 --file README.md --output "$WORK/signature"
    openssl x509 -in "$WORK/certificate.pem" -noout -pubkey >"$WORK/public-key"
    openssl dgst -sha256 -verify "$WORK/public-key" -signature "$WORK/signature" README.md
    stop_service
}

# There is no organization: the library says so through Java.
is_loaded_by_java() {
    local configuration status=0
    configuration=$(path_of "$FILES/signpath.cfg")
    "$FILES/signpath-pkcs11" setup sunpkcs11 --offline --output "$configuration"
    keytool -list -storetype PKCS11 -keystore NONE -storepass CONFIG -providerClass sun.security.pkcs11.SunPKCS11 \
        -providerArg "$configuration" >"$WORK/keytool" 2>&1 || status=$?
    cat "$WORK/keytool"
    ((status != 0)) || die "keytool found keys, and there is no organization here."
    grep SIGNPATH_ORGANIZATION_ID "$WORK/keytool" >/dev/null || die "The library did not say why there is no key."
}

main() {
    local host target
    case ${1:-} in
        --help | -h)
            usage
            exit
            ;;
        -*) die "There is no option $1. See --help." ;;
    esac
    (($# < 2)) || die "Name one target. See --help."
    host=$(rustc --version --verbose | sed -n 's/^host: //p')
    target=${1:-$host}
    [[ $target == "$host" ]] || quietly rustup target add "$target"
    make_work_folder signpath-pkcs11-native
    build_files "$target"
    "$FILES/signpath-pkcs11" load-module "$(path_of "$LIBRARY")"
    if [[ $target == *-windows-* ]]; then
        cargo test --locked --target "$target" --target-dir target/native/build --lib \
            --package signpath-crypto --package signpath-logging --package signpath-platform
        is_loaded_by_java
    else
        signs_with_the_local_service
    fi
    say "The library and the command for $target work."
}

main "$@"
