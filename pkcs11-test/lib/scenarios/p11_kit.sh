# shellcheck shell=bash
# p11-kit: the module registered for all applications that use p11-kit.

# Registers the module for a user with the current folder as home. Root has no modules of its own, so it switches to
# another user who can read the files. Sets AS_USER, the start of a command line. Argument: the setting in the module's
# file.
register_module() {
    export HOME=$PWD/home
    unset XDG_CONFIG_HOME
    mkdir -p home/.config/pkcs11/modules
    echo "$1" >home/.config/pkcs11/modules/signpath.module
    AS_USER=()
    if ((EUID == 0)); then
        AS_USER=(setpriv --reuid=nobody --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override)
    fi
}

# Uses p11-kit's proxy, which exposes the tokens of all registered modules, as the module.
use_proxy() {
    local -a proxies=(/usr/lib/*/p11-kit-proxy.so)
    MODULE=${proxies[0]}
    use_key "$KEY"
}

# Signs through the proxy. Arguments: the setting in the module's file, the mechanism.
p11_kit_proxy() {
    register_module "$1"
    use_proxy
    signs 1 "${AS_USER[@]}" pkcs11-tool --module "$MODULE" --token-label SignPath --login --pin "$PIN" \
        --id "$KEY_HEX" --sign --mechanism "$2" --signature-format openssl --input-file "$INPUTS/long" --output-file signature
    verify_signature "$INPUTS/long" sha256
}

p11_kit_module() {
    register_module "module: $MODULE"
    run "${AS_USER[@]}" p11-kit list-modules >said
    says 1 '^ +token: SignPath$'
    p11_kit_proxy "module: $MODULE" ECDSA-SHA256
}

# Runs the module in a separate process. p11-kit 0.24 does not support all mechanisms there, such as CKM_ECDSA_SHA256.
p11_kit_remote() { p11_kit_proxy "remote: |p11-kit remote $MODULE" SHA256-RSA-PKCS; }

p11_kit_engine() {
    register_module "module: $MODULE"
    use_proxy
    signs 1 "${AS_USER[@]}" openssl dgst -engine pkcs11 -keyform engine -sign "${KEY_URI/pkcs11:/pkcs11:token=SignPath;}" -sha256 \
        -out signature "$INPUTS/long"
    verify_signature "$INPUTS/long" sha256
}
