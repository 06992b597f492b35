# shellcheck shell=bash
# GnuPG, with gnupg-pkcs11-scd.

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

# A policy without certificate, as SignPath has them for GPG keys. Its key is also that of demo/rsa-4096, whose certificate tells
# what to expect.
gpg_without_certificate() {
    export SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS=true SIGNPATH_SIGNING_POLICY_SLUG=gpg
    gpg_detached
}
