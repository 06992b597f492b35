# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# What the demo signs. A row is one use of a tool: its name, the tool, the key, the PKCS #11 mechanism that the tool asks
# for, and the function of this file that signs with the tool and has the result verified by a program which knows only the
# service's certificates.

ROWS=(
    "dgst-rsa-2048     | openssl dgst    | demo/rsa-2048 | RSA_PKCS, SHA-256            | openssl_dgst sha256"
    "dgst-rsa-3072     | openssl dgst    | demo/rsa-3072 | RSA_PKCS, SHA-256            | openssl_dgst sha256"
    "dgst-rsa-4096     | openssl dgst    | demo/rsa-4096 | RSA_PKCS, SHA-512            | openssl_dgst sha512"
    "dgst-pss          | openssl dgst    | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | openssl_dgst sha256 pss"
    "dgst-p-256        | openssl dgst    | demo/p-256    | ECDSA, SHA-256               | openssl_dgst sha256"
    "dgst-p-384        | openssl dgst    | demo/p-384    | ECDSA, SHA-384               | openssl_dgst sha384"
    "dgst-p-521        | openssl dgst    | demo/p-521    | ECDSA, SHA-512               | openssl_dgst sha512"
    "pkeyutl-rsa       | openssl pkeyutl | demo/rsa-3072 | RSA_PKCS, SHA-256            | openssl_pkeyutl"
    "pkeyutl-pss       | openssl pkeyutl | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | openssl_pkeyutl pss"
    "pkeyutl-p-256     | openssl pkeyutl | demo/p-256    | ECDSA, SHA-256               | openssl_pkeyutl"
    "cms-rsa           | openssl cms     | demo/rsa-3072 | RSA_PKCS, SHA-256            | openssl_cms"
    "cms-pss           | openssl cms     | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | openssl_cms pss"
    "cms-p-256         | openssl cms     | demo/p-256    | ECDSA, SHA-256               | openssl_cms"
    "osslsigncode-rsa  | osslsigncode    | demo/rsa-3072 | RSA_PKCS, SHA-256            | osslsigncode_pe sha256"
    "osslsigncode-ec   | osslsigncode    | demo/p-384    | ECDSA, SHA-384               | osslsigncode_pe sha384"
    "jarsigner-rsa     | jarsigner       | demo/rsa-3072 | SHA256_RSA_PKCS              | jarsigner_jar SHA256withRSA"
    "jarsigner-pss     | jarsigner       | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | jarsigner_jar RSASSA-PSS"
    "jarsigner-ec      | jarsigner       | demo/p-256    | ECDSA_SHA256                 | jarsigner_jar SHA256withECDSA"
    "pkcs11-tool-rsa   | pkcs11-tool     | demo/rsa-3072 | RSA_PKCS, SHA-256            | pkcs11_tool RSA-PKCS digest-info"
    "pkcs11-tool-pss   | pkcs11-tool     | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | pkcs11_tool RSA-PKCS-PSS digest"
    "pkcs11-tool-ec    | pkcs11-tool     | demo/p-256    | ECDSA, SHA-256               | pkcs11_tool ECDSA digest"
    "pkcs11-tool-short | pkcs11-tool     | demo/rsa-3072 | SHA256_RSA_PKCS              | pkcs11_tool SHA256-RSA-PKCS short"
    "pkcs11-tool-long  | pkcs11-tool     | demo/rsa-3072 | SHA256_RSA_PKCS, multi-part  | pkcs11_tool SHA256-RSA-PKCS long"
    "pkcs11-tool-hash  | pkcs11-tool     | demo/p-256    | ECDSA_SHA256, multi-part     | pkcs11_tool ECDSA-SHA256 long"
    "gpg               | gpg             | demo/rsa-3072 | RSA_PKCS, SHA-512            | gpg_detached"
)

# The module takes organization and token from the environment: no secret in a command line, and within the 32 bytes which
# the libp11 engine allows a PIN.
PIN=CONFIG
# A store that only holds certificates is not secret; Java wants a password all the same.
STORE_PASSWORD=changeit

# Makes the files that are signed. Argument: the folder for them.
prepare_inputs() {
    INPUTS=$1
    mkdir -p "$INPUTS/classes"
    local -a programs=(/usr/lib/systemd/boot/efi/systemd-boot*.efi)
    cp "${programs[0]}" "$INPUTS/program.efi"
    # pkcs11-tool passes up to 1024 bytes in one call and more in parts.
    head -c 1024 /etc/os-release >"$INPUTS/short"
    cp "$INPUTS/program.efi" "$INPUTS/long"
    openssl dgst -sha256 -binary -out "$INPUTS/digest" "$INPUTS/long"
    # RFC 8017, 9.2, note 1: the DER prefix of a SHA-256 DigestInfo.
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

# Sets what a row needs to know of its key. Argument: CKA_ID and CKA_LABEL of the key.
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

# Prints the options that ask for PSS with a salt as long as the digest, each behind the option that is the first argument.
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
    # The purpose: OpenSSL 3.0 does not know code signing as one.
    run openssl cms -verify -CAfile "$CA" -purpose any -binary -content "$INPUTS/long" -inform DER -in signature.p7s \
        -out /dev/null
}

