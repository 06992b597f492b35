#!/usr/bin/env bash
# The steps of a release. The release workflow runs them, and so can anyone.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. packaging/lib/tools.sh
. packaging/lib/compile.sh
. packaging/lib/checks.sh
. packaging/lib/windows.sh
. packaging/lib/prove.sh

usage() {
    cat <<'TEXT'
Usage: packaging/release.sh STEP [ARGUMENT]

  tag NAME         fail unless NAME is v and the version, and CHANGELOG.md has a section for it
  build TARGET     build with std from the installed toolchain; x86_64-pc-windows-msvc on Windows
  smoke TARGET     sign with the build for TARGET, with a C client and the local service
  collect DIR      copy the builds in the folders of DIR, one for each target, to dist
  authenticode     sign the library and the command for Windows in dist, by the library for this machine in dist
  package          make all packages of the builds in dist, with the OCI images
  sign             sign the MSI in dist/packages likewise, and write SHA256SUMS and its signature
  notes VERSION    print the section of CHANGELOG.md
  draft NAME       make a draft release of dist/packages with gh

Variables of authenticode and sign: SIGNPATH_RELEASE_KEY (PROJECT/POLICY), TIMESTAMP_URL (for Authenticode), those of the library.
TEXT
}

# The section of a version in CHANGELOG.md, without its title.
notes() { awk -v title="## [$1]" -v plain="## $1" 'index($0, title) == 1 || index($0, plain) == 1 { on = 1; next } /^## / { on = 0 } on' CHANGELOG.md; }

step_tag() {
    local version
    version=$(version)
    [[ $1 == "v$version" ]] || die "The tag $1 is not that of the version, v$version."
    [[ -n $(notes "$version") ]] || die "CHANGELOG.md has no section $version."
}

step_build() {
    [[ $1 != "$WINDOWS_RELEASE_TARGET" ]] || {
        build_on_windows
        return
    }
    ! command -v rustup >/dev/null || quietly rustup target add "$1"
    packaging/build.sh "$1"
}

# With the linker and the C runtime of Visual Studio. The runtime is linked in: not every machine has it.
build_on_windows() {
    local target=$WINDOWS_RELEASE_TARGET folder=dist/$WINDOWS_RELEASE_TARGET package cargo
    cargo=$(cygpath --windows "${CARGO_HOME:-$HOME/.cargo}")
    CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "--remap-path-prefix=$cargo=/cargo" "--remap-path-prefix=$(cygpath --windows "$PWD")=/signpath-pkcs11")
    export CARGO_ENCODED_RUSTFLAGS="$CARGO_ENCODED_RUSTFLAGS-Ctarget-feature=+crt-static"
    cargo build --locked --profile dist --target "$target" --package signpath-pkcs11 --package signpath-pkcs11-cli
    mkdir -p "$folder"
    cp "target/$target/dist/signpath_pkcs11.dll" "target/$target/dist/signpath-pkcs11.exe" "$folder/"
    for package in signpath-pkcs11 signpath-pkcs11-cli; do
        python packaging/lib/components.py sbom $package "$target" none >"$folder/$package.cdx.json"
        python packaging/lib/components.py licences $package "$target" none >"$folder/$package.licences"
    done
    "$folder/signpath-pkcs11.exe" load-module "$folder/signpath_pkcs11.dll"
}

step_smoke() {
    REQUIREMENTS=("jq jq" "python3-venv python3" "openssl openssl"
        "libp11-kit-dev /usr/include/p11-kit-1/p11-kit/pkcs11.h")
    [[ $1 == "$(uname -m)"-* ]] || REQUIREMENTS+=("qemu-user qemu-aarch64" "mmdebstrap mmdebstrap")
    install_requirements
    install_tools
    make_work_folder signpath-pkcs11-smoke
    mkdir "$WORK/include"
    cp -r /usr/include/p11-kit-1/p11-kit "$WORK/include/"
    [[ $1 == "$(uname -m)"-*-gnu ]] || unpack_root "$1"
    start_local_service
    local key
    for key in $KEY demo/p-256; do
        client_signs "$1" "$PWD/dist/$1/libsignpath_pkcs11.so" "$key" || die "It does not sign with $key: $(cat "$WORK/output")"
        say "$1 signs with $key"
    done
}

