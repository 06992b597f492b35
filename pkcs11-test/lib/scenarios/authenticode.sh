# shellcheck shell=bash
# Windows and UEFI programs.

# Argument: the digest. `osslsigncode verify` exits with 1 if the signature, the file's hash or the chain to the CA is wrong.
osslsigncode_pe() {
    local uri=${KEY_URI%;pin-value=*}
    signs 1 osslsigncode sign -pkcs11module "$MODULE" -key "$uri" -pass "$PIN" \
        -pkcs11cert "${uri/type=private/type=cert}" -h "$1" -in "$INPUTS/program.efi" -out signed.efi
    run osslsigncode verify -CAfile "$CA" -in signed.efi
}

# The osslsigncode that loads providers. Argument: the provider.
osslsigncode_provider() {
    local uri=${KEY_URI%[;?]pin-value=*}
    signs 1 "$LIBP11_FOLDER/osslsigncode" sign -provider "$1" -pkcs11module "$MODULE" -key "$uri" -pass "$PIN" \
        -pkcs11cert "${uri/type=private/type=cert}" -h sha256 -in "$INPUTS/program.efi" -out signed.efi
    run osslsigncode verify -CAfile "$CA" -in signed.efi
}

# With the certificate and the PIN from files, and the other names that the key may have.
osslsigncode_names() {
    local name
    echo "$PIN" >pin
    expect processes 3
    for name in "id_$KEY_HEX" "pkcs11:object=${KEY/\//%2F}" "$KEY_URI"; do
        signs 1 osslsigncode sign -pkcs11module "$MODULE" -key "$name" -readpass pin -certs "$CERTIFICATE" -h sha256 \
            -in "$INPUTS/program.efi" -out signed.efi
        run osslsigncode verify -CAfile "$CA" -in signed.efi
        rm signed.efi
    done
}

sbsign_efi() {
    signs 1 sbsign --engine pkcs11 --key "$KEY_URI" --cert "$CERTIFICATE" --output signed.efi "$INPUTS/program.efi"
    verify_efi signed.efi
}

# Key and certificate come from pkcs11-provider. osslsigncode verifies the chain.
systemd_sbsign_efi() {
    write_provider_configuration
    OPENSSL_CONF=$PWD/provider.cnf signs 1 /usr/lib/systemd/systemd-sbsign sign --private-key-source=provider:pkcs11 \
        --private-key="$KEY_URI" --certificate-source=provider:pkcs11 --certificate="${KEY_URI/type=private/type=cert}" \
        --output=signed.efi "$INPUTS/program.efi"
    verify_efi signed.efi
    run osslsigncode verify -CAfile "$CA" -in signed.efi
}

# pesign asks for a PIN on a terminal only, and so needs a token without login. It signs twice.
pesign_efi() {
    make_nss_database
    SIGNPATH_CRYPTOKI_LOGIN_REQUIRED=false signs 2 pesign --sign --in "$INPUTS/program.efi" --out signed.efi --certdir nss \
        --nss-token SignPath -c "$KEY"
    verify_efi signed.efi
}

# sbverify does not check the chain, but osslsigncode 2.5 rejects these signatures. Argument: the file.
verify_efi() { run sbverify --cert "$CERTIFICATE" "$1"; }
