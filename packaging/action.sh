#!/usr/bin/env bash
# What action.yml runs: installs a package, a tarball or a zip, sets up the environment of the steps after it, and runs the doctor.
# The inputs are in variables named INPUT_*; GITHUB_ENV, GITHUB_PATH and GITHUB_OUTPUT are files. The bash of macOS, which says there
# that there is no build, is 3.2.

set -euo pipefail

die() {
    printf '::error::%s\n' "$*"
    exit 1
}

# A value with a line break would set more variables.
export_variable() {
    [[ $2 != *[$'\r\n']* ]] || die "The value of $1 has a line end in it."
    printf '%s=%s\n' "$1" "$2" >>"$GITHUB_ENV"
}

is_windows() { [[ $SYSTEM == MINGW* || $SYSTEM == MSYS* ]]; }

# The path of a file as a program of the system takes it: on Windows, this shell has paths of its own.
path_of() {
    if is_windows; then
        cygpath --windows "$1"
    else
        printf '%s\n' "$1"
    fi
}

# The file of a release for this machine. Sets `name`.
choose_file() {
    local machine libc=gnu
    machine=$(uname -m)
    # musl's ldd prints its name and fails.
    [[ $(ldd --version 2>&1 || true) != *musl* ]] || libc=musl
    case $SYSTEM-$machine in
        Linux-x86_64 | Linux-aarch64) name=signpath-pkcs11-$INPUT_VERSION-$machine-linux-$libc.tar.gz ;;
        MINGW*-x86_64 | MSYS*-x86_64) name=signpath-pkcs11-$INPUT_VERSION-x86_64-windows.zip ;;
        *) die "There is no build for $SYSTEM on $machine." ;;
    esac
}

# Downloads a file of a release and its checksum. Sets `package` and `sha256`.
download() {
    local folder name repository=${ACTION_REPOSITORY:-$GITHUB_REPOSITORY}
    choose_file
    command -v gh >/dev/null || die "There is no gh here to download $name with. Install the GitHub CLI, or name the file with the input package."
    folder=$(mktemp -d)
    gh release download "v$INPUT_VERSION" --repo "$repository" --pattern "$name" --pattern SHA256SUMS --dir "$folder" ||
        die "$name and SHA256SUMS cannot be downloaded from release v$INPUT_VERSION of $repository."
    package=$folder/$name
    [[ -n $sha256 ]] || sha256=$(awk -v name="$name" '$2 == name { print $1 }' "$folder/SHA256SUMS")
    [[ -n $sha256 ]] || die "SHA256SUMS of v$INPUT_VERSION does not list $name."
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo "$@"
    fi
}

# Unpacks a tarball or a zip. Sets `module`.
unpack() {
    local folder=${RUNNER_TOOL_CACHE:-${RUNNER_TEMP:-/opt}} programs
    ! is_windows || folder=$(cygpath --unix "$folder")
    folder+=/signpath-pkcs11
    rm -rf "$folder"
    mkdir -p "$folder"
    if [[ $package == *.zip ]]; then
        unzip -q "$package" -d "$folder"
        # It contains one directory.
        mv "$folder"/*/* "$folder/"
        programs=$folder
        module=$(path_of "$folder/signpath_pkcs11.dll")
    else
        tar --extract --gzip --strip-components=1 --directory "$folder" --file "$package"
        programs=$folder/bin
        module=$folder/lib/pkcs11/libsignpath_pkcs11.so
    fi
    PATH=$programs:$PATH
    path_of "$programs" >>"$GITHUB_PATH"
}

# Sets `module`, the library.
install_package() {
    case $SYSTEM-$package in
        Linux-*.deb) as_root apt-get --quiet --yes install "$package" ;;
        Linux-*.rpm) as_root rpm --upgrade --replacepkgs --verbose "$package" ;;
        Linux-*.apk) as_root apk add --allow-untrusted "$package" ;;
        Linux-*.tar.gz | MINGW*.zip | MSYS*.zip)
            unpack
            return
            ;;
        *) die "$package cannot be installed on $SYSTEM: it takes a deb, rpm, apk or tar.gz on Linux, and a zip on Windows." ;;
    esac
    for module in /usr/lib/"$(uname -m)"-linux-gnu/pkcs11 /usr/lib64/pkcs11 /usr/lib/pkcs11; do
        module=$module/libsignpath_pkcs11.so
        [[ ! -e $module ]] || return 0
    done
    die "$package did not bring libsignpath_pkcs11.so."
}

main() {
    local package=${INPUT_PACKAGE:-} sha256=${INPUT_SHA256:-} module
    SYSTEM=$(uname -s)
    [[ -n ${INPUT_API_TOKEN:-} ]] || die "The input api-token is empty. Secrets are not there in workflows of forks."
    # The second line would be printed, and not masked.
    [[ $INPUT_API_TOKEN != *[$'\r\n']* ]] || die "The input api-token has a line end in it."
    # GitHub masks secrets by itself, but not what an earlier step has read from elsewhere.
    printf '::add-mask::%s\n' "$INPUT_API_TOKEN"
    [[ -n ${INPUT_ORGANIZATION_ID:-} ]] || die "The input organization-id is empty."
    [[ ${INPUT_DOCTOR:-fail} =~ ^(fail|warn|skip)$ ]] || die "The input doctor is fail, warn or skip."

    if [[ -n $package ]]; then
        [[ -f $package ]] || die "There is no file $package."
        if is_windows; then
            package=$(cygpath --unix --absolute "$package")
        else
            package=$(realpath "$package")
        fi
    elif [[ ${INPUT_VERSION:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
        download
    else
        die "The input version is a version such as 0.2.0, or the input package names a file."
    fi
    if [[ -n $sha256 ]]; then
        [[ $(sha256sum "$package" | cut -d ' ' -f 1) == "$(tr '[:upper:]' '[:lower:]' <<<"$sha256")" ]] || die "${package##*/} does not have the SHA-256 $sha256."
    fi
    install_package

    export SIGNPATH_ORGANIZATION_ID=$INPUT_ORGANIZATION_ID SIGNPATH_API_TOKEN=$INPUT_API_TOKEN PKCS11_MODULE=$module
    export_variable SIGNPATH_ORGANIZATION_ID "$SIGNPATH_ORGANIZATION_ID"
    export_variable SIGNPATH_API_TOKEN "$SIGNPATH_API_TOKEN"
    export_variable PKCS11_MODULE "$PKCS11_MODULE"
    if [[ -n ${INPUT_API_URL:-} ]]; then
        export SIGNPATH_API_URL=$INPUT_API_URL
        export_variable SIGNPATH_API_URL "$SIGNPATH_API_URL"
    fi
    echo "module=$module" >>"$GITHUB_OUTPUT"

    [[ ${INPUT_DOCTOR:-fail} == skip ]] || signpath-pkcs11 doctor || {
        [[ ${INPUT_DOCTOR:-fail} == warn ]] || die "signpath-pkcs11 doctor found a problem."
        echo "::warning::signpath-pkcs11 doctor found a problem."
    }
}

main "$@"
