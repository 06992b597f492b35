#!/usr/bin/env bash
# Builds, packages, installs and signs, and prints a table of the results. See --help.

# shellcheck source-path=SCRIPTDIR/..
# shellcheck disable=SC2317 # prove runs functions by their names
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. packaging/lib/tools.sh
. packaging/lib/compile.sh
. packaging/lib/checks.sh
. packaging/lib/windows.sh
. packaging/lib/prove.sh

usage() {
    cat <<'TEXT'
Usage: packaging/verify.sh [--ci] [--built] [--programs DIR] [TARGET...]

Builds all targets, or those named, makes their packages, and shows that they work. Needs root: it installs packages in chroots. Without
TARGET, also shows that every crate compiles for macOS. The black-box tests on Windows are windows.sh's.

  --ci              the short part: build for x86_64 with glibc, check the library and the deb
  --built           take what is in dist instead of building it
  --programs DIR    take the local SignPath service from DIR instead of building it
TEXT
}

ALL_TARGETS=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-musl "$WINDOWS_TARGET")
# Nothing is linked for these here, since that needs libraries of Apple's.
MACOS_TARGETS=(aarch64-apple-darwin x86_64-apple-darwin)
DEBIANS=(bullseye bookworm trixie)
SIGNED_ON=() # "target|system" where a signature was made and verified

# Shows something of a target. Arguments: the target, what it shows, the command.
prove_of() {
    local fact
    printf -v fact '%-28s %s' "$1" "$2"
    shift 2
    prove "$fact" "$@"
}

# The same, for a proof that makes signatures. Arguments: the system, those of prove_of.
prove_signing() {
    local system=$1
    shift
    local failed=$FAILED
    prove_of "$@"
    ((FAILED > failed)) || SIGNED_ON+=("$1|$system")
}

# The list of crates in a file equals the one in its SBOM. Arguments: the target, the directory of the target.
lists_its_crates() {
    local package file
    for package in signpath-pkcs11 signpath-pkcs11-cli; do
        file=$2/libsignpath_pkcs11.so
        [[ $package == signpath-pkcs11 ]] || file=$2/signpath-pkcs11
        objcopy_for "$1" --dump-section ".dep-v0=$WORK/crates" "$file" /dev/null
        diff <(python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.decompress(open(sys.argv[1], "rb").read()))' "$WORK/crates" |
            jq --raw-output '.packages[] | .name + " " + .version' | sort) \
            <(jq --raw-output '.metadata.component, .components[] | select(.purl | startswith("pkg:cargo/")) | .name + " " + .version' \
                "$2/$package.cdx.json" | sort)
    done
}

