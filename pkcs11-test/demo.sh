#!/usr/bin/env bash
# Signs files with real tools through the module, against a local SignPath service. Another program verifies each signature. See --help.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
# Tools must start with the default SIGPIPE, which a shell that inherits it ignored cannot restore.
[[ -z $(trap -p PIPE) ]] || exec env --default-signal=PIPE "$BASH" "$0" "$@"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh
. pkcs11-test/lib/rows.sh
. pkcs11-test/lib/scenarios.sh

usage() {
    cat <<'TEXT'
Usage: pkcs11-test/demo.sh [--keep] [--all | NAME ...]
       pkcs11-test/demo.sh --list | --help

Installs what is missing (Debian, with apt), builds the module and a local SignPath service, and signs files with openssl,
osslsigncode, jarsigner, pkcs11-tool and gpg through the module. Each signature is verified by a program that is not part of
this project, with the certificate that the service issued. The service keeps its keys in SoftHSM and speaks TLS.

  NAME     run these rows only
  --all    run the rows of further tools too: GnuTLS, NSS, OpenSSH, p11-kit, Python, nginx and others
  --list   show all rows, those of the demo first
  --keep   leave the temporary folder with the service's state and log and the signed files

The exit status is 0 if every row was verified.
TEXT
}

main() {
    local -a rows=()
    local row
    KEEP=no
    while (($#)); do
        case $1 in
            --help | -h)
                usage
                exit
                ;;
            --list)
                list_rows "${DEMO_ROWS[@]}" "${TOOL_ROWS[@]}"
                exit
                ;;
            --keep) KEEP=yes ;;
            --all) rows=("${DEMO_ROWS[@]}" "${TOOL_ROWS[@]}") ;;
            -*) die "There is no option $1. See --help." ;;
            *)
                row=$(find_row "$1") || die "There is no row $1. See --list."
                rows+=("$row")
                ;;
        esac
        shift
    done

    ((${#rows[@]})) || rows=("${DEMO_ROWS[@]}")
    for row in "${rows[@]}"; do
        if [[ " ${TOOL_ROWS[*]} " == *" $row "* ]]; then
            REQUIREMENTS+=("${TOOL_REQUIREMENTS[@]}")
            break
        fi
    done

    make_work_folder signpath-pkcs11-demo
    install_requirements
    build
    say "Starting the service ..."
    start_service "$WORK/service" --key-store softhsm --tls
    prepare_inputs "$WORK/inputs"
    say "Signing ..."
    run_rows "${rows[@]}"
    print_table
    print_failures
    say
    say "$PASSED of $((PASSED + FAILED)) rows verified."
    ((FAILED == 0))
}

main "$@"
