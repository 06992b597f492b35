#!/usr/bin/env bash
# Builds on the system that the library is for, and shows that it works there. See --help.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The bash of macOS is 3.2.
. pkcs11-test/lib/setup.sh
. packaging/lib/count.sh

usage() {
    cat <<'TEXT'
Usage: packaging/native.sh [--built DIR] [TARGET]

Builds the library and the command with the toolchain that is installed into target/native/TARGET, for this machine or for a TARGET that
it can run: for macOS and Windows, where the other scripts do not run. Loads the library with the command, and signs with the local
SignPath service: with the command, with jarsigner, and with openssl and libp11's engine.

  TARGET        such as x86_64-pc-windows-msvc; universal-apple-darwin is both kinds of Macs in one file
  --built DIR   take the library and the command from DIR instead of building them

jarsigner is left out without Java, and openssl's signature without the engine, but not on Windows: packages of MSYS2 that are missing
are installed there.
TEXT
}

KEY=demo/rsa-3072
MSYS2=/c/msys64
# The oldest macOS that the files are for.
MACOS=11.0

# The path of a file as a program of the system takes it: on Windows, this shell has paths of its own.
path_of() {
    if is_windows; then
        cygpath --windows "$1"
    else
        printf '%s\n' "$1"
    fi
}

is_windows() { command -v cygpath >/dev/null; }

# What a file is named. Arguments: the target, "library" or "command".
name_of() {
    case $1-$2 in
        *-windows-*-library) echo signpath_pkcs11.dll ;;
        *-windows-*-command) echo signpath-pkcs11.exe ;;
        *-darwin-library) echo libsignpath_pkcs11.dylib ;;
        *-library) echo libsignpath_pkcs11.so ;;
        *-command) echo signpath-pkcs11 ;;
    esac
}

