# shellcheck shell=bash
# Boot images and update bundles for devices: U-Boot's mkimage, and RAUC.

# An image with a signature of its own, which covers only its data, and a configuration with one over the nodes of the tree. mkimage
# signs again when the image has to grow.
mkimage_fit() {
    cp "$INPUTS/long" kernel
    page_block docs/tools/mkimage.md source >image.its
    echo '/dts-v1/; / { };' | run dtc -O dtb -o u-boot.dtb
    MKIMAGE_SIGN_PIN=$PIN signs some mkimage -N pkcs11 -k "object=${KEY/\//%2F}" -K u-boot.dtb -r -f image.its image.itb
    verify_fit
}

# dumpimage only shows signatures. That of the configuration is over regions of the file which only U-Boot finds, so that the digest in
# it is all there is to see.
verify_fit() {
    property image.itb /images/kernel data | cmp - "$INPUTS/long"
    property image.itb /images/kernel/signature value >signature
    verify_signature "$INPUTS/long" sha256
    property image.itb /configurations/conf/signature value >signature
    run openssl pkeyutl -verifyrecover -pubin -inkey public-key -pkeyopt digest:sha256 -in signature -out digest
    [[ $(stat --format %s digest) == 32 ]] || fail "the configuration is not signed"
    # The key in the device tree of U-Boot.
    property u-boot.dtb /signature/key-release rsa,modulus | od -An -v -tx1 | tr -d ' \n' >modulus
    openssl rsa -pubin -in public-key -noout -modulus | sed 's/^Modulus=//' | tr '[:upper:]' '[:lower:]' | tr -d '\n' | cmp - modulus
    [[ $(fdtget u-boot.dtb /signature/key-release required) == conf ]] || fail "U-Boot does not require the key"
}

# Prints the bytes of a property. Arguments: the device tree, the node, the property.
property() { printf "$(fdtget -t bx "$@" | sed 's/^/ /; s/ /\\x/g')"; }

# RAUC verifies with the keyring of a device's configuration, openssl the manifest.
rauc_bundle() {
    local uri="pkcs11:${TOKEN:+token=$TOKEN;}object=${KEY/\//%2F}"
    mkdir bundle
    cp "$INPUTS/long" bundle/rootfs.img
    cp "$CA" ca.pem
    page_block docs/tools/rauc.md manifest >bundle/manifest.raucm
    page_block docs/tools/rauc.md system -e 's#path=.*#path=ca.pem#' >system.conf
    RAUC_PKCS11_MODULE=$MODULE RAUC_PKCS11_PIN=$PIN signs 1 rauc "--cert=$uri" "--key=$uri" bundle bundle app.raucb
    run rauc --conf=system.conf info app.raucb >said
    says 1 "Subject: .*CN = Code Signing ${KEY/\// }\$"
    verify_bundle app.raucb
}

# A bundle ends with the signature, which has the manifest in it, and its length in 8 bytes. Argument: the bundle.
verify_bundle() {
    local length
    length=$((16#$(tail -c 8 "$1" | od -An -v -tx1 | tr -d ' ')))
    tail -c $((length + 8)) "$1" | head -c "$length" >signature.p7s
    run openssl cms -verify -CAfile "$CA" -purpose any -binary -inform DER -in signature.p7s -out manifest
    grep -qx "sha256=$(sha256sum "$INPUTS/long" | cut -d ' ' -f 1)" manifest || fail "the manifest has another digest of the image"
}
