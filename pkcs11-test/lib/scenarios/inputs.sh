# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# Shared by the rows of all tools: the files to sign, the key, and verification with openssl.

<<<<<<< HEAD
# The module takes organization and token from the environment: no secret in a command line, and a PIN of less than 32 bytes, the
# limit of the libp11 engine.
PIN=CONFIG
# Java wants a password even for a store of certificates.
=======
# The module takes the organization and API token from the environment. This keeps secrets off the command line and the
# PIN within the 32 bytes that the libp11 engine supports.
PIN=CONFIG
# A store that only holds certificates is not secret, but Java requires a password.
>>>>>>> h-words-b
STORE_PASSWORD=changeit

# Creates the files to sign. Argument: the folder for them.
prepare_inputs() {
    INPUTS=$1
    mkdir -p "$INPUTS/classes"
    local -a programs=(/usr/lib/systemd/boot/efi/systemd-boot*.efi)
    cp "${programs[0]}" "$INPUTS/program.efi"
    # pkcs11-tool passes up to 1024 bytes in one call, more in parts.
    head -c 1024 /etc/os-release >"$INPUTS/short"
    cp "$INPUTS/program.efi" "$INPUTS/long"
    openssl dgst -sha256 -binary -out "$INPUTS/digest" "$INPUTS/long"
    # The DER prefix of a SHA-256 DigestInfo (RFC 8017, section 9.2, note 1).
    printf '\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20' |
        cat - "$INPUTS/digest" >"$INPUTS/digest-info"

    cat >"$INPUTS/Hello.java" <<'JAVA'
public class Hello {
    public static void main(String[] arguments) {
        System.out.println("Hello");
    }
}
JAVA
    javac -d "$INPUTS/classes" "$INPUTS/Hello.java"
    jar --create --file "$INPUTS/program.jar" --main-class Hello -C "$INPUTS/classes" .
}

# The number of signing policies. All but one have a certificate.
policy_count() { jq '.policies | length' "$POLICIES"; }

# Sets the variables that describe a row's key. Argument: CKA_ID and CKA_LABEL of the key.
use_key() {
    KEY=$1
    KEY_HEX=$(printf %s "$KEY" | od -An -v -tx1 | tr -d ' \n')
    KEY_URI="pkcs11:id=${KEY//\//%2F};type=private;pin-value=$PIN"
    CERTIFICATE=$STATE/certificates/$KEY.pem
    CA=$STATE/code-signing-ca.pem
    openssl x509 -in "$CERTIFICATE" -noout -pubkey >public-key
    # For the libp11 engine.
    export PKCS11_MODULE_PATH=$MODULE
}

# Prints the options for PSS with a salt as long as the digest, each preceded by the option given as the first
# argument. Prints nothing if the second argument is not "pss".
pss_options() {
    if [[ ${2:-} == pss ]]; then
        echo "$1 rsa_padding_mode:pss $1 rsa_pss_saltlen:${3:-digest}"
    fi
}

# Arguments: the signed file, the digest, "pss" for a PSS signature.
verify_signature() {
    local -a options
    read -r -a options < <(pss_options -sigopt "${3:-}") || true
    run openssl dgst "-$2" "${options[@]}" -verify public-key -signature signature "$1"
}

# Verifies signature.p7s and its certificate. Arguments: the encoding, further options.
verify_cms() {
    local encoding=$1
    shift
    # -purpose: OpenSSL 3.0 does not support code signing as a purpose.
    run openssl cms -verify -CAfile "$CA" -purpose any -binary -inform "$encoding" -in signature.p7s -out content "$@"
    cmp content "${INPUTS:?}/long"
}

# Checks that a certificate is for the row's key. Argument: the file.
same_public_key() { openssl x509 -in "$1" -noout -pubkey | cmp - public-key; }
