# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# Runs rows of scenarios.sh against the service that is running, and shows them as a table.

shopt -s extglob

TOOL_SECONDS=120
RESULTS=()  # "tool|key|mechanism|requests|result" of each row that was run
FAILURES=() # for each row that failed: its name, the reason, and the last lines that its tools wrote
PASSED=0
FAILED=0

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
    GREEN='' RED='' PLAIN=''
fi

# Ends a row. Only inside a row.
fail() {
    printf '%s\n' "$*" >reason
    exit 1
}

# Runs a program, which must end with status 0.
run() {
    local status=0
    timeout --foreground --kill-after=10 "$TOOL_SECONDS" "$@" || status=$?
    exit_status_is 0 "$status" "$1"
}

# Arguments: the expected status, the actual status, the name of the program.
exit_status_is() {
    if (($2 == 124)); then
        fail "$3 did not finish within $TOOL_SECONDS seconds"
    elif (($2 > 128 && $2 <= 192)); then
        fail "$3 was killed by SIG$(kill -l $(($2 - 128))) (status $2)"
    elif (($2 != $1)); then
        fail "$3 exited with status $2"
    fi
}

# Declares what the service will notice of a row, in addition to earlier declarations. Only inside a row.
# Arguments: "signatures", "processes" that ask the service, requests that it refuses ("refusals"), or requests that are for
# neither the list nor a signature ("others"); how many.
expect() { echo "$2" >>"expected-$1"; }

# Allows the module to log warnings and errors. Only inside a row.
may_complain() { touch complaints; }

# Prints how many are expected. Arguments: the row's folder, what, the number if the row declares none.
expected() {
    if [[ -e $1/expected-$2 ]]; then
        echo $(($(paste -sd+ "$1/expected-$2")))
    else
        echo "$3"
    fi
}

# Runs a tool that must make exactly COUNT signing requests, or at least one for "some".
signs() {
    local count=$1 before posts
    shift
    before=$(request_count)
    run "$@"
    read -r _ posts _ < <(count_requests "$before")
    if [[ $count == some ]]; then
        ((posts > 0)) || fail "$1 made no signing request"
    else
        ((posts == count)) || fail "$1 made $posts signing requests instead of $count"
    fi
    expect signatures "$posts"
}

# Whether what a tool wrote into the file "said" has lines that match an extended regular expression.
# Arguments: how many, or "some"; the expression.
says() {
    local count
    count=$(grep -cE -- "$2" said) || true
    if [[ $1 == some ]]; then
        ((count > 0)) || fail "the output has nothing like \"$2\""
    else
        ((count == $1)) || fail "the output has $count lines like \"$2\" instead of $1"
    fi
}

