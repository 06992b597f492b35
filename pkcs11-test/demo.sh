#!/usr/bin/env bash
# Installs and builds what `pkcs11-test demo` needs, and runs it. See --help.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
# Tools must start with the default SIGPIPE, which a shell that inherits it ignored cannot restore.
[[ -z $(trap -p PIPE) ]] || exec env --default-signal=PIPE "$BASH" "$0" "$@"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/rows.sh
. pkcs11-test/lib/scenarios.sh

usage() {
    cat <<'TEXT'
Usage: pkcs11-test/demo.sh [--all | ROW ...] [--keep] [--open]
       pkcs11-test/demo.sh --list | --help

Installs what is missing (Debian, with apt), builds the module, the command line and a local SignPath service, and runs
`pkcs11-test demo`: openssl, osslsigncode, jarsigner, pkcs11-tool and gpg sign files through the module, and other programs verify
the signatures.

  ROW      run these rows only
  --all    run the rows of further tools too
  --list   show all rows, those of the demo first
  --keep   leave the temporary folder with the service's state and log and the signed files
  --open   open the page of the service in a browser
TEXT
}

main() {
    local argument
    local -a names=()
    for argument in "$@"; do
        case $argument in
            --help | -h)
                usage
                exit
                ;;
            --list)
                list_rows "${DEMO_ROWS[@]}" "${TOOL_ROWS[@]}"
                exit
                ;;
            --all) names+=(--all) ;;
            --keep | --open) ;;
            -*) die "There is no option $argument. See --help." ;;
            *) names+=("$argument") ;;
        esac
    done
    choose_rows "${names[@]}"
    install_requirements
    build
    exec "$PROGRAMS/pkcs11-test" demo --module "$MODULE" "$@"
}

main "$@"
