#!/usr/bin/env bash
# Runs the rows that need Debian 13, on both key stores of the local SignPath service: OpenSSL 3.5 with providers, and gpg 2.4. The
# programs and the module are built here, and run in a temporary Debian 13. Needs root, mmdebstrap and the internet. Prints a table
# for each key store. The last line is "N passed, N failed".
#
# Usage: debian-13.sh [ROW ...]
#        debian-13.sh --demo | --test
# With an option it runs demo.sh or test.sh instead, of what is committed, with everything from a minimal Debian 13: Rust, the build and
# the tools.
#
# DEBIAN_13 names a folder for the Debian 13, which then stays for the next run. The rows and the options need one each.
#
# Debian 13 has neither the provider of libp11 nor an osslsigncode that loads it. Both are built if LIBP11 and OSSLSIGNCODE name folders
# with their sources; otherwise their rows are left out. To get them:
#   git clone --branch libp11-0.4.20 https://github.com/OpenSC/libp11
#   git clone --branch 2.14 https://github.com/mtrojnar/osslsigncode

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh
. pkcs11-test/lib/rows.sh
. pkcs11-test/lib/scenarios.sh

# Rows of other lists that are run here too: the gpg of Debian 13 talks to its smart card daemon in another way.
OTHER_ROWS=(gpg gpg-stand-in gpg-imported gpg-imported-pin rpmsign rpmsign-imported debsigs debsigs-imported git-imported apt-imported
    refused-gpg mkimage page-mkimage rauc-rsa rauc-ec page-rauc git-x509 curl-rsa nginx
    stunnel)
PACKAGES=(apt bind9-utils ca-certificates curl debsigs device-tree-compiler git gnupg gnupg-pkcs11-scd gpgsm gpgv jq ldnsutils
    libengine-pkcs11-openssl nginx openssl osslsigncode pkcs11-provider procps rauc rpm sbsigntool softhsm2 sqv squashfs-tools stunnel4
    systemd-boot-efi systemd-repart systemd-ukify u-boot-tools)
# shellcheck disable=SC2016 # expanded by the shell of the hook
# sign-file and extract-cert are in a package with the kernel's version in its name.
export KBUILD='apt-get --quiet --yes --no-install-recommends install \
    "$(apt-cache search --names-only "^linux-kbuild-" | cut -d " " -f 1 | sort --version-sort | tail -n 1)"'

COMPLETE=no

# The last line, and the exit status, however the script ends.
conclude() {
    [[ $COMPLETE == yes ]] || FAILED=$((FAILED + 1))
    say "$PASSED passed, $FAILED failed"
    ((FAILED == 0 && PASSED > 0)) || exit 1
    exit 0
}

