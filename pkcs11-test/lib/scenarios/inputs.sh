# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# What the rows of all tools share: the files that are signed, the key, and how openssl verifies a signature.

# The module takes organization and token from the environment: no secret in a command line, and a PIN of less than 32 bytes, the
# limit of the libp11 engine.
PIN=CONFIG
# The slot of the token with the keys, and its label if a URI has to name it.
SLOT=1
TOKEN=
# Java wants a password even for a store of certificates.
STORE_PASSWORD=changeit

# Makes the files that are signed, without the JAR. Argument: the folder for them.
prepare_files() {
    INPUTS=$1
    mkdir -p "$INPUTS"
    local -a programs=(/usr/lib/systemd/boot/efi/systemd-boot*.efi)
    cp "${programs[0]}" "$INPUTS/program.efi"
    # pkcs11-tool passes up to 1024 bytes in one call and more in parts.
    head -c 1024 /etc/os-release >"$INPUTS/short"
    cp "$INPUTS/program.efi" "$INPUTS/long"
    openssl dgst -sha256 -binary -out "$INPUTS/digest" "$INPUTS/long"
    # RFC 8017, 9.2, note 1: the DER prefix of a SHA-256 DigestInfo.
    printf '\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20' |
        cat - "$INPUTS/digest" >"$INPUTS/digest-info"
}

# The same, with a JAR. Argument: the folder.
prepare_inputs() {
    prepare_files "$1"
    mkdir "$INPUTS/classes"
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

# How many signing policies the service has. All but one have a certificate.
policy_count() { jq '.policies | length' "$POLICIES"; }

# Sets what a row needs to know of its key. Argument: CKA_ID and CKA_LABEL of the key.
use_key() {
    KEY=$1
    KEY_HEX=$(printf %s "$KEY" | od -An -v -tx1 | tr -d ' \n')
    KEY_URI="pkcs11:id=${KEY//\//%2F};type=private;pin-value=$PIN"
    CERTIFICATE=$STATE/certificates/$KEY.pem
    CA=$STATE/code-signing-ca.pem
    # A GPG policy has none.
    [[ ! -e $CERTIFICATE ]] || openssl x509 -in "$CERTIFICATE" -noout -pubkey >public-key
    # For the libp11 engine.
    export PKCS11_MODULE_PATH=$MODULE
}

# Prints the options for PSS with a salt as long as the digest, each after the option in the first argument.
# Prints nothing if the second argument is not "pss".
pss_options() {
    if [[ ${2:-} == pss ]]; then
        echo "$1 rsa_padding_mode:pss $1 rsa_pss_saltlen:${3:-digest}"
    fi
}

# Arguments: the file that was signed, the digest, "pss" if it is a PSS signature.
verify_signature() {
    local -a options
    read -r -a options < <(pss_options -sigopt "${3:-}") || true
    run openssl dgst "-$2" "${options[@]}" -verify public-key -signature signature "$1"
}

# Verifies signature.p7s and its certificate. Arguments: the encoding, further options.
verify_cms() {
    local encoding=$1
    shift
    # The purpose: OpenSSL 3.0 does not know code signing as one.
    run openssl cms -verify -CAfile "$CA" -purpose any -binary -inform "$encoding" -in signature.p7s -out content "$@"
    cmp content "${INPUTS:?}/long"
}

# Whether a certificate is of the row's key. Argument: the file.
same_public_key() { openssl x509 -in "$1" -noout -pubkey | cmp - public-key; }
