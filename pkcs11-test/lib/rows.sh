# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# Runs the rows of scenarios.sh against the service that is running, and shows them as a table.

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

# Arguments: the status that is right, the status of the program, its name.
exit_status_is() {
    if (($2 == 124)); then
        fail "$3 did not end within $TOOL_SECONDS seconds"
    elif (($2 > 128)); then
        fail "$3 was ended by SIG$(kill -l $(($2 - 128))) (status $2)"
    elif (($2 != $1)); then
        fail "$3 exited with status $2"
    fi
}

# Runs a tool that is to make exactly COUNT signing requests.
signs() {
    local count=$1 before posts
    shift
    before=$(request_count)
    run "$@"
    read -r _ posts _ < <(count_requests "$before")
    ((posts == count)) || fail "$1 made $posts signing requests instead of $count"
    echo "$posts" >>expected-posts
}

# Runs one row in a folder of its own and adds its result. Argument: the row.
run_row() {
    local name tool key mechanism command status=0 before started=$EPOCHREALTIME
    IFS='|' read -r name tool key mechanism command <<<"${1//*( )|*( )/|}"
    local folder=$WORK/rows/$name
    rm -rf "$folder"
    mkdir -p "$folder"
    echo 0 >"$folder/expected-posts"
    before=$(request_count)
    printf '%-20s ' "$name"

    # Without `set +e` a failing row would end the script; inside, `set -e` ends the row at the first failure.
    set +e
    (
        set -e
        cd "$folder"
        use_key "$key"
        # shellcheck disable=SC2086 # the command is a function and its arguments
        $command
    ) >"$folder/output" 2>&1 </dev/null
    status=$?
    set -e

    local lists posts others errors connections reason=''
    read -r lists posts others errors connections < <(count_requests "$before")
    if ((status)); then
        reason=$(cat "$folder/reason" 2>/dev/null || echo "a command exited with status $status")
    elif ((others || errors)); then
        reason="$others requests besides those for the list and for signing, $errors answered with an error"
    elif ((posts != $(paste -sd+ "$folder/expected-posts"))); then
        reason="$posts signing requests in all, some of them not from the signing tool"
    elif ((lists > 1)); then
        reason="the list of signing policies was asked for $lists times"
    elif ((connections != 1)); then
        reason="the requests came on $connections connections"
    fi

    local result=verified seconds
    seconds=$(awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", to - from }')
    if [[ -n $reason ]]; then
        result=FAILED
        FAILED=$((FAILED + 1))
        FAILURES+=("$name: $reason"$'\n'"$(tail -n 15 "$folder/output" | sed 's/^/    /')")
        printf '%s%s%s (%s): %s\n' "$RED" "$result" "$PLAIN" "$seconds" "$reason"
    else
        PASSED=$((PASSED + 1))
        printf '%s%s%s (%s)\n' "$GREEN" "$result" "$PLAIN" "$seconds"
    fi
    RESULTS+=("$tool|$key|$mechanism|$lists GET, $posts POST|$result")
}

is_row() { printf '%s\n' "${ROWS[@]}" | grep -q "^$1 "; }

list_rows() {
    local row name tool key mechanism
    for row in "${ROWS[@]}"; do
        IFS='|' read -r name tool key mechanism _ <<<"$row"
        printf '%s %s %s %s\n' "$name" "$tool" "$key" "$mechanism"
    done
}

# Runs the rows that are named, or all of them.
run_rows() {
    local row name
    for row in "${ROWS[@]}"; do
        name=${row%%[ |]*}
        if (($# == 0)) || [[ " $* " == *" $name "* ]]; then
            run_row "$row"
        fi
    done
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
