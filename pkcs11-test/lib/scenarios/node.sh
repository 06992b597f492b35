# shellcheck shell=bash
# The two bindings of Node.js: pkcs11js, and graphene-pk11 on top of it.

# Makes node_modules in the current folder a link to both. What npm installed is kept until its lock file changes.
prepare_node() {
    local folder=${PROGRAMS%/*}/node
    mkdir -p "$folder"
    if ! cmp --quiet "$SCENARIOS/node/package-lock.json" "$folder/installed.json"; then
        cp "$SCENARIOS"/node/package*.json "$folder"
        # pkcs11js is compiled, with the headers of the system's Node.js.
        (cd "$folder" && run npm ci --nodedir=/usr --no-audit --no-fund --loglevel=error)
        cp "$folder/package-lock.json" "$folder/installed.json"
    fi
    ln --symbolic "$folder/node_modules" node_modules
}

# The page's program for an EC key. Argument: its name.
node_sign() {
    prepare_node
    cp "$INPUTS/long" file
    page_block docs/tools/node.md "$1" -e "s#app/release#$KEY#" -e 's#SHA256_RSA_PKCS#ECDSA_SHA256#' >sign.js
    signs 1 node sign.js
    page_block docs/tools/node.md verify -e 's#app.pub#public-key#' >verify.js
    run node verify.js
}
