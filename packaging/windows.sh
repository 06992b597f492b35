#!/usr/bin/env bash
# Shows under Wine that the library and the command for Windows work. See --help.

# shellcheck source-path=SCRIPTDIR/..
# shellcheck disable=SC2317 # prove runs functions by their names
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. packaging/lib/tools.sh
. packaging/lib/compile.sh
. packaging/lib/checks.sh
. packaging/lib/windows.sh
. packaging/lib/count.sh

usage() {
    cat <<'TEXT'
Usage: packaging/windows.sh [--ci] [--built] [--folder DIR] [--programs DIR] [--keep]

Builds the library and the command for Windows and lets them sign under Wine, against the local SignPath service, with and without
TLS. The last line is "N passed, N failed". Installs Wine and the tools it needs. Everything it writes is in a temporary folder.

  --ci              the short part: a build without optimization
  --built           take what is in dist/x86_64-pc-windows-gnullvm instead of building it
  --folder DIR      the same, from DIR
  --programs DIR    take the local SignPath service from DIR instead of building it
  --keep            leave the temporary folder
TEXT
}

# Runs a program of the folder `bin` there. Arguments: the program, its arguments.
run_windows() { (cd "$BIN" && exec timeout 120 "$WINE" "$@" </dev/null); }

# A program of Wine itself.
run_wine() { (cd "$BIN" && exec timeout 120 "$WINE" "$@" </dev/null &>/dev/null); }

# Makes Wine's folder, which stands for a Windows machine with one user.
make_wine() {
    WINE=$(command -v wine64 || command -v wine || echo /usr/lib/wine/wine64)
    export WINEPREFIX=$WORK/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=d;mshtml=d;bcryptprimitives=n,b"
    # Nothing is shown, and nothing is found that a test does not set.
    unset DISPLAY "${!SIGNPATH_@}" http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
    say "Starting Wine ..."
    timeout 300 "$WINE" wineboot --init &>"$WORK/wineboot" || die "Wine did not start: $(tail -n 3 "$WORK/wineboot")"
}

# Arguments: the sources, the program or library.
compile_windows() { quietly "$ZIG/zig" cc -target x86_64-windows-gnu -O2 -s -Iinclude -idirafter "$WORK/include" "$@"; }