# lintian takes overrides from the package.
lintian_finds_nothing() { lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$@"; }

rpmlint_finds_no_error() { timeout 120 rpmlint --config packaging/rpmlint.toml "$@"; }

# The files of a package, without directories: the output of `tar --list` without its prefix.
has_files() {
    local list=$1 file
    shift
    for file in "$@"; do
        grep -qxE "\.?/?$file" "$list" || { echo "$file is missing" && return 1; }
    done
}

COMMON_FILES=(usr/bin/signpath-pkcs11 usr/share/man/man1/signpath-pkcs11.1.gz usr/share/man/man1/signpath-pkcs11-doctor.1.gz
    usr/share/bash-completion/completions/signpath-pkcs11 usr/share/fish/vendor_completions.d/signpath-pkcs11.fish
    usr/share/doc/signpath-pkcs11/README.md usr/share/doc/signpath-pkcs11/docs/install.md
    usr/share/doc/signpath-pkcs11/libsignpath_pkcs11.cdx.json usr/share/doc/signpath-pkcs11/examples/signpath.module)

deb_is_complete() {
    local package=$1 folder=$2
    dpkg-deb --fsys-tarfile "$package" | tar --list >"$WORK/list"
    has_files "$WORK/list" "${COMMON_FILES[@]}" "$folder/pkcs11/libsignpath_pkcs11.so" "$folder/signpath-pkcs11/libSignPath.Cryptoki.so" \
        usr/share/zsh/vendor-completions/_signpath-pkcs11 usr/share/doc/signpath-pkcs11/copyright usr/share/doc/signpath-pkcs11/THIRD-PARTY.gz
}

rpm_is_complete() {
    rpm --query --list --package "$1" >"$WORK/list"
    has_files "$WORK/list" "${COMMON_FILES[@]}" usr/lib64/pkcs11/libsignpath_pkcs11.so usr/lib64/signpath-pkcs11/libSignPath.Cryptoki.so \
        usr/share/licenses/signpath-pkcs11/THIRD-PARTY
}

apk_is_complete() {
    tar --list --ignore-zeros --file "$1" >"$WORK/list" 2>/dev/null
    has_files "$WORK/list" "${COMMON_FILES[@]}" usr/lib/pkcs11/libsignpath_pkcs11.so usr/lib/signpath-pkcs11/libSignPath.Cryptoki.so \
        usr/share/doc/signpath-pkcs11/THIRD-PARTY
}

# Unpacks a tarball and signs with its library. Arguments: the tarball, the target.
tarball_is_complete() {
    local root=$WORK/tarball
    rm -rf "$root"
    mkdir "$root"
    tar --extract --gzip --strip-components=1 --directory "$root" --file "$1"
    cmp "$root/lib/pkcs11/libsignpath_pkcs11.so" "dist/$2/libsignpath_pkcs11.so"
    cmp "$root/lib/signpath-pkcs11/libSignPath.Cryptoki.so" "dist/$2/libsignpath_pkcs11.so"
    cmp "$root/bin/signpath-pkcs11" "dist/$2/signpath-pkcs11"
    [[ -s $root/share/doc/signpath-pkcs11/THIRD-PARTY ]]
    # A program that a loader starts takes the loader for itself, and looks for its files there.
    [[ $2 != "$(uname -m)"-*-musl ]] || return 0
    run_for "$2" "$root/bin/signpath-pkcs11" setup p11-kit --offline | grep --line-regexp "module: $root/lib/pkcs11/libsignpath_pkcs11.so"
}

# A second build of the packages gives the same bytes, except for the MSI (see package.sh).
packages_are_repeatable() {
    find dist/packages -type f ! -name '*.oci.tar' ! -name '*.msi' -exec sha256sum {} + >"$WORK/sums"
    packaging/package.sh "$@"
    sha256sum --quiet --check "$WORK/sums"
}

# Installs, replaces and removes the rpm with rpm itself, in a directory of its own. Argument: the rpm.
rpm_is_installed_and_removed() {
    local root=$WORK/rpm
    local -a rpm=(rpm --root "$root" --nodeps)
    rm -rf "$root"
    mkdir -p "$root"
    rpm --root "$root" --initdb
    "${rpm[@]}" --install "$1"
    rpm --root "$root" --verify --nodeps signpath-pkcs11
    pkcs11_tool_signs "$root/usr/lib64/pkcs11/libsignpath_pkcs11.so" pkcs11-tool
    "${rpm[@]}" --upgrade "$WORK"/packages/new/signpath-pkcs11-[0-9]*.x86_64.rpm
    pkcs11_tool_signs "$root/usr/lib64/pkcs11/libsignpath_pkcs11.so" pkcs11-tool
    "${rpm[@]}" --upgrade --oldpackage "$WORK"/packages/old/signpath-pkcs11-[0-9]*.x86_64.rpm
    pkcs11_tool_signs "$root/usr/lib64/signpath-pkcs11/libSignPath.Cryptoki.so" pkcs11-tool
    rpm --root "$root" --erase signpath-pkcs11
    [[ -z $(find "$root" -name '*signpath*' -print) ]]
}

# The checksums of all packages, signed by the library on x86_64.
checksums_are_signed() {
    SIGNPATH_RELEASE_KEY=$KEY packaging/release.sh sign
    (
        cd dist/packages
        openssl x509 -in SHA256SUMS.pem -noout -pubkey >"$WORK/SHA256SUMS.pub"
        openssl dgst -sha256 -verify "$WORK/SHA256SUMS.pub" -signature SHA256SUMS.sig SHA256SUMS
        sha256sum --check --quiet SHA256SUMS
        printf ' ' >"$WORK/changed"
        cat SHA256SUMS >>"$WORK/changed"
        ! openssl dgst -sha256 -verify "$WORK/SHA256SUMS.pub" -signature SHA256SUMS.sig "$WORK/changed"
    )
}

# What release.sh has signed is still so in the packages, and the MSI is signed too.
windows_packages_are_signed() {
    local file
    rm -rf "$WORK/zip"
    unzip -q dist/packages/*-x86_64-windows.zip -d "$WORK/zip"
    for file in dist/packages/*-x86_64-windows.msi "$WORK"/zip/*/{signpath_pkcs11.dll,SignPath.Cryptoki.dll,signpath-pkcs11.exe}; do
        osslsigncode verify -CAfile "$STATE/code-signing-ca.pem" -in "$file"
    done
}

# The library in the image is the one that was built.
image_is_complete() {
    packaging/package.sh --format image "$1"
    local image=$WORK/image
    rm -rf "$image"
    mkdir "$image"
    tar --extract --directory "$image" --file dist/packages/*"-${1/-unknown/}.oci.tar"
    local layer found=
    for layer in "$image"/blobs/sha256/*; do
        if tar --extract --to-stdout --file "$layer" libsignpath_pkcs11.so 2>/dev/null | cmp --quiet - "dist/$1/libsignpath_pkcs11.so"; then
            found=yes
        fi
    done
    [[ -n $found ]]
}

# What action.yml runs, with the tarball: it masks the token before anything else, exports the variables, and runs the doctor.
# Argument: the tarball.
action_sets_up_a_job() {
    local folder=$WORK/action module
    mkdir -p "$folder"
    env -u RUNNER_TOOL_CACHE "RUNNER_TEMP=$folder" "GITHUB_ENV=$folder/env" "GITHUB_PATH=$folder/path" "GITHUB_OUTPUT=$folder/output" \
        "INPUT_PACKAGE=$1" "INPUT_SHA256=$(sha256sum "$1" | cut -d ' ' -f 1)" INPUT_DOCTOR=warn \
        "INPUT_ORGANIZATION_ID=$SIGNPATH_ORGANIZATION_ID" "INPUT_API_TOKEN=$SIGNPATH_API_TOKEN" "INPUT_API_URL=$SIGNPATH_API_URL" \
        packaging/action.sh >"$folder/said" 2>&1
    [[ $(head -n 1 "$folder/said") == "::add-mask::$SIGNPATH_API_TOKEN" ]]
    (($(grep --count --fixed-strings "$SIGNPATH_API_TOKEN" "$folder/said") == 1))
    grep -q '^ok  *API token' "$folder/said"
    grep --quiet --line-regexp --fixed-strings "SIGNPATH_API_TOKEN=$SIGNPATH_API_TOKEN" "$folder/env"
    module=$(sed -n 's/^PKCS11_MODULE=//p' "$folder/env")
    grep --quiet --line-regexp "module=$module" "$folder/output"
    "$(cat "$folder/path")/signpath-pkcs11" --version
    pkcs11_tool_signs "$module" pkcs11-tool
    # A file with another checksum.
    ! env "GITHUB_ENV=$folder/env" "GITHUB_PATH=$folder/path" "GITHUB_OUTPUT=$folder/output" "INPUT_PACKAGE=$1" "INPUT_SHA256=${SIGNPATH_ORGANIZATION_ID//-/}" \
        "INPUT_ORGANIZATION_ID=$SIGNPATH_ORGANIZATION_ID" "INPUT_API_TOKEN=$SIGNPATH_API_TOKEN" packaging/action.sh >/dev/null
}

# Without a package, it downloads the file for the system and its C library. What tells these is replaced, and gh, which downloads.
# Argument: the target.
action_downloads() {
    local folder=$WORK/download system=Linux libc='ldd (GNU libc) 2.36' library=libsignpath_pkcs11.so
    case $1 in
        *-musl) libc='musl libc (x86_64)' ;;
        *-windows-*) system=MINGW64_NT-10.0-26100 library=signpath_pkcs11.dll ;;
    esac
    rm -rf "$folder"
    mkdir -p "$folder/bin"
    # shellcheck disable=SC2016 # the programs have these arguments
    {
        printf '#!/bin/sh\n[ "$1" = -m ] && echo %s || echo %s\n' "${1%%-*}" "$system" >"$folder/bin/uname"
        # musl's fails.
        printf '#!/bin/sh\necho "%s" >&2\nexit 1\n' "$libc" >"$folder/bin/ldd"
        printf '#!/bin/sh\nshift\necho "$@"\n' >"$folder/bin/cygpath"
        # release download TAG --repo REPOSITORY --pattern NAME --pattern SHA256SUMS --dir DIR
        printf '#!/bin/sh\n[ "$5" = owner/name ] && cp "dist/packages/$7" "dist/packages/$9" "${11}"\n' >"$folder/bin/gh"
    }
    chmod +x "$folder"/bin/*
    env "PATH=$folder/bin:$PATH" "RUNNER_TOOL_CACHE=$folder" "GITHUB_ENV=$folder/env" "GITHUB_PATH=$folder/path" \
        "GITHUB_OUTPUT=$folder/output" ACTION_REPOSITORY= GITHUB_REPOSITORY=owner/name "INPUT_VERSION=$(version)" INPUT_DOCTOR=skip \
        "INPUT_ORGANIZATION_ID=$SIGNPATH_ORGANIZATION_ID" "INPUT_API_TOKEN=$SIGNPATH_API_TOKEN" packaging/action.sh
    cmp "$(sed -n 's/^module=//p' "$folder/output")" "dist/$1/$library"
    compgen -G "$(cat "$folder/path")/signpath-pkcs11*" >/dev/null
}

other_versions() {
    other_version 0.0.9 "$WORK/packages/old"
    other_version "$(version)" "$WORK/packages/this"
    other_version 99.0.0 "$WORK/packages/new"
}

# deb and rpm with another version of the same files. Arguments: the version, the directory.
other_version() {
    mkdir -p "$2"
    PACKAGE_VERSION=$1 packaging/package.sh --format deb --format rpm --output dist --packages "$2" x86_64-unknown-linux-gnu >/dev/null
    echo "$1-1" >"$2/version"
}

prove_gnu_x86_64() {
    local target=x86_64-unknown-linux-gnu release fact
    local library=$PWD/dist/$target/libsignpath_pkcs11.so
    prove_signing "this machine, glibc $(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)" \
        $target "signs with $KEY (client)" client_signs $target "$library" $KEY
    prove_of $target "signs with demo/p-256 (client)" client_signs $target "$library" demo/p-256
    prove_of $target "catches a panic" panic_is_caught $target
    prove_of packages "older and newer versions" other_versions
    for release in "${DEBIANS[@]}"; do
        : >"$WORK/facts"
        prove_signing "Debian $release, pkcs11-tool" $target "Debian $release: install, sign, upgrade, downgrade, remove" debian_proof "$release" "$WORK/packages"
        sed 's/^/             /' "$WORK/facts"
    done
    prove_of $target "rpm: install, sign, upgrade, downgrade, erase" rpm_is_installed_and_removed dist/packages/signpath-pkcs11-[0-9]*.x86_64.rpm
}

# Prints how a program of a target runs on this machine. Argument: the target.
emulation() {
    case $1 in
        aarch64-*-gnu) echo "qemu-user, glibc of Debian bookworm" ;;
        aarch64-*-musl) echo "qemu-user, musl's loader" ;;
        *) echo "musl's loader" ;;
    esac
}

# Argument: a target that runs under an emulator or another loader.
prove_elsewhere() {
    local target=$1
    local library=$PWD/dist/$target/libsignpath_pkcs11.so root=$TOOLS/roots/$1
    prove_signing "$(emulation "$target")" "$target" "signs with $KEY (client)" client_signs "$target" "$library" $KEY
    prove_of "$target" "signs with demo/p-256 (client)" client_signs "$target" "$library" demo/p-256
    if [[ $target == aarch64-*-gnu ]]; then
        prove_signing "$(emulation "$target"), pkcs11-tool" "$target" "signs with pkcs11-tool for arm64" pkcs11_tool_signs "$library" run_for "$target" "$root/usr/bin/pkcs11-tool"
    fi
    prove_of "$target" "lists keys with the command" run_for "$target" "dist/$target/signpath-pkcs11" list
    prove_of "$target" "catches a panic" panic_is_caught "$target"
}

windows_zip_is_complete() {
    unzip -Z1 "$1" | sed 's|^[^/]*/||' >"$WORK/list"
    has_files "$WORK/list" signpath_pkcs11.dll SignPath.Cryptoki.dll signpath-pkcs11.exe signpath_pkcs11.cdx.json THIRD-PARTY.txt docs/windows.md
    unzip -p "$1" '*/SignPath.Cryptoki.dll' | cmp - "dist/$WINDOWS_TARGET/signpath_pkcs11.dll"
}

windows_msi_is_complete() {
    rm -rf "$WORK/msi"
    msiextract --directory "$WORK/msi" "$1" >"$WORK/list"
    cmp "$(find "$WORK/msi" -name signpath_pkcs11.dll)" "dist/$WINDOWS_TARGET/signpath_pkcs11.dll"
    cmp "$(find "$WORK/msi" -name signpath-pkcs11.exe)" "dist/$WINDOWS_TARGET/signpath-pkcs11.exe"
    cmp "$(find "$WORK/msi" -name SignPath.Cryptoki.dll)" "dist/$WINDOWS_TARGET/signpath_pkcs11.dll"
}

prove_windows() {
    prove_signing "$(wine64 --version 2>/dev/null || /usr/lib/wine/wine64 --version)" "$WINDOWS_TARGET" "rows of windows.sh" \
        packaging/windows.sh --built --no-tests ${PROGRAMS:+--programs "$PROGRAMS"}
}

# Argument: a target.
compiles() {
    # shellcheck disable=SC2034 # choose_toolchain sets them
    local -a cargo_zigbuild std maps
    # shellcheck disable=SC2034
    local RUST_SOURCES RUST_BIN
    choose_toolchain "$1"
    "${cargo_zigbuild[@]}" check --workspace --locked --quiet "${std[@]}" --target "$1" --target-dir "$TARGET_FOLDER"
}

# Builds a target, or checks what has been built. Arguments: the target, options of build.sh, or --built.
prove_build() {
    local target=$1 failed=$FAILED
    shift
    if [[ ${1:-} != --built ]]; then
        prove_of "$target" "build.sh${*:+ $*}" packaging/build.sh "$@" "$target"
        # Nothing can be said of what is not there.
        ((FAILED == failed)) || conclude
    elif [[ $target == *-windows-* ]]; then
        prove_of "$target" "libraries, size, exports, paths" check_windows_files "$PWD/dist/$target"
    else
        prove_of "$target" "versions, libraries, size, exports, paths, LTO" check_files "$target" "$PWD/dist/$target"
    fi
    [[ $target == *-windows-* ]] || prove_of "$target" "lists its crates (.dep-v0)" lists_its_crates "$target" "$PWD/dist/$target"
}

# What is in the packages. Arguments: the targets.
prove_packages() {
    local target made=dist/packages
    for target in "$@"; do
        case $target in
            x86_64-*-gnu)
                prove_of packages "deb, amd64: content" deb_is_complete $made/signpath-pkcs11_*_amd64.deb usr/lib/x86_64-linux-gnu
                prove_of packages "rpm, x86_64: content" rpm_is_complete $made/signpath-pkcs11-[0-9]*.x86_64.rpm
                ;;
            aarch64-*-gnu)
                prove_of packages "deb, arm64: content" deb_is_complete $made/signpath-pkcs11_*_arm64.deb usr/lib/aarch64-linux-gnu
                prove_of packages "rpm, aarch64: content" rpm_is_complete $made/signpath-pkcs11-[0-9]*.aarch64.rpm
                ;;
            *-musl) prove_of packages "apk, ${target%%-*}: content" apk_is_complete $made/signpath-pkcs11_*_"${target%%-*}".apk ;;
            *-windows-*)
                prove_of packages "zip: content" windows_zip_is_complete $made/*-x86_64-windows.zip
                prove_of packages "msi: content" windows_msi_is_complete $made/*-x86_64-windows.msi
                continue
                ;;
        esac
        prove_of packages "tarball, $target: content" tarball_is_complete $made/signpath-pkcs11-*-"${target/-unknown/}".tar.gz "$target"
        prove_of packages "OCI image, $target" image_is_complete "$target"
    done
    if [[ " $* " == *-gnu\ * ]]; then
        prove_of packages "deb: lintian" lintian_finds_nothing $made/*.deb
        prove_of packages "rpm: rpmlint" rpmlint_finds_no_error $made/*.rpm
    fi
    prove_of packages "the same bytes when made again" packages_are_repeatable "$@"
}

# Argument: the targets.
print_table() {
    local target library command
    printf '\n%-28s %10s %10s %7s  %s\n' target library command GLIBC NEEDED
    for target in "$@"; do
        library=dist/$target/libsignpath_pkcs11.so command=dist/$target/signpath-pkcs11
        [[ $target != *-windows-* ]] || library=dist/$target/signpath_pkcs11.dll command=dist/$target/signpath-pkcs11.exe
        printf '%-28s %10s %10s ' "$target" "$(size_of "$library")" "$(size_of "$command")"
        if [[ $target == *-windows-* ]]; then
            printf '%7s  %s\n' - "$(windows_imports "$library" | sort --unique --ignore-case | paste -sd' ')"
        else
            printf '%7s  %s\n' "$(highest_glibc "$library" || true)" "$(needed "$library" | paste -sd' ')"
        fi
    done
    if ((${#SIGNED_ON[@]})); then
        printf '\n%-28s %s\n' target "signed and verified on"
        printf '%s\n' "${SIGNED_ON[@]}" | sort --unique | awk -F '|' '{ printf "%-28s %s\n", $1, $2 }'
    fi
    printf '\nnot built: 32-bit systems, s390x, ppc64le, riscv64\n'
}

size_of() { stat --format=%s "$1" 2>/dev/null || echo missing; }

# Installs what the proofs of these targets need. Arguments: whether only the short part is run, the targets.
install_requirements_of_proofs() {
    local ci=$1
    shift
    REQUIREMENTS=("git git" "jq jq" "binutils readelf")
    if [[ $* == *-linux-* ]]; then
        REQUIREMENTS+=("lintian lintian" "openssl openssl")
    fi
    if [[ $* == *-linux-* && $ci == no ]]; then
        ((EUID == 0)) || die "The chroots need root."
        REQUIREMENTS+=("rpm rpm" "rpmlint rpmlint" "mmdebstrap mmdebstrap" "qemu-user qemu-aarch64" "buildah buildah" "opensc pkcs11-tool"
            "libp11-kit-dev /usr/include/p11-kit-1/p11-kit/pkcs11.h" "debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg")
    fi
    if [[ $* == *-windows-* ]]; then
        REQUIREMENTS+=("wine64 /usr/lib/wine/wine64" "msitools msiextract" "wixl wixl" "zip zip" "unzip unzip" "osslsigncode osslsigncode")
    fi
    install_requirements
    install_tools
}

main() {
    local target ci=no built=no all=no started=$SECONDS
    local -a targets=() options=()
    while (($#)); do
        case $1 in
            --help | -h)
                usage
                exit
                ;;
            --ci) ci=yes ;;
            --built) built=yes ;;
            --programs)
                (($# > 1)) || die "$1 needs a folder. See --help."
                PROGRAMS=$(realpath "$2")
                [[ -x $PROGRAMS/pkcs11-test ]] || die "There is no pkcs11-test in $2."
                shift
                ;;
            -*) die "There is no option $1. See --help." ;;
            *)
                [[ " ${ALL_TARGETS[*]} " == *" $1 "* ]] || die "$1 is not among the targets: ${ALL_TARGETS[*]}"
                targets+=("$1")
                ;;
        esac
        shift
    done
    [[ $ci == no || ${#targets[@]} == 0 ]] || die "--ci takes no targets."
    [[ $ci == no ]] || targets=(x86_64-unknown-linux-gnu)
    if ((${#targets[@]} == 0)); then
        all=yes
        targets=("${ALL_TARGETS[@]}")
    fi
    for target in "${targets[@]}"; do
        [[ $built == no || -d dist/$target ]] || die "There is no build for $target in dist. See packaging/build.sh --help."
    done

    install_requirements_of_proofs "$ci" "${targets[@]}"
    make_work_folder signpath-pkcs11-verify
    mkdir "$WORK/include"
    [[ ! -e /usr/include/p11-kit-1/p11-kit ]] || cp -r /usr/include/p11-kit-1/p11-kit "$WORK/include/"

    for target in "${targets[@]}"; do
        options=()
        [[ $ci == yes || $target != x86_64-*-linux-gnu ]] || options=(--twice)
        [[ $built == no ]] || options=(--built)
        prove_build "$target" "${options[@]}"
    done
    if [[ " ${targets[*]} " == *" x86_64-unknown-linux-gnu "* && " ${targets[*]} " == *-windows-* ]]; then
        start_local_service
        prove_of "$WINDOWS_TARGET" "signed by release.sh with the module" env "SIGNPATH_RELEASE_KEY=$KEY" packaging/release.sh authenticode
    fi
    # What is left of another version would be packed and signed too.
    rm -rf dist/packages
    prove_of packages "package.sh" packaging/package.sh "${targets[@]}"
    if [[ $ci == yes ]]; then
        prove_of packages "deb: content" deb_is_complete dist/packages/signpath-pkcs11_*_amd64.deb usr/lib/x86_64-linux-gnu
        prove_of packages "deb: lintian" lintian_finds_nothing dist/packages/*_amd64.deb
        print_table "${targets[@]}"
        conclude
    fi
    for target in "${targets[@]}"; do
        [[ $target == *-windows-* || $target == "$(uname -m)"-*-gnu ]] || unpack_root "$target"
    done
    prove_packages "${targets[@]}"
    for target in "${targets[@]}"; do
        say
        [[ $target == *-windows-* || -n $SERVICE_PID ]] || start_local_service
        case $target in
            x86_64-*-linux-gnu)
                prove_gnu_x86_64
                prove_of packages "checksums signed by the module" checksums_are_signed
                if compgen -G 'dist/packages/*.msi' >/dev/null; then
                    prove_of packages "zip and MSI: signatures (Authenticode)" windows_packages_are_signed
                fi
                prove_of packages "action.yml with the tarball" action_sets_up_a_job dist/packages/signpath-pkcs11-*-x86_64-linux-gnu.tar.gz
                ;;
            *-windows-*) prove_windows ;;
            *) prove_elsewhere "$target" ;;
        esac
    done
    if [[ -e dist/packages/SHA256SUMS ]]; then
        for target in "${targets[@]}"; do
            prove_of "$target" "action.yml downloads it" action_downloads "$target"
        done
    fi
    if [[ $all == yes ]]; then
        for target in "${MACOS_TARGETS[@]}"; do
            prove_of "$target" "every crate compiles (cargo check)" compiles "$target"
        done
    fi
    print_table "${targets[@]}"
    say "$((SECONDS - started)) s in all"
    conclude
}

main "$@"
