# shellcheck shell=bash
# An API token that SignPath does not accept: each tool logs in once, shows the module's line, and fails in its own way.

# Runs a tool that must fail with an exit status, not by a signal. The service refuses each request, so the number of requests is that of
# the logins. Arguments: how many requests the tool makes, the tool and its arguments.
refuses() {
    local count=$1 before status=0 errors
    shift
    before=$(request_count)
    SIGNPATH_API_TOKEN=revoked timeout --foreground --kill-after=10 "$TOOL_SECONDS" "$@" &>said || status=$?
    ((status != 0)) || fail "$1 exited with status 0"
    ((status < 124 || status > 192)) || exit_status_is 0 "$status" "$1"
    read -r _ _ _ errors _ < <(count_requests "$before")
    ((errors == count)) || fail "$1 made $errors requests instead of $count"
    expect refusals "$count"
    may_complain
}

# The module's line is among what the tool shows.
says_why() {
    says 1 '^signpath-pkcs11: error: C_Login: SignPath refused the API token \(401 Unauthorized\).*check that the API token .*\[CKR_PIN_INCORRECT\]$'
    says 0 revoked
}

refused_openssl() {
    expect processes 3
    refuses 1 openssl dgst -engine pkcs11 -keyform engine -sign "$KEY_URI" -sha256 -out signature "$INPUTS/long"
    says_why
    refuses 1 openssl pkeyutl -sign -engine pkcs11 -keyform engine -inkey "$KEY_URI" -pkeyopt digest:sha256 \
        -in "$INPUTS/digest" -out signature
    says_why
    refuses 1 openssl cms -sign -engine pkcs11 -keyform engine -inkey "$KEY_URI" -signer "$CERTIFICATE" -binary \
        -in "$INPUTS/long" -outform DER -out signature.p7s
    says_why
}

# It looks for the certificate before it logs in.
refused_osslsigncode() {
    refuses 2 osslsigncode sign -pkcs11module "$MODULE" -key "$KEY_URI" -pass "$PIN" \
        -pkcs11cert "${KEY_URI/type=private/type=cert}" -h sha256 -in "$INPUTS/program.efi" -out signed.efi
    says_why
    says 1 '^signpath-pkcs11: warning: cannot show objects before login: SignPath refused the API token \(401'
    [[ ! -e signed.efi ]]
}

refused_sbsign() {
    refuses 1 sbsign --engine pkcs11 --key "$KEY_URI" --cert "$CERTIFICATE" --output signed.efi "$INPUTS/program.efi"
    says_why
    [[ ! -e signed.efi ]]
}

refused_java() {
    configure_provider
    local -a store=(-storetype PKCS11 -keystore NONE -storepass "$PIN" -providerClass sun.security.pkcs11.SunPKCS11
        -providerArg provider.cfg)
    expect processes 2
    refuses 1 keytool -list "${store[@]}"
    says_why
    refuses 1 jarsigner "${store[@]}" -sigalg SHA256withRSA -signedjar signed.jar "$INPUTS/program.jar" "$KEY"
    says_why
    [[ ! -e signed.jar ]]
}

refused_pkcs11_tool() {
    refuses 1 pkcs11-tool --module "$MODULE" --login --pin "$PIN" --id "$KEY_HEX" --sign --mechanism SHA256-RSA-PKCS \
        --input-file "$INPUTS/short" --output-file signature
    says_why
    says 1 'C_Login failed: rv = CKR_PIN_INCORRECT'
}

refused_gnutls() {
    expect processes 2
    refuses 1 p11tool --provider "$MODULE" --login --set-pin "$PIN" --test-sign "$(gnutls_url)"
    says_why
    export GNUTLS_PIN=$PIN
    refuses 1 certtool --provider "$MODULE" --p7-detached-sign --load-privkey "$(gnutls_url)" \
        --load-certificate "$CERTIFICATE" --infile "$INPUTS/long" --outfile signature.p7s
    says_why
}

refused_nss() {
    make_nss_database
    refuses 1 certutil -K -d sql:nss -h SignPath -f pin
    says_why
}

# The agent in the background has no stderr, so the line is in the log file.
refused_ssh_agent() {
    SIGNPATH_API_TOKEN=revoked start_ssh_agent
    refuses 1 env SSH_ASKPASS="$PWD/askpass" SSH_ASKPASS_REQUIRE=force ssh-add -s "$MODULE"
    says 1 'agent refused operation'
}

refused_python() {
    expect processes 2
    refuses 1 /usr/bin/python3 "$SCENARIOS/pykcs11_sign.py" "$MODULE" "$PIN" "$KEY" CKM_SHA256_RSA_PKCS "$INPUTS/long" \
        signature
    says_why
    says 1 '^PyKCS11.PyKCS11Error: CKR_PIN_INCORRECT'
    prepare_python
    refuses 1 "$PYTHON" "$SCENARIOS/python_pkcs11_sign.py" "$MODULE" "$PIN" "$KEY" SHA256_RSA_PKCS "$INPUTS/long" signature
    says_why
    says 1 '^pkcs11.exceptions.PinIncorrect'
}

# gnupg-pkcs11-scd asks for the PIN, and logs in, up to three times.
refused_gpg() {
    make_openpgp_key
    run gpgconf --kill all
    export SIGNPATH_API_TOKEN=revoked
    expect processes 2
    # gpg 2.4 asks for another card after the first refusal, and the pinentry does not confirm.
    refuses "$(is_gpg_2_4 && echo 1 || echo 3)" gpg --local-user "$KEY" --output signature --detach-sign "$INPUTS/short"
}
