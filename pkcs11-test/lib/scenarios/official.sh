# shellcheck shell=bash disable=SC2034 # the scenarios use the PIN
# What is configured for SignPath's own Cryptoki library works unchanged: its JSON file, its variables, its older names, its PIN.

# Runs a scenario with everything in the JSON file, as the official documentation has it. Only TlsCaFile is ours.
# Arguments: the scenario and its arguments.
with_json() {
    jq --null-input --arg logs "$PWD/logs" '{
        OrganizationId: env.SIGNPATH_ORGANIZATION_ID,
        ApiToken: env.SIGNPATH_API_TOKEN,
        ApiUrl: env.SIGNPATH_API_URL,
        TlsCaFile: env.SIGNPATH_TLS_CA_FILE,
        HttpRequestTimeoutInSeconds: 30,
        ServiceUnavailableTimeoutInSeconds: 600,
        ProjectSlug: "demo",
        Cryptoki: { DoNotFailOnReadWriteSessions: true },
        Log: { Console: { Level: "warning", OutputStream: "stderr" }, File: { Level: "info", Directory: $logs } }
    } | del(.[] | nulls)' >CryptokiConfig.json
    unset "${!SIGNPATH_@}"
    export SIGNPATH_CONFIG_FILE=$PWD/CryptokiConfig.json
    "$@"
    grep -q 'SigningRequests' logs/SignPath.CryptoProviders.Cryptoki.txt || fail "the log file does not contain the request"
}

# Runs a scenario with two tokens, of which the first has a wrong API token. Arguments: the scenario and its arguments.
with_tokens() {
    SLOT=2
    TOKEN=SignPath
    jq --null-input '{ Tokens: [{ Label: "Wrong", ApiToken: "wrong" }, { Label: "SignPath" }] }' >tokens.json
    export SIGNPATH_CONFIG_FILE=$PWD/tokens.json
    "$@"
}

# Runs a scenario with the PIN that names organization and token, and neither of them in the environment.
# Arguments: the scenario and its arguments.
with_full_pin() {
    PIN=$SIGNPATH_ORGANIZATION_ID:$SIGNPATH_API_TOKEN
    unset SIGNPATH_ORGANIZATION_ID SIGNPATH_API_TOKEN
    "$@"
}

# Runs a scenario with the older name of SIGNPATH_API_TOKEN, which works with a warning.
# Arguments: the scenario and its arguments.
with_older_name() {
    may_complain
    export SIGNPATH_CI_USER_TOKEN=$SIGNPATH_API_TOKEN
    unset SIGNPATH_API_TOKEN
    "$@"
    grep -q '^signpath-pkcs11: warning: .*SIGNPATH_CI_USER_TOKEN' output || fail "the older name has no warning"
}
