# shellcheck shell=bash
# OpenSC's pkcs11-tool.

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

# --test marks each failed expectation with ERR and counts them in its last line. It tries each RSA key, also with mechanisms that are
# not in the list.
pkcs11_tool_test() {
    may_complain
    export SIGNPATH_PROJECT_SLUG=${KEY%/*} SIGNPATH_SIGNING_POLICY_SLUG=${KEY#*/}
    signs some pkcs11-tool --module "$MODULE" --login --pin "$PIN" --test >said
    says 1 'all 4 digest functions seem to work'
    says 1 'all 4 signature functions seem to work'
    says 2 '^ +RSA-PKCS: OK'
    says some '^ +SHA256-RSA-PKCS: OK'
    says 1 '^No errors$'
    says 0 'ERR|[Ff]ailed'
}

# The child initializes the module; --test-fork does not report its status.
pkcs11_tool_fork() {
    run pkcs11-tool --module "$MODULE" --login --pin "$PIN" --test-fork &>said
    says some 'Calling C_Initialize in forked child process'
    says 0 'error|failed|CKR_'
}

# The information on module, slot and token, and the objects before and after login. Only the objects take a request.
pkcs11_tool_token() {
    local keys
    keys=$(policy_count)
    run pkcs11-tool --module "$MODULE" --show-info >said
    says 1 '^Library +PKCS #11 for SignPath'
    run pkcs11-tool --module "$MODULE" --list-slots >said
    says 1 '^Slot 0 \(0x1\): SignPath'
    run pkcs11-tool --module "$MODULE" --list-token-slots >said
    says 1 '^ +token label +: SignPath$'
    says 1 '^ +token flags +: login required.*token initialized, PIN initialized, readonly'
    run pkcs11-tool --module "$MODULE" --list-mechanisms >said
    says 1 '^ +RSA-PKCS, keySize=\{2048,4096\}, hw, sign, verify'
    says 1 '^ +ECDSA, keySize=\{256,521\}, hw, sign, verify, EC F_P, EC OID'
    says 1 '^ +SHA256, digest$'

    expect processes 2
    run pkcs11-tool --module "$MODULE" --list-objects >said
    says "$keys" '^Public Key Object'
    says $((keys - 1)) '^Certificate Object'
    says 0 '^Private Key Object'
    run pkcs11-tool --module "$MODULE" --login --pin "$PIN" --list-objects >said
    says "$keys" '^Public Key Object'
    says $((keys - 1)) '^Certificate Object'
    says "$keys" '^Private Key Object'
    says some "^ +label: +$KEY\$"
}

# The certificate and the public key as files, without login. pkcs11-tool 0.23 cannot write P-384 keys, whoever holds them.
pkcs11_tool_read() {
    expect processes 2
    run pkcs11-tool --module "$MODULE" --read-object --type cert --id "$KEY_HEX" --output-file certificate.der
    openssl x509 -in "$CERTIFICATE" -outform DER | cmp - certificate.der
    run pkcs11-tool --module "$MODULE" --read-object --type pubkey --id "$KEY_HEX" --output-file public-key.der
    openssl pkey -pubin -in public-key -outform DER | cmp - public-key.der
}

# Every way to name the slot, and the PIN from a variable.
pkcs11_tool_slots() {
    local -a slots=("--slot 1" "--slot 0x1" "--slot-index 0" "--token-label SignPath")
    local slot
    expect processes ${#slots[@]}
    export SIGNING_PIN=$PIN
    for slot in "${slots[@]}"; do
        # shellcheck disable=SC2086 # the option and its value
        signs 1 pkcs11-tool --module "$MODULE" $slot --login --pin env:SIGNING_PIN --id "$KEY_HEX" --sign \
            --mechanism SHA256-RSA-PKCS --input-file "$INPUTS/long" --output-file signature
        verify_signature "$INPUTS/long" sha256
    done
}
