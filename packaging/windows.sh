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
Usage: packaging/windows.sh [--ci] [--built] [--folder DIR] [--programs DIR] [--no-tests] [--keep]

Builds the library and the command for Windows and lets them sign under Wine, against the local SignPath service, with and without
TLS. The last line is "N passed, N failed". Installs Wine and the tools it needs. Everything it writes is in a temporary folder.

  --ci              the short part: a build without optimization
  --built           take what is in dist/x86_64-pc-windows-gnullvm instead of building it
  --folder DIR      the same, from DIR
  --programs DIR    take the local SignPath service from DIR instead of building it
  --no-tests        leave out the black-box tests, which take ten minutes to compile
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
    export WINEPREFIX=$WORK/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=d;mshtml=d;bcryptprimitives,ncrypt=n,b"
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
    printf 'int main(int count, char **arguments) { return arguments[1][2] == %s ? 0 : *(volatile int *)0; }' "'v'" >"$WORK/crash.c"
    compile_windows "$WORK/crash.c" -o "$BIN/crash.exe"
    # Wine 8 does not have it.
    compile_windows -shared packaging/windows/bcryptprimitives.c -ladvapi32 -o "$BIN/bcryptprimitives.dll"
    # Wine's does not sign with keys of the certificate store.
    compile_windows -shared packaging/windows/ncrypt.c -ladvapi32 -lbcrypt -o "$BIN/ncrypt.dll"
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
    [[ -n ${WINEPREFIX:-} ]] || return 0
    timeout 60 "$WINE" wineboot --kill &>/dev/null || true
    timeout 60 /usr/lib/wine/wineserver --wait || true
}

# The service with the keys that the first one has made. Arguments: those of start_service.
start_service_again() {
    mkdir "$1"
    cp -r "$WORK/service/state" "$1/"
    start_service "$@"
}

# The log file of Wine's user.
log_file() { find "$WINEPREFIX/drive_c/users" -path '*/SignPathLogs/SignPath.CryptoProviders.Cryptoki.txt'; }

# Arguments: the key. The program also verifies.
client_signs() { run_windows client.exe signpath_pkcs11.dll "$1" | grep '^verified '; }

