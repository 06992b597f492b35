# shellcheck shell=bash
# The openssl program, with the libp11 engine or a provider.

# The options by which a command of openssl finds the row's key.
KEY_FORM=(-engine pkcs11 -keyform engine)

# Runs a function with pkcs11-provider instead of the engine. Only the commands with KEY_FORM load it. OpenSSL prefers the first provider,
# and TLS 1.3 fails with digests from a token that cannot copy their state.
with_provider() {
    KEY_FORM=(-provider default -provider pkcs11)
    KEY_URI=${KEY_URI/;pin-value=/?pin-value=}
    SIGNER=${KEY_URI/type=private/type=cert}
    export PKCS11_PROVIDER_MODULE=$MODULE
    "$@"
}

# The folders of what pkcs11-test/debian-13.sh builds from source: osslsigncode, and the provider of libp11.
LIBP11_FOLDER=/opt/libp11
PKCS11PROV_MODULES=$LIBP11_FOLDER/ossl-modules

# The same with the provider of libp11, which takes URIs as the engine does. It tells what it does without PKCS11_DEBUG_LEVEL.
with_pkcs11prov() {
    KEY_FORM=(-provider default -provider pkcs11prov)
    SIGNER=${KEY_URI/type=private/type=cert}
    export OPENSSL_MODULES=$PKCS11PROV_MODULES PKCS11_DEBUG_LEVEL=4
    "$@"
}

# Every way to give that provider the PIN. One of organization and token is not cut.
pkcs11prov_pins() {
    local full_pin=$SIGNPATH_ORGANIZATION_ID:$SIGNPATH_API_TOKEN uri=${KEY_URI%;pin-value=*}
    local sign=(openssl dgst "${KEY_FORM[@]}" -sha256 -out signature)
    expect processes 6
    echo "$PIN" >pin
    page_block docs/tools/openssl.md pkcs11prov -e "s#^pin = .*#pin = $full_pin#" >pkcs11prov.cnf
    signs 1 "${sign[@]}" -sign "$uri;pin-value=$PIN" "$INPUTS/long"
    signs 1 "${sign[@]}" -sign "$uri?pin-value=$PIN" "$INPUTS/long"
    signs 1 "${sign[@]}" -sign "$uri?pin-source=file:$PWD/pin" "$INPUTS/long"
    PKCS11_PIN=$PIN signs 1 "${sign[@]}" -sign "$uri" "$INPUTS/long"
    signs 1 "${sign[@]}" -sign "$uri" -passin "pass:$PIN" "$INPUTS/long"
    unset PKCS11_MODULE_PATH SIGNPATH_ORGANIZATION_ID SIGNPATH_API_TOKEN
    OPENSSL_CONF=$PWD/pkcs11prov.cnf signs 1 openssl dgst -sha256 -out signature -sign "$uri" "$INPUTS/long"
    verify_signature "$INPUTS/long" sha256
}

# The same as with pkcs11-provider, with the configuration that the command writes, and with a preference for the provider in everything.
with_provider_configuration() {
    write_provider_configuration
    KEY_FORM=(-propquery '?provider=pkcs11')
    OPENSSL_CONF=$PWD/provider.cnf "$@"
}

# Makes provider.cnf, which has the PIN.
write_provider_configuration() {
    signs 0 "$PROGRAMS/signpath-pkcs11" setup openssl-provider "$KEY" --offline --module "$MODULE" --output provider.cnf
    KEY_URI=${KEY_URI%;pin-value=*}
}

# Arguments: the digest, "pss" or nothing.
openssl_dgst() {
    local -a options
    read -r -a options < <(pss_options -sigopt "${2:-}") || true
    signs 1 openssl dgst "${KEY_FORM[@]}" -sign "$KEY_URI" "-$1" "${options[@]}" \
        -out signature "$INPUTS/long"
    verify_signature "$INPUTS/long" "$@"
}

# Argument: "pss" or nothing.
openssl_pkeyutl() {
    local -a options
    read -r -a options < <(pss_options -pkeyopt "${1:-}") || true
    signs 1 openssl pkeyutl "${KEY_FORM[@]}" -inkey "$KEY_URI" -sign -pkeyopt digest:sha256 "${options[@]}" \
        -in "$INPUTS/digest" -out signature
    verify_signature "$INPUTS/long" sha256 "$@"
}

# Argument: "pss" or nothing. `openssl cms` has to be told the salt length as a number.
openssl_cms() {
    local -a options
    read -r -a options < <(pss_options -keyopt "${1:-}" -1) || true
    signs 1 openssl cms -sign "${KEY_FORM[@]}" -inkey "$KEY_URI" -signer "${SIGNER:-$CERTIFICATE}" -md sha256 \
        "${options[@]}" -binary -in "$INPUTS/long" -outform DER -out signature.p7s
    verify_cms DER -content "$INPUTS/long"
}

