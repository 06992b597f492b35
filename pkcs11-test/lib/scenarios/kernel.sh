# shellcheck shell=bash
# The programs of the Linux kernel's build: sign-file and extract-cert. Those of Debian load pkcs11-provider.

# Sets SIGN_FILE and EXTRACT_CERT.
find_kbuild() {
    local -a folders=(/usr/lib/linux-kbuild-*)
    SIGN_FILE=${folders[0]}/scripts/sign-file
    EXTRACT_CERT=${folders[0]}/certs/extract-cert
}

# Any file will do as a module: sign-file appends to it.
kernel_module() {
    find_kbuild
    write_provider_configuration
    cp "$INPUTS/long" demo.ko
    OPENSSL_CONF=$PWD/provider.cnf signs 1 "$SIGN_FILE" sha256 "$KEY_URI" "$CERTIFICATE" demo.ko
    verify_module demo.ko
}

# scripts/sign-file.c: after the module come the signature, 12 bytes that end with its length, and 28 bytes of text. The signature
# has no certificate. Argument: the module.
verify_module() {
    local size length
    size=$(stat --format %s "$INPUTS/long")
    [[ $(tail -c 28 "$1") == "~Module signature appended~" ]] || fail "there is no signature at the end"
    length=$((16#$(tail -c 32 "$1" | head -c 4 | od -An -v -tx1 | tr -d ' ')))
    (($(stat --format %s "$1") == size + length + 40)) || fail "the module is not what was signed"
    head -c "$size" "$1" | cmp - "$INPUTS/long"
    tail -c "+$((size + 1))" "$1" | head -c "$length" >signature.p7s
    verify_cms DER -content "$INPUTS/long" -certfile "$CERTIFICATE"
}

kernel_certificate() {
    find_kbuild
    write_provider_configuration
    OPENSSL_CONF=$PWD/provider.cnf signs 0 "$EXTRACT_CERT" "${KEY_URI/type=private/type=cert}" certificate.der
    openssl x509 -in "$CERTIFICATE" -outform DER | cmp - certificate.der
}
