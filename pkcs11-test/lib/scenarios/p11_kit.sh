# shellcheck shell=bash
# p11-kit: the module registered for all programs that use p11-kit.

# Registers the module for a user whose home is here. Root has no modules of its own, and so becomes another user, who can read
# the files all the same. Sets AS_USER, the start of a command line. Argument: the setting in the module's file.
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

# Makes p11-kit's proxy the module, which shows the tokens of all registered modules.
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

# The module in a process of its own. p11-kit 0.24 cannot send all mechanisms to it, CKM_ECDSA_SHA256 among them.
p11_kit_remote() { p11_kit_proxy "remote: |p11-kit remote $MODULE" SHA256-RSA-PKCS; }

p11_kit_engine() {
    register_module "module: $MODULE"
    use_proxy
    signs 1 "${AS_USER[@]}" openssl dgst -engine pkcs11 -keyform engine -sign "${KEY_URI/pkcs11:/pkcs11:token=SignPath;}" -sha256 \
        -out signature "$INPUTS/long"
    verify_signature "$INPUTS/long" sha256
}