# Every form of a key's name that the libp11 engine knows, and every way to give it the PIN. An empty PIN means CONFIG.
openssl_key_names() {
    local object=${KEY/\//%2F} name
    local -a names=(
        "$KEY_URI"
        "pkcs11:object=$object;type=private;pin-value=$PIN"
        "pkcs11:token=SignPath;object=$object;pin-value=$PIN"
        "pkcs11:object=$object;pin-source=file:$PWD/pin"
        "pkcs11:object=$object;pin-value="
        "label_$KEY"
        "id_$KEY_HEX"
        "slot_1-id_$KEY_HEX"
        "slot_1-label_$KEY"
        "1:$KEY_HEX"
    )
    echo "$PIN" >pin
    expect processes ${#names[@]}
    for name in "${names[@]}"; do
        signs 1 openssl dgst -engine pkcs11 -keyform engine -sign "$name" -passin "pass:$PIN" -sha256 -out signature \
            "$INPUTS/long"
        verify_signature "$INPUTS/long" sha256
    done
}

# The salt is as long as the digest, whatever the number is called. Other lengths are refused before anything is sent.
openssl_salts() {
    local -a options=(-engine pkcs11 -keyform engine -inkey "$KEY_URI" -sign -pkeyopt digest:sha256
        -pkeyopt rsa_padding_mode:pss -in "$INPUTS/digest" -out signature)
    local salt status
    expect processes 6
    may_complain
    for salt in digest -1 32; do
        signs 1 openssl pkeyutl "${options[@]}" -pkeyopt "rsa_pss_saltlen:$salt"
        verify_signature "$INPUTS/long" sha256 pss
    done
    for salt in auto max 20; do
        status=0
        openssl pkeyutl "${options[@]}" -pkeyopt "rsa_pss_saltlen:$salt" &>said || status=$?
        exit_status_is 1 "$status" openssl
        says 1 '^signpath-pkcs11: error: C_SignInit: CKM_RSA_PKCS_PSS: .*(openssl: rsa_pss_saltlen:digest).*MECHANISM_PARAM_INVALID'
    done
}

# With the module and a PIN of organization and token in the configuration, where it is not cut, the environment needs neither.
openssl_configuration() {
    cat >openssl.cnf <<CONF
openssl_conf = openssl_init

[openssl_init]
engines = engine_section

[engine_section]
pkcs11 = pkcs11_section

[pkcs11_section]
engine_id = pkcs11
MODULE_PATH = $MODULE
PIN = $SIGNPATH_ORGANIZATION_ID:$SIGNPATH_API_TOKEN
init = 0
CONF
    unset PKCS11_MODULE_PATH SIGNPATH_ORGANIZATION_ID SIGNPATH_API_TOKEN
    OPENSSL_CONF=$PWD/openssl.cnf signs 1 openssl dgst -engine pkcs11 -keyform engine -sign "${KEY_URI%;pin-value=*}" -sha256 \
        -out signature "$INPUTS/long"
    verify_signature "$INPUTS/long" sha256
}

# A certificate that is signed with its own key.
openssl_req() {
    self_signed_certificate self-signed.pem
    same_public_key self-signed.pem
    run openssl verify -check_ss_sig -CAfile self-signed.pem self-signed.pem
}

# Argument: the file.
self_signed_certificate() {
    signs 1 openssl req -new -x509 "${KEY_FORM[@]}" -key "$KEY_URI" -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -out "$1"
}

# A certificate for a request of the same key.
openssl_x509() {
    expect processes 2
    signs 1 openssl req -new "${KEY_FORM[@]}" -key "$KEY_URI" -subj /CN=localhost -out request.pem
    run openssl req -in request.pem -verify -noout
    signs 1 openssl x509 -req "${KEY_FORM[@]}" -key "$KEY_URI" -in request.pem -days 10 -out self-signed.pem
    same_public_key self-signed.pem
    run openssl verify -check_ss_sig -CAfile self-signed.pem self-signed.pem
}

# What a provider shows of the token: the private keys only after login.
openssl_storeutl() {
    local keys
    keys=$(policy_count)
    expect processes 4
    run openssl storeutl "${KEY_FORM[@]}" -certs -out certificate "$SIGNER"
    same_public_key certificate
    cmp <(openssl x509 -in certificate -outform DER) <(openssl x509 -in "$CERTIFICATE" -outform DER)
    run openssl storeutl "${KEY_FORM[@]}" -keys -noout "$KEY_URI" >said
    says 1 '^Total found: 1$'
    run openssl storeutl "${KEY_FORM[@]}" -noout "pkcs11:token=SignPath?pin-value=$PIN" >said
    says $((keys - 1)) ': Certificate$'
    says "$keys" ': Public key$'
    says "$keys" ': Pkey$'
    run openssl pkey "${KEY_FORM[@]}" -in "$KEY_URI" -pubout -out said
    cmp said public-key
}