build_test_programs() {
    compile_windows tests/header/sign.c -o "$BIN/client.exe"
    compile_windows packaging/windows/proof.c -lcrypt32 -o "$BIN/proof.exe"
    # Wine 8 does not have it.
    compile_windows -shared packaging/windows/bcryptprimitives.c -ladvapi32 -o "$BIN/bcryptprimitives.dll"
    rm -f "$BIN"/*.pdb "$BIN"/*.lib
}

# Sets FOLDER, where the library and the command are.
build_files() {
    [[ -z $FOLDER ]] || return 0
    if [[ $CI == no ]]; then
        packaging/build.sh "$WINDOWS_TARGET"
        FOLDER=$PWD/dist/$WINDOWS_TARGET
        return
    fi
    say "Building for $WINDOWS_TARGET without optimization ..."
    local -a cargo_zigbuild std maps cargo
    local RUST_SOURCES RUST_BIN
    choose_toolchain "$WINDOWS_TARGET"
    cargo=("${cargo_zigbuild[@]}" rustc --locked --quiet "${std[@]}" --target "$WINDOWS_TARGET" --target-dir "$TARGET_FOLDER")
    export CARGO_PROFILE_DEV_DEBUG=none
    "${cargo[@]}" --package signpath-pkcs11 --lib -- "-Clink-arg=$PWD/packaging/windows/exports.def"
    "${cargo[@]}" --package signpath-pkcs11-cli --bin signpath-pkcs11
    FOLDER=$TARGET_FOLDER/$WINDOWS_TARGET/debug
}

end_wine() {
    timeout 60 "$WINE" wineboot --kill &>/dev/null || true
    timeout 60 /usr/lib/wine/wineserver --wait || true
}

# The log file of Wine's user.
log_file() { find "$WINEPREFIX/drive_c/users" -path '*/SignPathLogs/SignPath.CryptoProviders.Cryptoki.txt'; }

# Arguments: the key. The program also verifies.
client_signs() { run_windows client.exe signpath_pkcs11.dll "$1" | grep '^verified '; }

says_where_it_runs() {
    jq --slurp --exit-status '[.[] | select(.metadata)] | last | .metadata | (.CreatingProcess // .sourceProcess) |
        (.Name // .name) == "client.exe" and (.OperatingSystem // .operatingSystem | .Type // .type) == "Windows"
        and ((.CommandLine // .commandLine) | contains("client.exe signpath_pkcs11.dll demo/"))' "$REQUEST_LOG"
}

default_log_is_for_the_user_alone() {
    local log
    log=$(unset SIGNPATH_LOG_FILE_DIRECTORY && run_windows client.exe signpath_pkcs11.dll demo/p-256 >/dev/null && log_file)
    grep 'POST SigningRequests' "$log"
    # Wine shows an access control list for the user alone as a mode without permissions for others.
    [[ $(stat --format=%a "$log") == ??0 && $(stat --format=%a "$(dirname "$log")") == ??0 ]]
}

# Several processes write the same log, which is full after a few lines. No line is lost, and none is mixed with another.
processes_share_a_log() {
    local folder=$WORK/shared-log pid writers=4 lines=300
    local -a pids=()
    mkdir -m 700 "$folder"
    head -c 10480000 /dev/zero | tr '\0' '\n' >"$folder/SignPath.CryptoProviders.Cryptoki.txt"
    chmod 600 "$folder"/*
    for ((pid = 0; pid < writers; pid++)); do
        SIGNPATH_LOG_FILE_DIRECTORY=Z:$folder SIGNPATH_LOG_FILE_LEVEL=debug run_windows proof.exe append signpath_pkcs11.dll "$lines" &
        pids+=($!)
    done
    wait "${pids[@]}"
    [[ -e $folder/SignPath.CryptoProviders.Cryptoki.txt.1 ]]
    cat "$folder"/* | grep -a 'C_GetSlotList(.*CKR_OK' | grep -oaE '\[[0-9]+\.[0-9]+\]' | sort | uniq -c | awk '{ n++ } $1 > 1 { d++ } END { print n, d + 0 }' >"$WORK/counted"
    cat "$WORK/counted"
    [[ $(cat "$WORK/counted") == "$((writers * lines)) 0" ]]
}

reads_an_encrypted_token() {
    local blob
    blob=$(run_windows proof.exe protect "$SIGNPATH_API_TOKEN" | tr -d '\r\n' | xxd -r -p | base64 --wrap 0)
    [[ -n $blob ]]
    SIGNPATH_API_TOKEN=encrypted:$blob client_signs demo/p-256
    run_wine reg add 'HKCU\Software\SignPath test' /v Token /d "$blob" /f
    SIGNPATH_API_TOKEN='registry:HKEY_CURRENT_USER\Software\SignPath test\Token' client_signs demo/p-256
}

says_what_is_wrong_with_an_encrypted_token() {
    local value text
    while IFS='|' read -r value text; do
        ! SIGNPATH_API_TOKEN=$value run_windows signpath-pkcs11.exe list &>"$WORK/refused" || return 1
        cat "$WORK/refused"
        grep --fixed-strings "$text" "$WORK/refused"
    done <<'TEXT'
encrypted:AAAA|cannot decrypt ApiToken
encrypted:a token|ApiToken is not base64
registry:HKEY_CURRENT_USER\Software\none\Token|cannot read HKEY_CURRENT_USER\Software\none\Token in the registry: no such file
TEXT
}

uses_the_proxy_of_the_system() {
    local key='HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections'
    local proxy='http=127.0.0.1:9;https=127.0.0.1:9' settings
    # A version, a zero, 3 (directly or by a proxy), and three texts: the proxy, exempt hosts, the URL of a script.
    settings=$(printf '460000000000000003000000%02x000000%s%08d%08d' "${#proxy}" "$(printf %s "$proxy" | xxd -p -c 256)" 0 0)
    run_wine reg add "$key" /v DefaultConnectionSettings /t REG_BINARY /d "$settings" /f
    # Nothing listens on port 9, and this machine itself is never reached through a proxy.
    SIGNPATH_API_URL=https://signpath.invalid/Api SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS=1 \
        run_windows signpath-pkcs11.exe list &>"$WORK/proxied" && return 1
    cat "$WORK/proxied"
    grep --fixed-strings 127.0.0.1:9 "$WORK/proxied"
    client_signs demo/p-256
    run_wine reg delete "$key" /v DefaultConnectionSettings /f
}

command_lists_and_signs() {
    local folder="$BIN/with blank"
    mkdir -p "$folder"
    run_windows signpath-pkcs11.exe list | grep '^demo/rsa-3072'
    run_windows signpath-pkcs11.exe certificate demo/rsa-3072 --output 'with blank\certificate.pem'
    openssl x509 -in "$folder/certificate.pem" -noout -pubkey >"$WORK/public-key"
    run_windows signpath-pkcs11.exe sign demo/rsa-3072 --file client.exe --output 'with blank\signature'
    openssl dgst -sha256 -verify "$WORK/public-key" -signature "$folder/signature" "$BIN/client.exe"
    ! run_windows signpath-pkcs11.exe sign demo/rsa-3072 --file client.exe --output '.\CLIENT.exe' || return 1
}

command_writes_configurations() {
    run_windows signpath-pkcs11.exe setup sunpkcs11 --directory 'with blank\java'
    grep 'library = "Z:\\\\.*\\\\signpath_pkcs11.dll"' "$BIN/with blank/java/signpath-sunpkcs11.cfg"
    run_windows signpath-pkcs11.exe setup openssl-engine | grep 'signpath_pkcs11.dll'
}

doctor_finds_no_problem() {
    run_windows signpath-pkcs11.exe doctor >"$WORK/doctor" || { cat "$WORK/doctor" && return 1; }
    grep '^ok  *API token' "$WORK/doctor"
    grep '^ok  *module .*signpath_pkcs11.dll can be loaded' "$WORK/doctor"
}

cache_saves_requests() {
    local before after
    export SIGNPATH_POLICY_CACHE_SECONDS=600
    client_signs demo/p-256
    before=$(wc -l <"$REQUEST_LOG")
    client_signs demo/p-256
    after=$(wc -l <"$REQUEST_LOG")
    ((after == before + 1))
}

loads_again() { (($(run_windows proof.exe reload signpath_pkcs11.dll demo/p-256 3 | grep -c '^verified') == 3)); }

# Threads of 64 KiB, which is the least that Windows reserves.
needs_little_stack() { run_windows proof.exe stack signpath_pkcs11.dll "$1" 65536 | grep '^verified'; }

# Wine's store has the root certificates of this machine, to which one is added in a namespace of its own.
trusts_the_roots_of_the_system() {
    local roots=/etc/ssl/certs/ca-certificates.crt
    unset SIGNPATH_TLS_CA_FILE
    ! client_signs demo/p-256 || return 1
    cat "$roots" "$STATE/tls-ca.pem" >"$WORK/roots"
    # It reads them once, when it starts.
    end_wine
    # shellcheck disable=SC2016 # the inner shell has these arguments
    unshare --map-root-user --mount sh -c 'mount --bind "$1" "$2" && cd "$3" && exec timeout 120 "$4" client.exe signpath_pkcs11.dll demo/p-256' \
        sh "$WORK/roots" "$roots" "$BIN" "$WINE" </dev/null | grep '^verified '
}

# The service ends while a session is open, and comes back at the same address.
survives_a_service_that_goes_away() {
    local address=${SIGNPATH_API_URL#*//}
    address=${address%%/*}
    mkfifo "$WORK/lines"
    (cd "$BIN" && SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS=60 exec timeout 120 "$WINE" client.exe signpath_pkcs11.dll demo/p-256) \
        <"$WORK/lines" >"$WORK/client-output" 2>&1 &
    local client=$!
    exec 8>"$WORK/lines"
    wait_for_lines 1
    # Another shell has started it.
    kill "$SERVICE_PID"
    while kill -0 "$SERVICE_PID" 2>/dev/null; do sleep 0.1; done
    echo >&8
    "$PROGRAMS/pkcs11-test" serve --listen "$address" --policies "$POLICIES" --state "$STATE" --log "$REQUEST_LOG" >/dev/null </dev/null 8>&- &
    local service=$!
    wait_for_lines 2
    exec 8>&-
    wait "$client"
    kill "$service"
}

# Waits until the client has signed that often. Argument: the number.
wait_for_lines() {
    local deadline=$((SECONDS + 60))
    until (($(grep -c '^verified' "$WORK/client-output" || true) >= $1)); do
        ((SECONDS < deadline)) || { cat "$WORK/client-output" && return 1; }
        sleep 0.1
    done
}

main() {
    FOLDER=
    CI=no
    while (($#)); do
        case $1 in
            --help | -h)
                usage
                exit
                ;;
            --ci) CI=yes ;;
            --built) FOLDER=$PWD/dist/$WINDOWS_TARGET ;;
            --keep) KEEP=yes ;;
            --folder | --programs)
                (($# > 1)) || die "$1 needs a folder. See --help."
                [[ $1 == --folder ]] && FOLDER=$(realpath "$2") || PROGRAMS=$(realpath "$2")
                shift
                ;;
            *) die "There is no option $1. See --help." ;;
        esac
        shift
    done
    REQUIREMENTS=("git git" "jq jq" "python3-venv python3" "binutils objcopy" "openssl openssl" "xxd xxd" "wine64 /usr/lib/wine/wine64"
        "libp11-kit-dev /usr/include/p11-kit-1/p11-kit/pkcs11.h")
    install_requirements
    install_tools
    make_work_folder signpath-pkcs11-windows
    build_files
    BIN=$WORK/bin
    mkdir "$BIN" "$WORK/include"
    cp -r /usr/include/p11-kit-1/p11-kit "$WORK/include/"
    cp "$FOLDER/signpath_pkcs11.dll" "$FOLDER/signpath-pkcs11.exe" "$BIN/"
    build_test_programs
    make_wine
    build_service

    prove "exports the functions of PKCS #11 and nothing else" exports_are_those_of_pkcs11 "$BIN/signpath_pkcs11.dll"
    start_service "$WORK/service"
    prove "signs and verifies over http, RSA" client_signs demo/rsa-3072
    prove "signs and verifies over http, EC" client_signs demo/p-256
    prove "tells SignPath about program, command line and system" says_where_it_runs
    prove "the log is in %TEMP%\\SignPathLogs, for the user alone" default_log_is_for_the_user_alone
    prove "several processes share a log and rotate it" processes_share_a_log
    prove "encrypted: and registry: API tokens" reads_an_encrypted_token
    prove "says why an encrypted API token is unusable" says_what_is_wrong_with_an_encrypted_token
    prove "uses the proxy settings of the system" uses_the_proxy_of_the_system
    prove "the cached list of signing policies saves a request" cache_saves_requests
    prove "the command lists, exports and signs" command_lists_and_signs
    prove "the command writes configurations" command_writes_configurations
    prove "doctor finds no problem" doctor_finds_no_problem
    prove "unloads and loads again" loads_again
    [[ $CI == yes ]] || prove "signs in a thread with a stack of 64 KiB" needs_little_stack demo/p-256
    prove "a service that goes away and comes back" survives_a_service_that_goes_away
    stop_service
    start_service "$WORK/service-tls" --tls
    prove "signs and verifies over TLS" client_signs demo/rsa-3072
    [[ $CI == yes ]] || prove "signs over TLS in a thread with a stack of 64 KiB" needs_little_stack demo/rsa-3072
    prove "trusts the root certificates of the system" trusts_the_roots_of_the_system
    stop_service
    end_wine
    conclude
}

main "$@"