# Runs one row in its own folder and adds its result. Argument: the row.
run_row() {
    local name tool key mechanism command status=0 before started=$EPOCHREALTIME
    IFS='|' read -r name tool key mechanism command <<<"${1//*( )|*( )/|}"
    local folder=$WORK/rows/$name
    rm -rf "$folder"
    mkdir -p "$folder"
    before=$(request_count)
    printf '%-20s ' "$name"

    # Without `set +e` a failing row would end the script; inside, `set -e` ends the row at the first failure.
    set +e
    (
        set -e
        cd "$folder"
        export SIGNPATH_LOG_FILE_DIRECTORY=$folder/logs
        use_key "$key"
        # shellcheck disable=SC2086 # the command is a function and its arguments
        $command
    ) >"$folder/output" 2>&1 </dev/null
    status=$?
    set -e

    local lists posts others errors connections signatures processes refusals unlike complaint reason=''
    read -r lists posts others errors connections < <(count_requests "$before")
    signatures=$(expected "$folder" signatures 0)
    processes=$(expected "$folder" processes 1)
    refusals=$(expected "$folder" refusals 0)
    unlike=$(expected "$folder" others 0)
    if ((status)); then
        reason=$(cat "$folder/reason" 2>/dev/null || echo "a command exited with status $status")
    elif ((others != unlike || errors != refusals)); then
        reason="$others requests besides those for the list and for signing, $errors answered with an error"
    elif ((posts != signatures)); then
        reason="$posts signing requests in all, some of them not from the signing tool"
    elif ((lists - refusals > processes)); then
        reason="$processes processes requested the list of signing policies $lists times"
    elif ((connections < processes || connections > processes + refusals)); then
        # The module closes a connection on which its credentials were refused.
        reason="$processes processes used $connections connections"
    elif grep --recursive --quiet --no-messages --fixed-strings -e "$SIGNPATH_API_TOKEN" \
        "$REQUEST_LOG" "$folder"/@(logs|said); then
        reason="the API token is in the service's log, the module's, or what the tool showed"
    elif [[ ! -e $folder/complaints ]] && complaint=$(grep --recursive --no-filename --no-messages -m 1 -E \
        '\] (fatal|error|warning): ' "$folder/logs"); then
        reason="the module complains: $complaint"
    fi

    local result=verified seconds
    seconds=$(awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", to - from }')
    if [[ -n $reason ]]; then
        result=FAILED
        FAILED=$((FAILED + 1))
        FAILURES+=("$name: $reason"$'\n'"$(tail --quiet --lines 15 "$folder"/@(output|said) | sed 's/^/    /')")
        printf '%s%s%s (%s): %s\n' "$RED" "$result" "$PLAIN" "$seconds" "$reason"
    else
        PASSED=$((PASSED + 1))
        printf '%s%s%s (%s)\n' "$GREEN" "$result" "$PLAIN" "$seconds"
    fi
    RESULTS+=("$tool|$key|$mechanism|$lists GET, $posts POST|$result")
}

# Prints the rows of this name, whichever table they are in. Argument: the name.
find_row() { printf '%s\n' "${DEMO_ROWS[@]}" "${TOOL_ROWS[@]}" | grep "^$1 "; }

# Sets ROWS, and adds what they need to REQUIREMENTS. Arguments: names of rows, "--all", or nothing for those of the demo.
choose_rows() {
    local name row
    ROWS=()
    for name in "$@"; do
        if [[ $name == --all ]]; then
            ROWS+=("${DEMO_ROWS[@]}" "${TOOL_ROWS[@]}")
        else
            row=$(find_row "$name") || die "There is no row $name. See --list."
            ROWS+=("$row")
        fi
    done
    ((${#ROWS[@]})) || ROWS=("${DEMO_ROWS[@]}")
    for row in "${ROWS[@]}"; do
        if [[ " ${TOOL_ROWS[*]} " == *" $row "* ]]; then
            REQUIREMENTS+=("${TOOL_REQUIREMENTS[@]}")
            break
        fi
    done
}

list_rows() {
    local row name tool key mechanism
    for row in "$@"; do
        IFS='|' read -r name tool key mechanism _ <<<"$row"
        printf '%s %s %s %s\n' "$name" "$tool" "$key" "$mechanism"
    done
}

# Arguments: the rows.
run_rows() {
    local row
    for row in "$@"; do
        run_row "$row"
    done
}

# Runs rows against a new service, and prints what failed. Arguments: the key store and further options of the service in one word;
# the rows.
run_rows_on() {
    local -a options
    read -r -a options <<<"$1"
    shift
    say "Signing with a service with the key store ${options[*]} ..."
    start_service "$WORK/service-${options[0]}" --key-store "${options[@]}"
    RESULTS=()
    FAILURES=()
    run_rows "$@"
    stop_service
    print_failures
}

print_table() {
    local line tool key mechanism requests result colour
    printf '\n%-16s %-14s %-28s %-15s %s\n' tool key mechanism "HTTP requests" result
    printf -- '-%.0s' {1..86}
    printf '\n'
    for line in "${RESULTS[@]}"; do
        IFS='|' read -r tool key mechanism requests result <<<"$line"
        colour=$GREEN
        [[ $result == verified ]] || colour=$RED
        printf '%-16s %-14s %-28s %-15s %s%s%s\n' "$tool" "$key" "$mechanism" "$requests" "$colour" "$result" "$PLAIN"
    done
}

# Prints what went wrong in the rows that failed.
print_failures() {
    local failure
    for failure in "${FAILURES[@]}"; do
        printf '\n%s\n' "$failure"
    done
}
