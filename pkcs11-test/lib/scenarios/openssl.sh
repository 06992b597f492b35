# shellcheck shell=bash
# The openssl program, with the libp11 engine.

# Arguments: the digest, "pss" or nothing.
openssl_dgst() {
    local -a options
    read -r -a options < <(pss_options -sigopt "${2:-}") || true
    signs 1 openssl dgst -engine pkcs11 -keyform engine -sign "$KEY_URI" "-$1" "${options[@]}" \
        -out signature "$INPUTS/long"
    verify_signature "$INPUTS/long" "$@"
}

# Argument: "pss" or nothing.
openssl_pkeyutl() {
    local -a options
    read -r -a options < <(pss_options -pkeyopt "${1:-}") || true
    signs 1 openssl pkeyutl -engine pkcs11 -keyform engine -inkey "$KEY_URI" -sign -pkeyopt digest:sha256 "${options[@]}" \
        -in "$INPUTS/digest" -out signature
    verify_signature "$INPUTS/long" sha256 "$@"
}

# Argument: "pss" or nothing. `openssl cms` has to be told the salt length as a number.
openssl_cms() {
    local -a options
    read -r -a options < <(pss_options -keyopt "${1:-}" -1) || true
    signs 1 openssl cms -sign -engine pkcs11 -keyform engine -inkey "$KEY_URI" -signer "$CERTIFICATE" -md sha256 \
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
    signs 1 openssl req -new -x509 -engine pkcs11 -keyform engine -key "$KEY_URI" -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -out "$1"
}