# Runs in Debian 13, with this repository in /repository. Arguments: the rows.
inside() {
    local name options
    local -a rows=()
    if ((!$#)); then
        rows=("${DEBIAN_13_ROWS[@]}")
        if [[ -e $PKCS11PROV_MODULES ]]; then
            rows+=("${LIBP11_ROWS[@]}")
        else
            say "The rows of libp11's provider are left out: LIBP11 and OSSLSIGNCODE do not name its sources and those of osslsigncode."
        fi
        set -- "${OTHER_ROWS[@]}"
    fi
    TOOL_ROWS+=("${DEBIAN_13_ROWS[@]}" "${LIBP11_ROWS[@]}")
    for name in "$@"; do
        rows+=("$(find_row "$name")") || die "There is no row $name."
    done

    make_work_folder signpath-pkcs11-debian-13 conclude
    say "$(openssl version), $(gpg --version | head -n 1), $(gnupg-pkcs11-scd --version | head -n 1), $(rpm --version)"
    prepare_files "$WORK/inputs"
    for options in software "softhsm --tls"; do
        run_rows_on "$options" "${rows[@]}"
        print_table
        say
    done
    COMPLETE=yes
}

# Builds libp11's provider and osslsigncode from the sources in /sources.
build_sources() {
    export DEBIAN_FRONTEND=noninteractive
    say "Building libp11 and osslsigncode ..."
    quietly apt-get --quiet update
    quietly apt-get --quiet --yes --no-install-recommends install autoconf automake cmake g++ libssl-dev libtool make pkgconf zlib1g-dev
    cd /sources/LIBP11
    quietly autoreconf --install
    quietly ./configure --prefix="$LIBP11_FOLDER" --with-modulesdir="$PKCS11PROV_MODULES" --with-enginesdir="$LIBP11_FOLDER/engines"
    quietly make
    quietly make install
    quietly cmake -S /sources/OSSLSIGNCODE -B /sources/build -D CMAKE_BUILD_TYPE=Release
    quietly cmake --build /sources/build --target osslsigncode
    cp /sources/build/osslsigncode "$LIBP11_FOLDER"
}

# Runs a command in the Debian 13. The mounts end with their namespace. Arguments: variables for it, the command.
in_debian_13() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --propagation private bash -euc '
        if [[ -e $ROOT/repository ]]; then
            mount --bind "$PWD" "$ROOT/repository"
            mount --bind "$WORK/programs" "$ROOT/programs"
        fi
        # With the pseudo-terminals.
        mount --rbind /dev "$ROOT/dev"
        mount -t proc proc "$ROOT/proc"
        mount -t tmpfs tmpfs "$ROOT/tmp"
        exec chroot "$ROOT" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
    ' bash "$@"
}

# Arguments: options of mmdebstrap.
install_debian_13() {
    ((EUID == 0)) || die "This needs root, for a chroot."
    command -v mmdebstrap >/dev/null || die "Install mmdebstrap."
    make_work_folder signpath-pkcs11-debian-13
    export WORK ROOT=${DEBIAN_13:-$WORK/root}
    if [[ ! -e $ROOT ]]; then
        say "Installing Debian 13 in $ROOT ..."
        run_mmdebstrap --variant=apt "$@" trixie "$ROOT"
    fi
}

# Runs a script of this folder in a Debian 13 that has nothing else. Cargo, pip and npm trust what this machine trusts, in case that a proxy
# is between it and their registries. Argument: the script.
whole() {
    install_debian_13 --include=ca-certificates,git
    rm -rf "$ROOT/checkout"
    git clone --quiet --no-hardlinks . "$ROOT/checkout"
    cp /etc/ssl/certs/ca-certificates.crt "$ROOT/certificates.pem"
    in_debian_13 CARGO_HTTP_CAINFO=/certificates.pem PIP_CERT=/certificates.pem NODE_EXTRA_CA_CERTS=/certificates.pem \
        "/checkout/pkcs11-test/$1"
}

outside() {
    local source
    local -a script=(PROGRAMS=/programs /repository/pkcs11-test/debian-13.sh)
    # shellcheck disable=SC2016 # expanded by the shell of the hook
    install_debian_13 --include="${PACKAGES[*]}" --customize-hook='chroot "$1" sh -c "$KBUILD"'
    [[ -n ${MODULE:-} && -n ${PROGRAMS:-} ]] || build
    mkdir -p "$ROOT/repository" "$ROOT/programs" "$WORK/programs"
    cp "$MODULE" "$PROGRAMS/pkcs11-test" "$PROGRAMS/signpath-pkcs11" "$WORK/programs"
    if [[ -n ${LIBP11:-} && -n ${OSSLSIGNCODE:-} && ! -e $ROOT$PKCS11PROV_MODULES ]]; then
        for source in LIBP11 OSSLSIGNCODE; do
            mkdir -p "$ROOT/sources/$source"
            cp -R "${!source}/." "$ROOT/sources/$source"
        done
        in_debian_13 "${script[@]}" --build
    fi
    in_debian_13 "MODULE=/programs/${MODULE##*/}" "${script[@]}" --inside "$@"
}

case ${1:-} in
    --inside) inside "${@:2}" ;;
    --build) build_sources ;;
    --demo) whole demo.sh ;;
    --test) whole test.sh ;;
    *) outside "$@" ;;
esac
