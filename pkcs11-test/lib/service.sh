# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# Starts and stops the local SignPath service, and counts requests in its log.

SERVICE_START_SECONDS=120
POLICIES=$PWD/pkcs11-test/lib/policies.json
SERVICE_PID=

# Starts the service in a new folder, and exports what the module needs to find it. Its stderr is shown.
# Arguments: the folder, further options for `pkcs11-test serve`.
start_service() {
    local folder=$1
    shift
    mkdir -p "$folder"
    STATE=$folder/state
    REQUEST_LOG=$folder/requests.log
    "$PROGRAMS/pkcs11-test" serve --listen 127.0.0.1:0 --policies "$POLICIES" --state "$STATE" \
        --log "$REQUEST_LOG" --env "$folder/env" "$@" >/dev/null </dev/null &
    SERVICE_PID=$!

    local deadline=$((SECONDS + SERVICE_START_SECONDS))
    until [[ -e $folder/env ]]; do
        if ! kill -0 "$SERVICE_PID" 2>/dev/null || ((SECONDS > deadline)); then
            die "The local SignPath service did not start."
        fi
        sleep 0.1
    done
    unset "${!SIGNPATH_@}"
    export SIGNPATH_LOG_FILE_DIRECTORY=$WORK/logs
    # shellcheck disable=SC1091
    . "$folder/env"
}

stop_service() {
    if [[ -n $SERVICE_PID ]]; then
        kill "$SERVICE_PID" 2>/dev/null || true
        wait "$SERVICE_PID" || true
        SERVICE_PID=
    fi
}

request_count() { wc -l <"$REQUEST_LOG"; }

# Counts the requests that came after the first LINES of the log. Prints five numbers:
# policy lists, signing requests, other requests, those answered with an error, connections.
count_requests() {
    tail -n "+$(($1 + 1))" "$REQUEST_LOG" | jq --slurp --raw-output '
        def count(condition): map(select(condition)) | length;
        "GET /Cryptoki/MySigningPolicies" as $list | "POST /SigningRequests" as $sign |
        [count(.route == $list), count(.route == $sign), count(.route != $list and .route != $sign),
         count(.status // 0 | . < 200 or . >= 300), (map(.connection) | unique | length)] | join(" ")'
}