# Argument: the digest. `osslsigncode verify` exits with 1 if the signature, the file's hash or the chain to the CA is wrong.
osslsigncode_pe() {
    signs 1 osslsigncode sign -pkcs11module "$MODULE" -key "$KEY_URI" -pass "$PIN" \
        -pkcs11cert "${KEY_URI/type=private/type=cert}" -h "$1" -in "$INPUTS/program.efi" -out signed.efi
    run osslsigncode verify -CAfile "$CA" -in signed.efi
}

# Argument: the signature algorithm as Java names it.
jarsigner_jar() {
    printf 'name = SignPath\nlibrary = %s\nslot = 1\n' "$MODULE" >provider.cfg
    signs 1 jarsigner -storetype PKCS11 -keystore NONE -storepass "$PIN" \
        -providerClass sun.security.pkcs11.SunPKCS11 -providerArg provider.cfg \
        -sigalg "$1" -signedjar signed.jar "$INPUTS/program.jar" "$KEY"

    # Against the CA alone the one thing that may be wrong is that the signer is not in the store (32): a broken signature
    # would be 1, a broken chain 4. Against a store with the signer nothing may be wrong.
    local status=0
    trust ca "$CA"
    jarsigner -verify -strict -keystore trusted.p12 -storepass "$STORE_PASSWORD" signed.jar || status=$?
    exit_status_is 32 "$status" jarsigner
    trust signer "$CERTIFICATE"
    run jarsigner -verify -strict -keystore trusted.p12 -storepass "$STORE_PASSWORD" signed.jar signer
}

# Arguments: the alias, the file of a certificate that Java is to trust.
trust() {
    run keytool -importcert -noprompt -keystore trusted.p12 -storepass "$STORE_PASSWORD" -alias "$1" -file "$2"
}

# Arguments: the mechanism as pkcs11-tool names it, the input.
pkcs11_tool() {
    local mechanism=$1 input=$2 message=$INPUTS/long padding=''
    local -a options=()
    case $mechanism in
        *PSS*)
            options=(--hash-algorithm SHA256 --mgf MGF1-SHA256 --salt-len 32)
            padding=pss
            ;;
        ECDSA*) options=(--signature-format openssl) ;;
    esac
    [[ $input != short ]] || message=$INPUTS/short
    signs 1 pkcs11-tool --module "$MODULE" --login --pin "$PIN" --id "$KEY_HEX" --sign --mechanism "$mechanism" \
        "${options[@]}" --input-file "$INPUTS/$input" --output-file signature
    verify_signature "$message" sha256 "$padding"
}

# gpg-agent and gnupg-pkcs11-scd stay, with one login and one connection, until they are told to end. A new OpenPGP key is
# two signatures, one for the key's user ID and one for its revocation certificate, and a signed file is one.
gpg_detached() {
    export GNUPGHOME=$PWD/gnupg
    mkdir -m 700 gnupg
    echo "scdaemon-program $(command -v gnupg-pkcs11-scd)" >gnupg/gpg-agent.conf
    printf 'providers signpath\nprovider-signpath-library %s\n' "$MODULE" >gnupg/gnupg-pkcs11-scd.conf
    trap 'gpgconf --kill all' EXIT

    # The keygrip of an RSA key is the SHA-1 digest of its modulus, which shows that the key is the certificate's.
    local modulus keygrip
    modulus=$(openssl x509 -in "$CERTIFICATE" -noout -modulus | sed 's/^Modulus=/00/; s/../\\x&/g')
    keygrip=$(printf %b "$modulus" | sha1sum | cut -d ' ' -f 1)
    keygrip=${keygrip^^}
    signs 0 gpg-connect-agent "SCD LEARN" /bye
    signs 0 gpg-connect-agent LEARN /bye

    local -a gpg=(gpg --batch --pinentry-mode loopback --passphrase "$PIN")
    cat >parameters <<KEY
%no-protection
Key-Type: RSA
Key-Grip: $keygrip
Key-Usage: sign
Name-Real: $KEY
Expire-Date: 0
KEY
    signs 2 "${gpg[@]}" --full-generate-key parameters
    signs 1 "${gpg[@]}" --local-user "$KEY" --output signature --detach-sign "$INPUTS/long"
    run gpg --batch --verify signature "$INPUTS/long"
}
