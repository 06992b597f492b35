# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# Installs the requirements of the demo and the tests, and builds. Sourced with the repository as the working folder.

RUST_VERSION=1.85

<<<<<<< HEAD
# The Debian packages for the demo, each with a command or a file (if it starts with a slash) that shows it is installed.
=======
# The Debian packages for the demo, each with a command or file (starting with a slash) that shows it is installed.
>>>>>>> h-words-b
REQUIREMENTS=(
    "ca-certificates            /etc/ssl/certs/ca-certificates.crt"
    "gcc libc6-dev              cc"
    "jq                         jq"
    "openssl                    openssl"
    "softhsm2                   softhsm2-util"
    "libengine-pkcs11-openssl   /usr/lib/*/engines-3/pkcs11.so"
    "opensc                     pkcs11-tool"
    "osslsigncode               osslsigncode"
    "systemd-boot-efi           /usr/lib/systemd/boot/efi/systemd-boot*.efi"
    "default-jdk-headless       jarsigner"
    "gnupg                      gpg"
    "gnupg-pkcs11-scd           gnupg-pkcs11-scd"
)

<<<<<<< HEAD
# The same for the further rows of the tests.
=======
# The packages for the additional rows of the tests.
>>>>>>> h-words-b
TOOL_REQUIREMENTS=(
    "apksigner                  apksigner"
    "curl                       curl"
    "debsigs                    debsigs"
    "fish                       fish"
    "g++                        c++"
    "gnutls-bin                 p11tool"
    "groff-base                 groff"
    "libnss3-tools              modutil"
    "libp11-kit-dev             /usr/include/p11-kit-1/p11-kit/pkcs11.h"
    "nginx                      /usr/sbin/nginx"
    "openssh-client             ssh-agent"
    "p11-kit                    p11-kit"
    "p11-kit-modules            /usr/lib/*/p11-kit-proxy.so"
    "pesign                     pesign"
    "python3-pykcs11            /usr/lib/python3/dist-packages/PyKCS11/__init__.py"
    "python3-venv               /usr/lib/python3*/ensurepip/__init__.py"
    "python3-yaml               /usr/lib/python3/dist-packages/yaml/__init__.py"
    "rpm                        rpmsign"
    "sbsigntool                 sbsign"
    "stunnel4                   stunnel"
    "tinyproxy-bin              tinyproxy"
    "zsh                        zsh"
)

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

<<<<<<< HEAD
# Runs a command and shows its output only if it failed.
=======
# Runs a command and shows its output only if it fails.
>>>>>>> h-words-b
quietly() {
    local output status=0
    output=$("$@" 2>&1) || status=$?
    if ((status)); then
        printf '%s\n' "$output" >&2
        die "\"$*\" failed with status $status."
    fi
}

# Whether VERSION is at least MINIMUM.
at_least() {
    [[ -n $1 && $(printf '%s\n' "$1" "$2" | sort --version-sort | head -n 1) == "$2" ]]
}

# Finds a recent enough Cargo and rustc, and puts them first in PATH if necessary.
find_rust() {
    local folder
    for folder in "" /usr/bin/ "${HOME:-/root}/.cargo/bin/"; do
        if at_least "$(rust_version "${folder}cargo")" "$RUST_VERSION" &&
            at_least "$(rust_version "${folder}rustc")" "$RUST_VERSION"; then
            [[ -z $folder ]] || PATH="$folder:$PATH"
            return 0
        fi
    done
    return 1
}

rust_version() {
    { "$1" --version 2>/dev/null || true; } | awk '{ print $2; exit }'
}

<<<<<<< HEAD
# The packages of Rust. Debian 12 has a current version under another name.
=======
# The packages that contain Rust: Debian 12 has a recent version besides its old one, Debian 13 has just one.
>>>>>>> h-words-b
rust_packages() {
    local candidate
    candidate=$(LC_ALL=C apt-cache policy cargo 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')
    if at_least "$candidate" "$RUST_VERSION"; then
        echo "cargo rustc"
    else
        echo "cargo-web rustc-web"
    fi
}

# Prints the missing packages, except for Rust.
missing_packages() {
    local requirement packages evidence
    for requirement in "${REQUIREMENTS[@]}"; do
        evidence=${requirement##* }
        packages=${requirement%"$evidence"}
        if [[ $evidence == /* ]]; then
            compgen -G "$evidence" >/dev/null || echo "$packages"
        else
            command -v "$evidence" >/dev/null || echo "$packages"
        fi
    done
}

# Installs missing packages with apt.
install_requirements() {
    local -a packages as_root=()
    read -r -d '' -a packages < <(missing_packages) || true
    local rust=yes
    find_rust || rust=no
    if ((${#packages[@]} == 0)) && [[ $rust == yes ]]; then
        return
    fi

    command -v apt-get >/dev/null ||
        die "There is no apt-get here. Install Rust $RUST_VERSION or later and what these Debian packages bring: ${packages[*]}"
    if ((EUID != 0)); then
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
            as_root=(sudo)
        else
            [[ $rust == yes ]] || read -r -a packages <<<"${packages[*]} $(rust_packages)"
            die "Some packages are missing. Install them as root: apt-get update && apt-get install --no-install-recommends ${packages[*]}"
        fi
    fi

    apt_get() {
        quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get -o DPkg::Lock::Timeout=300 --quiet --yes "$@"
    }
    say "Updating the package lists ..."
    apt_get update
    [[ $rust == yes ]] || read -r -a packages <<<"${packages[*]} $(rust_packages)"
    say "Installing ${packages[*]} ..."
    apt_get install --no-install-recommends --no-remove "${packages[@]}"
    find_rust || die "cargo and rustc $RUST_VERSION or later are still not found."
}

<<<<<<< HEAD
# Builds what the rows need. Sets MODULE, the library as a package ships it, and PROGRAMS, the folder of the service and the
# command. Each of the two builds takes a minute or more: on a terminal Cargo shows its progress.
=======
# Builds what the rows need. Sets MODULE, the library as packages ship it, and PROGRAMS, the folder of the service and
# the command-line tool. Each of the two builds takes a minute or more; on a terminal, Cargo's progress is shown.
>>>>>>> h-words-b
build() {
    local target
    local -a quiet=()
    [[ -t 2 ]] || quiet=(--quiet)
    say "Building the module as a package ships it ..."
    MODULE=$(pkcs11-test/lib/module.sh) || die "The build of the module failed."
    say "Building the local SignPath service and the command line ..."
    cargo build --workspace --bins --locked "${quiet[@]}" || die "The build failed."
    target=$(cargo metadata --format-version 1 --no-deps --locked | jq --raw-output .target_directory)
    PROGRAMS=$target/debug
}
