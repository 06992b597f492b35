#!/usr/bin/env bash
# Signs with the real SignPath: once for each type of key over each of the two routes. See --help.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh

SECONDS_EACH=120
ROUTES=(FastSigningRequest SignHash)
FAILED=0

usage() {
    cat <<'TEXT'
Usage: pkcs11-test/live.sh [--yes] [PROJECT/POLICY ...]

Asks the real SignPath for the signing policies, signs a file once for each type of key over both routes, verifies each signature
with openssl, and compares the form of SignPath's answers with the contract in pkcs11-test/lib/contract.json. Each signature counts
toward your quota; how many there will be is said and confirmed first.

  PROJECT/POLICY   use these signing policies, instead of the first one for each type of key
  --yes            do not ask for confirmation

SIGNPATH_ORGANIZATION_ID and SIGNPATH_API_TOKEN name the organization and the user; SIGNPATH_API_URL and SIGNPATH_TLS_CA_FILE a
self-hosted SignPath. Needs jq, openssl and python3. The exit status is 0 if all signatures are valid and all answers have the expected
form.
TEXT
}

# Prints a result. Arguments: the description, and what is wrong, if anything.
result() {
    if [[ -z ${2:-} ]]; then
        say "ok      $1"
    else
        say "FAILED  $1: $2"
        FAILED=$((FAILED + 1))
    fi
}

clean_up() {
    [[ -z ${RECORDER:-} ]] || kill "$RECORDER" 2>/dev/null || true
    rm -rf "$WORK"
}

# Starts the program that passes requests on and keeps the answers, and has all commands use it.
start_recorder() {
    mkdir "$WORK/answers"
    python3 pkcs11-test/lib/recorder.py "${SIGNPATH_API_URL:-https://app.signpath.io/Api}" "$WORK/answers" \
        ${SIGNPATH_TLS_CA_FILE:+"$SIGNPATH_TLS_CA_FILE"} >"$WORK/url" &
    RECORDER=$!
    until [[ -s $WORK/url ]]; do
        kill -0 "$RECORDER" 2>/dev/null || die "The recorder did not start."
        sleep 0.1
    done
    SIGNPATH_API_URL=$(cat "$WORK/url")
    export SIGNPATH_API_URL SIGNPATH_LOG_FILE_DIRECTORY=$WORK/logs SIGNPATH_LOG_CONSOLE_LEVEL=warning
    unset SIGNPATH_TLS_CA_FILE SIGNPATH_POLICY_CACHE_SECONDS
}

# The public key of a signing policy as PEM, from its certificate or from the list. Argument: its name.
public_key() {
    local entry bytes
    entry=$(jq --arg name "$1" '.signingPolicies[] | select("\(.projectSlug)/\(.signingPolicySlug)" == $name)' "$WORK/list")
    bytes=$(jq --raw-output '.certificateBytes // empty' <<<"$entry")
    if [[ -n $bytes ]]; then
        base64 --decode <<<"$bytes" | openssl x509 -inform DER -noout -pubkey
    elif [[ $(jq --raw-output .keyType <<<"$entry") == [Rr]sa ]]; then
        jq --raw-output .publicKeyBytes <<<"$entry" | base64 --decode | openssl rsa -RSAPublicKey_in -inform DER -pubout 2>/dev/null
    else
        jq --raw-output .publicKeyBytes <<<"$entry" | base64 --decode | openssl pkey -pubin -inform DER
    fi
}

# Arguments: the signing policy, the route.
sign() {
    local what="$1 over $2" output
    if ! output=$(SIGNPATH_SIGNING_API=$2 timeout "$SECONDS_EACH" "$COMMAND" sign "$1" --file "$WORK/file" --output "$WORK/signature" 2>&1)
    then
        result "$what" "$output"
        return
    fi
    public_key "$1" >"$WORK/public-key"
    output=$(openssl dgst -sha256 -verify "$WORK/public-key" -signature "$WORK/signature" "$WORK/file" 2>&1) && output=''
    result "$what" "$output"
}

