# shellcheck shell=bash
# Windows and UEFI programs.

# Argument: the digest. `osslsigncode verify` exits with 1 if the signature, the file's hash or the chain to the CA is wrong.
osslsigncode_pe() {
    signs 1 osslsigncode sign -pkcs11module "$MODULE" -key "$KEY_URI" -pass "$PIN" \
        -pkcs11cert "${KEY_URI/type=private/type=cert}" -h "$1" -in "$INPUTS/program.efi" -out signed.efi
    run osslsigncode verify -CAfile "$CA" -in signed.efi
}

sbsign_efi() {
    signs 1 sbsign --engine pkcs11 --key "$KEY_URI" --cert "$CERTIFICATE" --output signed.efi "$INPUTS/program.efi"
    verify_efi
}

# pesign asks for a PIN on a terminal only, and so needs a token without login. It signs twice.
pesign_efi() {
    make_nss_database
    SIGNPATH_CRYPTOKI_LOGIN_REQUIRED=false signs 2 pesign --sign --in "$INPUTS/program.efi" --out signed.efi --certdir nss \
        --nss-token SignPath --certficate "$KEY"
    verify_efi
}

verify_efi() {
    run sbverify --cert "$CERTIFICATE" signed.efi
    run osslsigncode verify -CAfile "$CA" -in signed.efi
}
