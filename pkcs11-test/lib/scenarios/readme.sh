# shellcheck shell=bash
# Runs the commands of README.md verbatim, for the signing policy `release` of the project `app`.

README=$PWD/README.md

# Prints a block of commands from the README, with the path of the module replaced.
# Arguments: the section's heading, the number of the block within it (from 1).
readme_block() {
    local block
    block=$(awk -v heading="$1" -v number="$2" '
        /^##/ { inside = ($0 == heading) }
        inside && !block && /^    / { block = 1; count++ }
        !/^    |^$/ { block = 0 }
        block && count == number { print substr($0, 5) }' "$README")
    [[ -n $block ]] || fail "README.md has no block $2 in \"$1\""
    # shellcheck disable=SC2001 # the path contains slashes
    sed "s#/usr/local/lib/libsignpath_pkcs11.so#$MODULE#g" <<<"$block"
}

# Runs a block. Arguments: the number of signing requests, the heading, the block, a command to run first.
readme_commands() {
    echo "${4:-}" >commands
    readme_block "$2" "$3" >>commands
    cat commands
    signs "$1" bash -euo pipefail commands
}

# Creates the files used by the commands, and adds the command-line tool to PATH.
prepare_readme() {
    export PKCS11_MODULE=$MODULE
    PATH=$PROGRAMS:$PATH
    cp "$INPUTS/long" file
    cp "$INPUTS/digest" file.sha256
    cp "$CERTIFICATE" app.pem
}

readme_certificate() {
    prepare_readme
    rm app.pem
    readme_commands 0 '## Use it with your organization' 2
    cmp app.pem <(openssl x509 -in "$CERTIFICATE")
}

readme_openssl() {
    expect processes 3
    prepare_readme
    readme_commands 3 '### openssl' 1
    run openssl dgst -sha256 -verify public-key -signature file.sig file
    mv file.p7s signature.p7s
    verify_cms DER -content file
}

readme_osslsigncode() {
    prepare_readme
    cp "$INPUTS/program.efi" app.exe
    readme_commands 1 '### osslsigncode' 1
    run osslsigncode verify -CAfile "$CA" -in app-signed.exe
}

readme_efi() {
    expect processes 4
    prepare_readme
    cp "$INPUTS/program.efi" app.efi
    readme_commands 1 '### sbsign and pesign' 1
    readme_commands 0 '### NSS' 1
    readme_commands 2 '### sbsign and pesign' 2
    for signed in app-signed.efi app-signed-too.efi; do
        verify_efi "$signed"
    done
}

readme_java() {
    prepare_readme
    cp "$INPUTS/program.jar" app.jar
    readme_block '### jarsigner and apksigner' 1 >signpath.cfg
    readme_commands 1 '### jarsigner and apksigner' 2
    trust signer app.pem
    run jarsigner -verify -strict -keystore trusted.p12 -storepass "$STORE_PASSWORD" app-signed.jar signer
}

readme_pkcs11_tool() {
    prepare_readme
    readme_commands 1 '### pkcs11-tool' 1
    run openssl dgst -sha256 -verify public-key -signature file.sig file
}

readme_gpg() {
    prepare_readme
    export GNUPGHOME=$PWD/gnupg
    mkdir -m 700 gnupg
    trap 'gpgconf --kill all' EXIT
    make_pinentry
    readme_block '### gpg' 1 >gnupg/gpg-agent.conf
    echo "pinentry-program $PWD/pinentry" >>gnupg/gpg-agent.conf
    readme_block '### gpg' 2 >gnupg/gnupg-pkcs11-scd.conf
    readme_commands 0 '### gpg' 3
    readme_block '### gpg' 4 | sed "s/THE KEYGRIP/$(keygrip)/" >key
    readme_commands 3 '### gpg' 5
    run gpg --verify file.sig file
}

readme_gnutls() {
    expect processes 3
    prepare_readme
    readme_commands 2 '### GnuTLS' 1
    mv file.p7s signature.p7s
    verify_cms PEM -content file
}

readme_openssh() {
    expect processes 2
    prepare_readme
    printf '#!/bin/sh\necho CONFIG\n' >askpass
    chmod +x askpass
    echo "signer $(ssh_public_key)" >allowed-signers
    export SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force
    readme_commands 1 '### OpenSSH' 1 "trap 'ssh-agent -k' EXIT"
    run ssh-keygen -Y verify -f allowed-signers -I signer -n file -s file.sig <"$INPUTS/long"
}

readme_p11_kit() {
    prepare_readme
    register_module "$(readme_block '### p11-kit' 1)"
    readme_block '### p11-kit' 2 >commands
    signs 1 "${AS_USER[@]}" bash -euo pipefail commands &>said
    says 1 '^ +token: SignPath$'
    says 1 '^Verifying against public key in the token.* ok$'
}

readme_python() {
    expect processes 2
    prepare_readme
    prepare_python
    readme_block '### Python' 1 >python-pkcs11.py
    signs 1 "$PYTHON" python-pkcs11.py
    run openssl dgst -sha256 -verify public-key -signature file.sig file
    rm file.sig
    readme_block '### Python' 2 >pykcs11.py
    signs 1 /usr/bin/python3 pykcs11.py
    run openssl dgst -sha256 -verify public-key -signature file.sig file
}
