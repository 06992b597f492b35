# shellcheck shell=bash
# Boot images and update bundles for devices: U-Boot's mkimage.

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
