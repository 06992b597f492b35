#!/usr/bin/env bash
# Runs the rows of gpg, and of what signs with gpg, on Debian 13, whose gpg 2.4 talks to its smart card daemon in another way. The
# programs and the module are built here, and run in a temporary Debian 13. Needs root, mmdebstrap and the internet.
#
# Usage: debian-13.sh [ROW ...]

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh
. pkcs11-test/lib/rows.sh
. pkcs11-test/lib/scenarios.sh

ROWS=(gpg gpg-stand-in gpg-imported gpg-imported-pin rpmsign rpmsign-imported debsigs debsigs-imported git-imported apt-imported
    refused-gpg)
PACKAGES=apt,ca-certificates,debsigs,git,gnupg,gnupg-pkcs11-scd,gpgv,jq,openssl,procps,rpm,sqv

# Runs in Debian 13, with this repository in /repository. Arguments: the rows.
inside() {
    local name
    local -a rows=()
    make_work_folder signpath-pkcs11-debian-13
    say "$(gpg --version | head -n 1), $(gnupg-pkcs11-scd --version | head -n 1), $(rpm --version)"
    start_service "$WORK/service" --key-store software
    INPUTS=$WORK/inputs
    mkdir "$INPUTS"
    head -c 100000 /dev/urandom >"$INPUTS/long"
    head -c 1024 "$INPUTS/long" >"$INPUTS/short"
    for name in "$@"; do
        rows+=("$(find_row "$name")") || die "There is no row $name."
    done
    run_rows "${rows[@]}"
    print_failures
    say "$PASSED of $((PASSED + FAILED)) rows verified."
    ((FAILED == 0))
}

outside() {
    ((EUID == 0)) || die "This needs root, for a chroot."
    command -v mmdebstrap >/dev/null || die "Install mmdebstrap."
    [[ -n ${MODULE:-} && -n ${PROGRAMS:-} ]] || build
    make_work_folder signpath-pkcs11-debian-13
    ROOT=${DEBIAN_13:-$WORK/root}
    if [[ ! -e $ROOT ]]; then
        say "Installing Debian 13 in a temporary directory ..."
        quietly mmdebstrap --variant=apt --include="$PACKAGES" trixie "$ROOT"
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
    (($#)) || set -- "${ROWS[@]}"
    export MODULE PROGRAMS
    outside "$@"
fi
