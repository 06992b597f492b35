# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# What a machine needs for the demo and the tests, and the build. Sourced with the repository as the working folder.

RUST_VERSION=1.85

# The Debian packages for the demo, each with a command or a file (if it starts with a slash) that shows it is installed.
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

# The same for the further rows of the tests.
TOOL_REQUIREMENTS=(
    "apksigner                  apksigner"
    "curl                       curl"
    "debsigs                    debsigs"
    "device-tree-compiler       dtc"
    "fish                       fish"
    "g++                        c++"
    "git                        git"
    "gnutls-bin                 p11tool"
    "golang-github-thalesignite-crypto11-dev /usr/share/gocode/src/github.com/ThalesIgnite/crypto11/crypto11.go"
    "golang-go                  go"
    "gpgv                       gpgv"
    "gpgsm                      gpgsm"
    "groff-base                 groff"
    "libnss3-tools              modutil"
    "libp11-kit-dev             /usr/include/p11-kit-1/p11-kit/pkcs11.h"
    "make                       make"
    "nginx                      /usr/sbin/nginx"
    "nodejs                     node"
    "npm                        npm"
    "openssh-client             ssh-agent"
    "p11-kit                    p11-kit"
    "p11-kit-modules            /usr/lib/*/p11-kit-proxy.so"
    "pesign                     pesign"
    "poppler-utils              pdfsig"
    "python3-pykcs11            /usr/lib/python3/dist-packages/PyKCS11/__init__.py"
    "python3-venv               /usr/lib/python3*/ensurepip/__init__.py"
    "python3-yaml               /usr/lib/python3/dist-packages/yaml/__init__.py"
    "rauc                       rauc"
    "rpm                        rpmsign"
    "sbsigntool                 sbsign"
    "squashfs-tools             mksquashfs"
    "sqv                        sqv"
    "stunnel4                   stunnel"
    "tinyproxy-bin              tinyproxy"
    "u-boot-tools               mkimage"
    "zsh                        zsh"
)

# The same for the tests of the page in a browser.
BROWSER_REQUIREMENTS=(
    "chromium                   chromium"
    "chromium-driver            chromedriver"
    "npm                        npm"
)

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command and shows its output only if it failed.
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

# Finds a Cargo and a rustc that are new enough, and puts them first in PATH if they are not.
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

# The packages of Rust. Debian 12 has a current version under another name.
rust_packages() {
    local candidate
    candidate=$(LC_ALL=C apt-cache policy cargo 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')
    if at_least "$candidate" "$RUST_VERSION"; then
        echo "cargo rustc"
    else
        echo "cargo-web rustc-web"
    fi
}

# Prints the packages that are missing, Rust excepted.
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

# Installs what is missing, with apt.
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

# Builds what the rows need. Sets MODULE, the library as a package ships it, and PROGRAMS, the folder of the service and the
# command. Each of the two builds takes a minute or more: on a terminal Cargo shows its progress.
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
