#!/usr/bin/env bash
# Runs the rows that need Debian 13, on both key stores of the local SignPath service: OpenSSL 3.5 with providers, and gpg 2.4. The
# programs and the module are built here, and run in a temporary Debian 13. Needs root, mmdebstrap and the internet. Prints a table
# for each key store. The last line is "N passed, N failed".
#
# Usage: debian-13.sh [ROW ...]
# DEBIAN_13 names a folder for the Debian 13, which then stays for the next run.

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
    refused-gpg mkimage page-mkimage rauc-rsa rauc-ec page-rauc)
PACKAGES=(apt ca-certificates curl debsigs device-tree-compiler git gnupg gnupg-pkcs11-scd gpgv jq libengine-pkcs11-openssl openssl
    osslsigncode pkcs11-provider procps rauc rpm sbsigntool softhsm2 sqv squashfs-tools systemd-boot-efi systemd-repart systemd-ukify
    u-boot-tools)
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
    local -a rows=("${DEBIAN_13_ROWS[@]}")
    TOOL_ROWS+=("${DEBIAN_13_ROWS[@]}")
    if (($#)); then
        rows=()
    else
        set -- "${OTHER_ROWS[@]}"
    fi
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

outside() {
    ((EUID == 0)) || die "This needs root, for a chroot."
    command -v mmdebstrap >/dev/null || die "Install mmdebstrap."
    [[ -n ${MODULE:-} && -n ${PROGRAMS:-} ]] || build
    make_work_folder signpath-pkcs11-debian-13
    ROOT=${DEBIAN_13:-$WORK/root}
    if [[ ! -e $ROOT ]]; then
        say "Installing Debian 13 in $ROOT ..."
        # shellcheck disable=SC2016 # expanded by the shell of the hook
        quietly mmdebstrap --variant=apt --include="${PACKAGES[*]}" --customize-hook='chroot "$1" sh -c "$KBUILD"' trixie "$ROOT"
    fi
    mkdir -p "$ROOT/repository" "$ROOT/programs"
    mkdir -p "$WORK/programs"
    cp "$MODULE" "$PROGRAMS/pkcs11-test" "$PROGRAMS/signpath-pkcs11" "$WORK/programs"
    export ROOT WORK
    # The mounts end with their namespace.
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --propagation private bash -euc '
        mount --bind "$PWD" "$ROOT/repository"
        mount --bind "$WORK/programs" "$ROOT/programs"
        mount --bind /dev "$ROOT/dev"
        mount -t proc proc "$ROOT/proc"
        mount -t tmpfs tmpfs "$ROOT/tmp"
        exec chroot "$ROOT" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
            MODULE="/programs/${MODULE##*/}" PROGRAMS=/programs /repository/pkcs11-test/debian-13.sh --inside "$@"
    ' bash "$@"
}

if [[ ${1:-} == --inside ]]; then
    inside "${@:2}"
else
    export MODULE PROGRAMS
    outside "$@"
fi
