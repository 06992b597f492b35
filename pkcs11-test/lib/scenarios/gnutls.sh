# shellcheck shell=bash
# GnuTLS: p11tool and certtool.

gnutls_url() { echo "pkcs11:token=SignPath;object=${KEY/\//%2F};type=private"; }

# Private keys are visible only after login.
p11tool_list() {
    local keys
    keys=$(policy_count)
    expect processes 2
    run p11tool --provider "$MODULE" --list-all >said
    says "$keys" 'type=public$'
    says $((keys - 1)) 'type=cert$'
    says 0 'type=private$'
    run p11tool --provider "$MODULE" --login --set-pin "$PIN" --list-all >said
    says "$keys" 'type=public$'
    says $((keys - 1)) 'type=cert$'
    says "$keys" 'type=private$'
    says 1 "object=${KEY/\//%2F};type=private\$"
}

# p11tool verifies with GnuTLS and the public key of the token. Arguments: further options.
p11tool_test_sign() {
    signs 1 p11tool --provider "$MODULE" --login --set-pin "$PIN" --test-sign "$@" "$(gnutls_url)" &>said
    says 1 '^Signing using .*ok$'
    says 1 '^Verifying against public key in the token.* ok$'
}

certtool_self_signed() {
    printf 'cn = "%s"\nexpiration_days = 10\nsigning_key\n' "$KEY" >template
    export GNUTLS_PIN=$PIN
    signs 1 certtool --provider "$MODULE" --generate-self-signed --template template --load-privkey "$(gnutls_url)" \
        --outfile self-signed.pem
    same_public_key self-signed.pem
    run openssl verify -check_ss_sig -CAfile self-signed.pem self-signed.pem
}

certtool_p7() {
    export GNUTLS_PIN=$PIN
    signs 1 certtool --provider "$MODULE" --p7-detached-sign --load-privkey "$(gnutls_url)" \
        --load-certificate "$CERTIFICATE" --infile "$INPUTS/long" --outfile signature.p7s
    verify_cms PEM -content "$INPUTS/long"
}