step_collect() {
    local folder
    mkdir -p dist
    for folder in "$1"/*/; do
        cp -r "$folder"/. dist/
    done
    # An artifact of a workflow does not keep it.
    chmod +x dist/*/signpath-pkcs11
    install_requirements_of_signing
    check_windows_files dist/$WINDOWS_RELEASE_TARGET
}

step_authenticode() {
    : "${SIGNPATH_RELEASE_KEY:?names the key, as PROJECT/POLICY}"
    install_requirements_of_signing
    authenticode "$(own_library)" "$SIGNPATH_RELEASE_KEY" dist/*-windows-*/*.{dll,exe}
}

# The library in dist that runs on this machine.
own_library() { echo "$PWD/dist/$(uname -m)-unknown-linux-gnu/libsignpath_pkcs11.so"; }

step_package() {
    packaging/package.sh
    packaging/package.sh --format image
}

step_sign() {
    local build
    build=dist/$(uname -m)-unknown-linux-gnu
    : "${SIGNPATH_RELEASE_KEY:?names the key, as PROJECT/POLICY}"
    # Only the library must sign here, and the command asks SignPath itself.
    install_requirements_of_signing
    if compgen -G 'dist/packages/*.msi' >/dev/null; then
        authenticode "$(own_library)" "$SIGNPATH_RELEASE_KEY" dist/packages/*.msi
    fi
    (
        cd dist/packages
        rm -f SHA256SUMS SHA256SUMS.*
        # shellcheck disable=SC2035 # no name starts with a dash
        sha256sum * >../SHA256SUMS
        mv ../SHA256SUMS .
    )
    "$build/signpath-pkcs11" certificate "$SIGNPATH_RELEASE_KEY" --output dist/packages/SHA256SUMS.pem
    make_work_folder signpath-pkcs11-sign
    pkcs11-tool --module "$(own_library)" --login --pin CONFIG --sign --mechanism SHA256-RSA-PKCS \
        --id "$(printf %s "$SIGNPATH_RELEASE_KEY" | od -An -v -tx1 | tr -d ' \n')" \
        --input-file dist/packages/SHA256SUMS --output-file dist/packages/SHA256SUMS.sig
    openssl x509 -in dist/packages/SHA256SUMS.pem -noout -pubkey >"$WORK/public-key"
    openssl dgst -sha256 -verify "$WORK/public-key" -signature dist/packages/SHA256SUMS.sig dist/packages/SHA256SUMS
}

install_requirements_of_signing() {
    REQUIREMENTS=("opensc pkcs11-tool" "openssl openssl" "osslsigncode osslsigncode" "binutils objdump"
        "libengine-pkcs11-openssl /usr/lib/*/engines-3/pkcs11.so")
    install_requirements
}

step_draft() {
    local version
    version=$(version)
    {
        notes "$version"
        printf '\nSHA-256 fingerprint of the certificate in SHA256SUMS.pem:\n\n    %s\n' \
            "$(openssl x509 -in dist/packages/SHA256SUMS.pem -noout -fingerprint -sha256 | cut -d = -f 2)"
    } >dist/notes.md
    gh release create "$1" --draft --verify-tag --title "signpath-pkcs11 $version" --notes-file dist/notes.md dist/packages/*
}

main() {
    case ${1:-} in
        --help | -h) usage ;;
        authenticode | package | sign) "step_$1" ;;
        notes | tag | build | smoke | collect | draft)
            (($# == 2)) || die "$1 needs an argument. See --help."
            case $1 in
                notes) notes "$2" ;;
                *) "step_$1" "$2" ;;
            esac
            ;;
        *) die "Name a step. See --help." ;;
    esac
}

main "$@"
