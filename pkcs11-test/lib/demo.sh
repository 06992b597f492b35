# shellcheck shell=bash
# The command `pkcs11-test demo`: starts a service and runs rows against it, with a line for each row and a table at the end. Sourced
# with the repository as the working folder. MODULE is the library, and PROGRAMS the folder of the service.

# shellcheck source-path=SCRIPTDIR/../..
set -euo pipefail

. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh
. pkcs11-test/lib/rows.sh
. pkcs11-test/lib/scenarios.sh

main() {
    local -a names=() options=() missing=()
    KEEP=no
    while (($#)); do
        case $1 in
            --list)
                list_rows "${DEMO_ROWS[@]}" "${TOOL_ROWS[@]}"
                exit
                ;;
            --keep) KEEP=yes ;;
            --open) options+=(--open) ;;
            *) names+=("$1") ;;
        esac
        shift
    done
    choose_rows "${names[@]}"
    read -r -d '' -a missing < <(missing_packages) || true
    ((${#missing[@]} == 0)) ||
        die "Some tools are missing. Install them: apt-get install --no-install-recommends ${missing[*]}"

    make_work_folder signpath-pkcs11-demo
    say "Starting the service ..."
    start_service "$WORK/service" --key-store softhsm --tls "${options[@]}"
    say "Its page, until the demo ends: $(sed -n 's/^# //p' "$WORK/service/env")"
    prepare_inputs "$WORK/inputs"
    say "Signing ..."
    run_rows "${ROWS[@]}"
    print_table
    print_failures
    say
    say "$PASSED of $((PASSED + FAILED)) rows verified."
    ((FAILED == 0))
}

main "$@"