says_where_it_runs() {
    jq --slurp --exit-status '[.[] | select(.metadata)] | last | .metadata | (.CreatingProcess // .sourceProcess) |
        (.Name // .name) == "client.exe" and (.OperatingSystem // .operatingSystem | .Type // .type) == "Windows"
        and ((.OperatingSystem // .operatingSystem | .Version // .version) | test("^[0-9]+[.][0-9]+[.][0-9]+$"))
        and (.User // .user) == $user and ((.Host // .host) | ascii_downcase) == $host
        and ((.CommandLine // .commandLine) | contains("client.exe signpath_pkcs11.dll demo/"))' \
        --arg user "$(id -un)" --arg host "$(hostname | tr '[:upper:]' '[:lower:]')" "$REQUEST_LOG"
}

# Wine shows an access control list for the user alone as a mode without permissions for others. What it has for the group are
# the user's own permissions without those that umask takes away. Argument: a file; its directory has to be so too.
is_for_the_user_alone() {
    stat --format='%a %n' "$1" "$(dirname "$1")"
    [[ $(stat --format=%a "$1") == 7[05]0 && $(stat --format=%a "$(dirname "$1")") == 7[05]0 ]]
}

default_log_is_for_the_user_alone() {
    local log
    log=$(unset SIGNPATH_LOG_FILE_DIRECTORY && run_windows client.exe signpath_pkcs11.dll demo/p-256 >/dev/null && log_file)
    grep 'POST SigningRequests' "$log"
    is_for_the_user_alone "$log"
}

# Whoever loads the library may have no console, and may start other programs.
opens_no_console_and_leaves_no_handle() { run_windows proof.exe guest signpath_pkcs11.dll demo/p-256; }

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

# The copies stay, and so do the lines, if a program keeps the full log from being renamed.
keeps_the_copies_of_a_log_in_use() {
    local folder=$WORK/held-log log
    log=$folder/SignPath.CryptoProviders.Cryptoki.txt
    mkdir -m 700 "$folder"
    head -c 10500000 /dev/zero | tr '\0' '\n' >"$log"
    echo older >"$log.1"
    chmod 600 "$folder"/*
    SIGNPATH_LOG_FILE_DIRECTORY=Z:$folder SIGNPATH_LOG_FILE_LEVEL=debug run_windows proof.exe hold "Z:$log" signpath_pkcs11.dll 20
    ls -l "$folder"
    [[ $(cat "$log.1") == older && $(grep -ac 'C_GetSlotList(.*CKR_OK' "$log") == 20 ]]
}

# Arguments: what others can write to, what the module says.
others_cannot_write() {
    local folder=$WORK/log-of-others
    rm -rf "$folder"
    mkdir -m 700 "$folder"
    (umask 077 && touch "$folder/SignPath.CryptoProviders.Cryptoki.txt")
    chmod go+w "$folder/$1"
    SIGNPATH_LOG_FILE_DIRECTORY=Z:$folder run_windows client.exe signpath_pkcs11.dll demo/p-256 2>&1 | tee "$WORK/refused"
    grep --fixed-strings "$2" "$WORK/refused"
    grep '^verified ' "$WORK/refused"
    [[ ! -s $folder/SignPath.CryptoProviders.Cryptoki.txt ]]
}

refuses_a_log_that_others_write() {
    others_cannot_write . 'the directory is writable by other users'
    others_cannot_write SignPath.CryptoProviders.Cryptoki.txt 'the log file is writable by other users'
}

reads_an_encrypted_token() {
    local blob
    blob=$(encrypted_token)
    [[ -n $blob ]]
    SIGNPATH_API_TOKEN=encrypted:$blob client_signs demo/p-256
    run_wine reg add 'HKCU\Software\SignPath test' /v Token /d "$blob" /f
    SIGNPATH_API_TOKEN=$REGISTRY_TOKEN client_signs demo/p-256
}

REGISTRY_TOKEN='registry:HKEY_CURRENT_USER\Software\SignPath test\Token'

encrypted_token() { run_windows proof.exe protect "$SIGNPATH_API_TOKEN" | tr -d '\r\n' | xxd -r -p | base64 --wrap 0; }

# The API tokens of the setting Tokens may be encrypted too. The value in the registry is that of the row before.
command_signs_with_several_tokens() {
    local file=$WORK/tokens.json
    jq --null-input --arg encrypted "encrypted:$(encrypted_token)" --arg registry "$REGISTRY_TOKEN" '{Tokens: [{Label: "SignPath"},
        {Label: "Encrypted", ApiToken: $encrypted, SigningPolicySlug: "p-256"}, {Label: "In the registry", ApiToken: $registry}]}' >"$file"
    export SIGNPATH_CONFIG_FILE=Z:$file
    run_windows signpath-pkcs11.exe list --token Encrypted | tee "$WORK/listed"
    grep '^demo/p-256' "$WORK/listed"
    ! grep '^demo/rsa' "$WORK/listed" || return 1
    run_windows signpath-pkcs11.exe sign demo/rsa-3072 --token 'In the registry' --file client.exe --output "Z:$WORK/signature-of-token"
    run_windows signpath-pkcs11.exe certificate demo/rsa-3072 --token 'In the registry' --output "Z:$WORK/certificate-of-token"
    openssl x509 -in "$WORK/certificate-of-token" -noout -pubkey >"$WORK/public-key"
    openssl dgst -sha256 -verify "$WORK/public-key" -signature "$WORK/signature-of-token" "$BIN/client.exe"
}

says_what_is_wrong_with_an_encrypted_token() {
    local value text
    while IFS='|' read -r value text; do
        ! SIGNPATH_API_TOKEN=$value run_windows signpath-pkcs11.exe list &>"$WORK/refused" || return 1
        cat "$WORK/refused"
        grep --fixed-strings "$text" "$WORK/refused"
    done <<'TEXT'
encrypted:AAAA|cannot decrypt ApiToken
encrypted:a token|ApiToken is not valid base64
registry:HKEY_CURRENT_USER\Software\none\Token|cannot read HKEY_CURRENT_USER\Software\none\Token in the registry: no such value; expected HKEY_
registry:HKCR\none|cannot read HKCR\none in the registry: 
TEXT
}

PROXY_KEY='HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Connections'

# Arguments: the proxy as the system has it, what a request to another machine says.
says_through_proxy() {
    local settings
    # A version, a zero, 3 (directly or by a proxy), and three texts: the proxy, exempt hosts, the URL of a script.
    settings=$(printf '460000000000000003000000%02x000000%s%08d%08d' "${#1}" "$(printf %s "$1" | xxd -p -c 256)" 0 0)
    run_wine reg add "$PROXY_KEY" /v DefaultConnectionSettings /t REG_BINARY /d "$settings" /f
    SIGNPATH_API_URL=https://signpath.invalid/Api SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS=1 \
        run_windows signpath-pkcs11.exe list &>"$WORK/proxied" && return 1
    cat "$WORK/proxied"
    grep --fixed-strings "$2" "$WORK/proxied"
}

uses_the_proxy_of_the_system() {
    # Nothing listens on port 9, and this machine itself is never reached through a proxy.
    says_through_proxy 'http=127.0.0.1:9;https=127.0.0.1:9' 127.0.0.1:9
    client_signs demo/p-256
    says_through_proxy 'socks=127.0.0.1:9' 'the proxy settings of the system: SOCKS proxies are not supported'
    run_wine reg delete "$PROXY_KEY" /v DefaultConnectionSettings /f
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

# Paths with backslashes, a colon and blanks, as each program reads them: config(5), StreamTokenizer, sh, pkcs11.conf(5).
command_writes_configurations() {
    local folder=Z:${BIN//\//\\}'\with blank' tool options file expected
    local module=$folder'\signpath_pkcs11.dll'
    mkdir -p "$BIN/with blank"
    cp "$BIN/signpath_pkcs11.dll" "$BIN/with blank/"
    while IFS='|' read -r tool options file expected; do
        # shellcheck disable=SC2086 # the options are words
        run_windows signpath-pkcs11.exe setup $tool $options --module "$module" --directory 'with blank\a b'
        expected=${expected//DOUBLED/"${module//\\/\\\\}"}
        echo "${expected//PLAIN/"$module"}"
        grep --fixed-strings -- "${expected//PLAIN/"$module"}" "$BIN/with blank/a b/$file"
    done <<'TEXT'
openssl-engine||signpath-engine.cnf|MODULE_PATH = "DOUBLED"
openssl-provider||signpath-provider.cnf|pkcs11-module-path = "DOUBLED"
sunpkcs11||signpath-sunpkcs11.cfg|library = "DOUBLED"
p11-kit||signpath.module|module: PLAIN
nss||signpath-nss|-libfile 'PLAIN'
osslsigncode|demo/rsa-3072|signpath-osslsigncode|-pkcs11module 'PLAIN' -pass
TEXT
    # The files name themselves in their comments.
    grep --fixed-strings -- "OPENSSL_CONF='$folder\a b\signpath-engine.cnf'" "$BIN/with blank/a b/signpath-engine.cnf"
    grep --fixed-strings -- "-providerArg '$folder\a b\signpath-sunpkcs11.cfg'" "$BIN/with blank/a b/signpath-sunpkcs11.cfg"
    run_windows signpath-pkcs11.exe setup openssl-engine | grep --fixed-strings 'signpath_pkcs11.dll"'
}

doctor_finds_no_problem() {
    run_windows signpath-pkcs11.exe doctor >"$WORK/doctor" || { cat "$WORK/doctor" && return 1; }
    grep '^ok  *API token' "$WORK/doctor"
    grep '^ok  *module .*signpath_pkcs11.dll can be loaded' "$WORK/doctor"
}

# Of two programs of OpenSC, one has a version, and the other is missing, or crashes.
doctor_says_what_is_wrong_with_a_tool() {
    cp "$BIN/crash.exe" "$BIN/opensc-tool.exe"
    run_windows signpath-pkcs11.exe doctor | tee "$WORK/doctor"
    grep '^-  *pkcs11-tool .*not tested, because there is no pkcs11-tool' "$WORK/doctor"
    cp "$BIN/crash.exe" "$BIN/pkcs11-tool.exe"
    ! run_windows signpath-pkcs11.exe doctor >"$WORK/doctor" || return 1
    rm "$BIN/opensc-tool.exe" "$BIN/pkcs11-tool.exe"
    cat "$WORK/doctor"
    grep 'pkcs11-tool .*cannot load the module (it crashed)' "$WORK/doctor"
}

cache_saves_requests() {
    local before after
    export SIGNPATH_POLICY_CACHE_SECONDS=600
    client_signs demo/p-256
    before=$(wc -l <"$REQUEST_LOG")
    client_signs demo/p-256
    after=$(wc -l <"$REQUEST_LOG")
    ((after == before + 1))
    is_for_the_user_alone "$(find "$WINEPREFIX/drive_c/users" -path '*/Local/signpath-pkcs11/*' ! -path '*/Logs/*' -type f)"
}

loads_again() { (($(run_windows proof.exe reload signpath_pkcs11.dll demo/p-256 3 | grep -c '^verified') == 3)); }

# Threads of 64 KiB, which is the least that Windows reserves.
needs_little_stack() { run_windows proof.exe stack signpath_pkcs11.dll "$1" 65536 | grep '^verified'; }

# Wine's store has the root certificates of this machine, to which one is added in a namespace of its own.
trusts_the_roots_of_the_system() {
    local roots=/etc/ssl/certs/ca-certificates.crt
    unset SIGNPATH_TLS_CA_FILE
    unshare --map-root-user --mount true ||
        { echo "A mount in a namespace of its own is refused here: run this as root, or set the sysctl kernel.unprivileged_userns_clone to 1." && return 1; }
    ! run_windows signpath-pkcs11.exe list &>"$WORK/refused" || return 1
    cat "$WORK/refused"
    grep --fixed-strings 'presented a certificate from an unknown CA' "$WORK/refused"
    cat "$roots" "$STATE/tls-ca.pem" >"$WORK/roots"
    # It reads them once, when it starts.
    end_wine
    # shellcheck disable=SC2016 # the inner shell has these arguments
    unshare --map-root-user --mount sh -c 'mount --bind "$1" "$2" && cd "$3" && exec timeout 120 "$4" client.exe signpath_pkcs11.dll demo/p-256' \
        sh "$WORK/roots" "$roots" "$BIN" "$WINE" </dev/null | grep '^verified '
}

# The service demands one. Its authority has issued it for a key in Wine's store of personal certificates, first those of the user,
# then those of the machine.
signs_with_a_client_certificate_of_the_stores() {
    local folder=$WORK/client-certificate digest store root
    mkdir "$folder"
    printf 'extendedKeyUsage = clientAuth\n' >"$folder/extensions"
    openssl req -new -newkey rsa:2048 -nodes -subj '/CN=build agent' -keyout "$folder/key.pem" -out "$folder/request.pem"
    openssl x509 -req -in "$folder/request.pem" -CA "$STATE/tls-ca.pem" -CAkey "$STATE/tls-ca-key.pem" -days 2 -extfile "$folder/extensions" \
        -out "$folder/certificate.pem"
    openssl pkcs12 -export -in "$folder/certificate.pem" -inkey "$folder/key.pem" -passout pass:secret -out "$folder/both.p12"
    digest=$(openssl x509 -in "$folder/certificate.pem" -noout -fingerprint -sha1 | cut -d = -f 2)
    ! run_windows signpath-pkcs11.exe list &>"$WORK/refused" || return 1
    cat "$WORK/refused"
    grep --fixed-strings 'rejected the client certificate, or requires one' "$WORK/refused"
    export SIGNPATH_TLS_CLIENT_CERTIFICATE=thumbprint:$digest
    for store in user machine; do
        ! run_windows signpath-pkcs11.exe list &>"$WORK/refused" || return 1
        cat "$WORK/refused"
        grep --fixed-strings "no certificate in the user's or the machine's personal store has it" "$WORK/refused"
        run_windows proof.exe import "$store" "Z:$folder/both.p12" secret
        client_signs demo/p-256
        SIGNPATH_TLS_CLIENT_CERTIFICATE=thumbprint:$(tr -d : <<<"${digest,,}") client_signs demo/p-256
        root=HKCU
        [[ $store == user ]] || root=HKLM
        run_wine reg delete "$root\Software\Microsoft\SystemCertificates\My\Certificates" /f
    done
}

# The library and the command, signed by osslsigncode with the library for this machine.
library_signs_itself() {
    local module file key=demo/rsa-3072
    module=$(pkcs11-test/lib/module.sh)
    mkdir "$BIN/signed"
    cp "$BIN/signpath_pkcs11.dll" "$BIN/signpath-pkcs11.exe" "$BIN/signed/"
    authenticode "$module" "$key" "$BIN"/signed/*
    for file in "$BIN"/signed/*; do
        osslsigncode verify -CAfile "$STATE/code-signing-ca.pem" -in "$file"
        # Another byte in the code.
        cp "$file" "$WORK/changed"
        printf '\377' | dd of="$WORK/changed" bs=1 seek=5000 conv=notrunc status=none
        ! osslsigncode verify -CAfile "$STATE/code-signing-ca.pem" -in "$WORK/changed" || return 1
    done
    run_windows client.exe 'signed\signpath_pkcs11.dll' demo/p-256 | grep '^verified '
    run_windows 'signed\signpath-pkcs11.exe' list | grep "^$key"
}

# A library that the same tools built catches a panic.
panic_is_caught() {
    # shellcheck disable=SC2034 # compile_with_zig uses them
    local -a cargo_zigbuild std maps
    local RUST_SOURCES RUST_BIN
    choose_toolchain "$WINDOWS_TARGET"
    (cd packaging/panic && compile_with_zig "$WINDOWS_TARGET" zigbuild --target-dir "$TARGET_FOLDER")
    cp "$TARGET_FOLDER/$WINDOWS_TARGET/dist/panic.dll" "$BIN/"
    run_windows proof.exe catches panic.dll
}

# The black-box tests that read nothing of Linux, make no fork, and load the library only themselves.
BLACK_BOX_TESTS=(cancellation chain configuration credentials journal mechanisms ml_dsa objects operations policies policy_cache
    robustness sessions signing signing_api tokens traffic verification)
# Java for Windows is needed for the first; the second expects the name and the version of Linux, and a row above does the same here.
SKIPPED_TESTS=(jarsigner_writes_the_whole_chain the_metadata_names_process_user_host_and_system)

# Builds them. They find their folder by the path that is compiled in, on Wine's drive Z.
build_black_box_tests() {
    say "Building the black-box tests for $WINDOWS_TARGET ..."
    local program
    for program in openssl certtool sha256sum; do
        compile_windows packaging/windows/linux.c -o "$BIN/$program.exe"
    done
    local -a cargo_zigbuild std maps
    local RUST_SOURCES RUST_BIN
    choose_toolchain "$WINDOWS_TARGET"
    CARGO_PROFILE_DEV_DEBUG=none "${cargo_zigbuild[@]}" test --no-run --locked --quiet "${std[@]}" --target "$WINDOWS_TARGET" \
        --target-dir "$TARGET_FOLDER" --package signpath-pkcs11 "${BLACK_BOX_TESTS[@]/#/--test=}" --message-format json >"$WORK/tests"
}

# Argument: the test program.
passes_black_box_tests() {
    cp "$(jq --raw-output --arg name "$1" 'select(.target.name == $name).executable // empty' "$WORK/tests")" "$BIN/$1.exe"
    SIGNPATH_TEST_MODULE=Z:$BIN/signpath_pkcs11.dll run_windows "$1.exe" "${SKIPPED_TESTS[@]/#/--skip=}" | tee "$WORK/tested"
    grep '^test result: ok. [1-9]' "$WORK/tested"
}

# The service ends while a session is open, and comes back at the same address.
survives_a_service_that_goes_away() {
    local address=${SIGNPATH_API_URL#*//}
    address=${address%%/*}
    mkfifo "$WORK/lines"
    # This shell is that of the row.
    trap 'kill "${client:-}" "${service:-}" 2>/dev/null || true' EXIT
    (cd "$BIN" && SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS=60 exec timeout 120 "$WINE" client.exe signpath_pkcs11.dll demo/p-256) \
        <"$WORK/lines" >"$WORK/client-output" 2>&1 &
    client=$!
    exec 8>"$WORK/lines"
    wait_for_lines 1
    # Another shell has started it.
    kill "$SERVICE_PID"
    while kill -0 "$SERVICE_PID" 2>/dev/null; do sleep 0.1; done
    echo >&8
    "$PROGRAMS/pkcs11-test" serve --listen "$address" --policies "$POLICIES" --state "$STATE" --log "$REQUEST_LOG" >/dev/null </dev/null 8>&- &
    service=$!
    wait_for_lines 2
    exec 8>&-
    wait "$client"
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
    local test
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
            --no-tests) BLACK_BOX_TESTS=() ;;
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
        "osslsigncode osslsigncode" "gnutls-bin certtool" "libengine-pkcs11-openssl /usr/lib/*/engines-3/pkcs11.so"
        "libp11-kit-dev /usr/include/p11-kit-1/p11-kit/pkcs11.h")
    install_requirements
    install_tools
    make_work_folder signpath-pkcs11-windows
    # Wine still writes to its folder.
    trap 'end_wine; clean_up' EXIT
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
    prove "opens no console, and leaves no handle that a child would inherit" opens_no_console_and_leaves_no_handle
    prove "several processes share a log and rotate it" processes_share_a_log
    prove "keeps the copies of a log that a program has open" keeps_the_copies_of_a_log_in_use
    prove "does not use a log that others can write to" refuses_a_log_that_others_write
    prove "encrypted: and registry: API tokens" reads_an_encrypted_token
    prove "says why an encrypted API token is unusable" says_what_is_wrong_with_an_encrypted_token
    prove "several tokens, with encrypted: and registry: API tokens" command_signs_with_several_tokens
    prove "uses the proxy settings of the system" uses_the_proxy_of_the_system
    prove "the cached list of signing policies saves a request" cache_saves_requests
    prove "the command lists, exports and signs" command_lists_and_signs
    prove "the command writes configurations with paths of Windows" command_writes_configurations
    prove "doctor finds no problem" doctor_finds_no_problem
    prove "doctor tells that a tool crashes" doctor_says_what_is_wrong_with_a_tool
    prove "unloads and loads again" loads_again
    [[ $CI == yes ]] || prove "signs in a thread with a stack of 64 KiB" needs_little_stack demo/p-256
    prove "osslsigncode signs library and command with the module" library_signs_itself
    prove "a service that goes away and comes back" survives_a_service_that_goes_away
    stop_service
    start_service_again "$WORK/service-tls" --tls
    prove "signs and verifies over TLS" client_signs demo/rsa-3072
    [[ $CI == yes ]] || prove "signs over TLS in a thread with a stack of 64 KiB" needs_little_stack demo/rsa-3072
    prove "trusts the root certificates of the system" trusts_the_roots_of_the_system
    stop_service
    start_service_again "$WORK/service-client" --tls --client-certificate
    prove "signs with a client certificate of the user's and the machine's store" signs_with_a_client_certificate_of_the_stores
    stop_service
    if [[ $CI == no ]]; then
        prove "a panic is caught" panic_is_caught
        ((${#BLACK_BOX_TESTS[@]} == 0)) || build_black_box_tests
        for test in "${BLACK_BOX_TESTS[@]}"; do
            prove "black-box tests: $test" passes_black_box_tests "$test"
        done
    fi
    end_wine
    conclude
}

main "$@"