# Builds into the folder FILES. Arguments: the target, those whose files it joins.
build_files() {
    local target=$1 part file
    local -a parts=()
    shift
    rm -rf "$FILES"
    mkdir -p "$FILES"
    for part in "$@"; do
        [[ $part == "$HOST" ]] || quietly rustup target add "$part"
        cargo build --release --locked --target "$part" --target-dir target/native/build --package signpath-pkcs11 --package signpath-pkcs11-cli
    done
    for file in "$(name_of "$target" library)" "$(name_of "$target" command)"; do
        parts=()
        for part in "$@"; do
            parts+=("target/native/build/$part/release/$file")
        done
        if (($# > 1)); then
            lipo -create -output "$FILES/$file" "${parts[@]}"
        else
            cp "${parts[0]}" "$FILES/$file"
        fi
    done
    if [[ $target == *-darwin ]]; then
        install_name_tool -id "@rpath/$(name_of "$target" library)" "$LIBRARY"
        # Both changes have made the signatures of the linker invalid.
        codesign --force --sign - "$LIBRARY" "$COMMAND"
    fi
}

# Arguments: the machines, as lipo names them.
check_macos_files() {
    local file machine versions
    for file in "$LIBRARY" "$COMMAND"; do
        codesign --verify --strict "$file"
        for machine in "$@"; do
            lipo "$file" -verify_arch "$machine" || die "$file is not for $machine."
            versions=$(otool -arch "$machine" -l "$file" | awk '$1 == "minos" || (on && $1 == "version") { print $2 } { on = on && $1 != "cmd" || /LC_VERSION_MIN/ }')
            [[ $versions == "$MACOS" ]] || die "$file for $machine needs macOS $versions, and not $MACOS."
        done
    done
    otool -D "$LIBRARY" | grep '^@rpath/' >/dev/null || die "$LIBRARY has another name than @rpath/..."
}

# Arguments: a program that runs the command, if any.
command_signs() {
    "$@" "$COMMAND" load-module "$(path_of "$LIBRARY")"
    "$@" "$COMMAND" doctor
    "$@" "$COMMAND" sign $KEY --file README.md --output "$WORK/signature"
    openssl dgst -sha256 -verify "$WORK/public-key" -signature "$WORK/signature" README.md
}

# The certificates of the service are signed by an authority of its own, which Java does not know: it says so, and verifies all the same.
jarsigner_signs() {
    local configuration
    configuration=$(path_of "$WORK/signpath.cfg")
    "$COMMAND" setup sunpkcs11 --module "$(path_of "$LIBRARY")" --output "$configuration"
    jar -cf "$(path_of "$WORK/file.jar")" README.md
    jarsigner -storetype PKCS11 -keystore NONE -storepass CONFIG -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$configuration" \
        -signedjar "$(path_of "$WORK/signed.jar")" "$(path_of "$WORK/file.jar")" $KEY
    jarsigner -verify "$(path_of "$WORK/signed.jar")" | tee "$WORK/jarsigner"
    grep '^jar verified' "$WORK/jarsigner" >/dev/null || die "jarsigner does not verify what it has signed."
}

has_engine() { openssl engine pkcs11 >/dev/null 2>&1; }

openssl_signs() {
    local configuration=$WORK/signpath-engine.cnf
    "$COMMAND" setup openssl-engine --module "$(path_of "$LIBRARY")" --output "$(path_of "$configuration")"
    OPENSSL_CONF=$configuration openssl dgst -engine pkcs11 -keyform engine -sign "pkcs11:object=${KEY/\//%2F};type=private" -sha256 \
        -out "$WORK/signature" README.md
    openssl dgst -sha256 -verify "$WORK/public-key" -signature "$WORK/signature" README.md
}

# The command, and the library in it.
osslsigncode_signs() {
    local object=pkcs11:object=${KEY/\//%2F}
    osslsigncode sign -pkcs11module "$(path_of "$LIBRARY")" -pass CONFIG -h sha256 -key "$object;type=private" -pkcs11cert "$object;type=cert" \
        -in "$COMMAND" -out "$WORK/signed.exe"
    osslsigncode verify -CAfile "$STATE/code-signing-ca.pem" -in "$WORK/signed.exe"
}

# OpenSSL with libp11's engine, and osslsigncode.
install_from_msys2() {
    # shellcheck disable=SC2016 # the inner shell has these arguments
    "$MSYS2/usr/bin/bash" -lc 'pacman --sync --refresh --noconfirm --needed "$@"' pacman mingw-w64-ucrt-x86_64-{libp11,openssl,osslsigncode}
    PATH=$MSYS2/ucrt64/bin:$PATH
    # Else it would take the URI of a key for a list of paths.
    export MSYS2_ARG_CONV_EXCL=pkcs11:
}

main() {
    local target='' built='' loads
    local -a parts machines=()
    while (($#)); do
        case $1 in
            --help | -h)
                usage
                exit
                ;;
            --built)
                (($# > 1)) || die "--built needs a folder. See --help."
                built=$(cd "$2" && pwd)
                shift
                ;;
            -*) die "There is no option $1. See --help." ;;
            *)
                [[ -z $target ]] || die "Name one target. See --help."
                target=$1
                ;;
        esac
        shift
    done
    HOST=$(rustc --version --verbose | tr -d '\r' | sed -n 's/^host: //p')
    target=${target:-$HOST}
    parts=("$target")
    [[ $target != universal-apple-darwin ]] || parts=(aarch64-apple-darwin x86_64-apple-darwin)
    FILES=${built:-$PWD/target/native/$target}
    LIBRARY=$FILES/$(name_of "$target" library)
    COMMAND=$FILES/$(name_of "$target" command)
    make_work_folder signpath-pkcs11-native
    ! is_windows || install_from_msys2
    if [[ -z $built ]]; then
        [[ $target != *-darwin ]] || export MACOSX_DEPLOYMENT_TARGET=$MACOS
        build_files "$target" "${parts[@]}"
    fi
    if [[ $target == *-darwin ]]; then
        machines=("${parts[@]%%-*}")
        check_macos_files "${machines[@]/aarch64/arm64}"
    fi

    ! is_windows || cargo test --locked --target-dir target/native/build --lib \
        --package signpath-crypto --package signpath-logging --package signpath-platform
    build_service
    start_service "$WORK/service"
    "$COMMAND" certificate $KEY --output "$WORK/certificate.pem"
    openssl x509 -in "$WORK/certificate.pem" -noout -pubkey >"$WORK/public-key"
    command_signs
    # An ARM64 Mac translates programs for x86_64.
    [[ $target != universal-* ]] || command_signs arch -x86_64
    # Java and openssl are for the machine itself.
    loads=no
    [[ $target != universal-* && $target != "$HOST" ]] || loads=yes
    if is_windows || { [[ $loads == yes ]] && command -v jarsigner >/dev/null; }; then
        jarsigner_signs
    fi
    if is_windows || { [[ $loads == yes ]] && has_engine; }; then
        openssl_signs
    fi
    ! is_windows || osslsigncode_signs
    stop_service
    say "The library and the command for $target work."
}

main "$@"