# Compares the form of each kept answer with the contract. Unknown properties are not a failure.
compare() {
    local answer name difference
    local -A seen=()
    for answer in "$WORK"/answers/*; do
        name=$(sed -E 's/^[0-9]+ (.*) 200$/\1/' <<<"${answer##*/}")
        jq --exit-status --arg name "$name" 'has($name)' pkcs11-test/lib/contract.json >/dev/null || continue
        difference=$(jq --raw-output --arg name "$name" --slurpfile contract pkcs11-test/lib/contract.json '
            # The answer repeats the metadata of the request.
            del(.Metadata) | [paths(scalars) as $path | getpath($path) as $value | select($value != null) |
                "\($path | map(if type == "number" then "[]" else . end) | join(".")): \($value | type)"] | unique as $is |
            $contract[0][$name] as $form |
            (($form.required - $is)[] | "missing \(.)"), (($is - $form.required - $form.optional)[] | "new \(.)")' "$answer")
        [[ -z ${seen[$name$difference]:-} ]] || continue
        seen[$name$difference]=yes
        result "the form of the answer to $name" "$(sed -n 's/^missing //p' <<<"$difference" | paste -sd ,)"
        sed -n 's/^new /        new: /p' <<<"$difference"
    done
}

main() {
    local yes=no name key number
    local -a policies=()
    while (($#)); do
        case $1 in
            --help | -h)
                usage
                exit
                ;;
            --yes) yes=yes ;;
            -*) die "There is no option $1. See --help." ;;
            *) policies+=("$1") ;;
        esac
        shift
    done
    [[ -n ${SIGNPATH_ORGANIZATION_ID:-} && -n ${SIGNPATH_API_TOKEN:-} ]] ||
        die "Set SIGNPATH_ORGANIZATION_ID and SIGNPATH_API_TOKEN. See --help."
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/signpath-pkcs11-live.XXXXXX")
    trap clean_up EXIT
    COMMAND=${SIGNPATH_TEST_COMMAND:-}
    if [[ -z $COMMAND ]]; then
        cargo build --locked --quiet --package signpath-pkcs11-cli || die "The build failed."
        COMMAND=$(cargo metadata --format-version 1 --no-deps --locked | jq --raw-output .target_directory)/debug/signpath-pkcs11
    fi
    start_recorder

    timeout "$SECONDS_EACH" "$COMMAND" list --json >"$WORK/policies" || die "The signing policies cannot be listed."
    cp "$WORK"/answers/*MySigningPolicies* "$WORK/list"
    if ((${#policies[@]} == 0)); then
        mapfile -t policies < <(jq --raw-output '
            [.signingPolicies[] | select(.key)] | unique_by([.key.type, .key.bits])[].name' "$WORK/policies")
    fi
    ((${#policies[@]})) || die "There is no signing policy with a key that the module can sign with."
    number=$((${#policies[@]} * ${#ROUTES[@]}))
    say "This makes $number signatures, which count toward the quota of the organization:"
    for name in "${policies[@]}"; do
        key=$(jq --raw-output --arg name "$name" \
            '.signingPolicies[] | select(.name == $name).key | "\(.type) \(.curve // .bits)"' "$WORK/policies")
        [[ -n $key ]] || die "There is no signing policy $name."
        say "    $name, $key: ${ROUTES[*]}"
    done
    if [[ $yes == no ]]; then
        read -r -p "Type yes to go on: " yes || true
        [[ $yes == yes ]] || die "Nothing was signed."
    fi

    head -c 4096 /dev/urandom >"$WORK/file"
    for name in "${policies[@]}"; do
        for route in "${ROUTES[@]}"; do
            sign "$name" "$route"
        done
    done
    # Asks for the version and the quota, and signs nothing.
    timeout "$SECONDS_EACH" "$COMMAND" doctor --no-tools --json >"$WORK/doctor" || true
    jq --raw-output '.findings[] | select(.check == "version" or .check == "quota") | "        \(.check): \(.message)"' "$WORK/doctor"
    compare
    say
    say "$FAILED failed."
    ((FAILED == 0))
}

main "$@"
