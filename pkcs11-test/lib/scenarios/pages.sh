# shellcheck shell=bash
# The commands of the README and of the pages in docs/ as they stand there, for the signing policy `release` of the project `app`.
# A code block that is run has a name: the second word after its fence.

PAGES=$PWD

# Prints the blocks of a page that have this name, one after the other; only the path of the module is another.
# Arguments: the page, the name, expressions for sed for what else exists only on the page.
page_block() {
    local block
    block=$(awk -v name="$2" '
        /^```/ { inside = !inside && NF == 2 && $2 == name; next }
        inside' "$PAGES/$1")
    [[ -n $block ]] || fail "$1 has no block named $2"
    printf '%s\n' "$block" | sed -e "s#/usr/local/lib/libsignpath_pkcs11.so#$MODULE#g" "${@:3}"
}

# Runs such a block after what HERE holds. Arguments: how many signing requests, and those of page_block.
HERE=''
page_commands() {
    printf '%s\n' "$HERE" >commands
    page_block "${@:2}" >>commands
    cat commands
    signs "$1" bash -euo pipefail commands
    # The next block of a page may use its variables.
    HERE+=$'\n'$(grep '^export ' commands || true)
}

# Makes the files that the commands name, and puts the command line into PATH.
prepare_page() {
    PATH=$PROGRAMS:$PATH
    cp "$INPUTS/long" file
    cp "$CA" ca.pem
}

# Installs module and command: the command looks for the module around itself.
install_page() {
    mkdir -p installed/bin installed/lib
    cp "$PROGRAMS/signpath-pkcs11" installed/bin
    cp "$MODULE" installed/lib
    PATH=$PWD/installed/bin:$PATH
}

page_readme() {
    local page=README.md
    expect processes 5
    expect others 3
    prepare_page
    install_page
    page_commands 0 $page doctor
    page_commands 1 $page first
    page_commands 0 $page verify
}

page_readme_provider() {
    local page=README.md
    expect processes 3
    prepare_page
    install_page
    page_commands 1 $page provider
    page_commands 0 $page verify
}

page_command_line() {
    local page=docs/command-line.md
    expect processes 9
    expect others 3
    prepare_page
    install_page
    page_commands 0 $page list >listed
    ! grep -qx demo/gpg listed || fail "a signing policy without a certificate is among those that expire soon"
    page_commands 0 $page certificate
    same_public_key app.pem
    cmp <(openssl x509 -in app.pem -outform DER) app.der
    page_commands 1 $page sign
    page_commands 0 $page verify
    page_commands 0 $page setup
    page_commands 0 $page doctor-json
    page_commands 0 $page man
    [[ -s man1/signpath-pkcs11-sign.1 && -s signpath-pkcs11.bash ]] || fail "there are no manual pages or no completions"
}

page_logging() {
    expect processes 0
    prepare_page
    export PKCS11_MODULE=$MODULE
    page_commands 0 docs/logging.md debug >output
    grep -q ' debug: C_GetSlotList(.*): CKR_OK in ' output || fail "the log has no calls"
}

page_journal() {
    expect processes 1
    prepare_page
    cp file app.bin
    page_commands 1 docs/journal.md journal >shown
    grep -q ' app/release .* yes$' shown || fail "the journal has no verified signature"
    run openssl dgst -sha256 -verify public-key -signature app.sig app.bin
}

page_openssl() {
    local page=docs/tools/openssl.md
    expect processes 5
    prepare_page
    page_commands 0 $page before
    page_commands 2 $page sign
    page_commands 0 $page verify
    page_commands 0 $page verify-cms
    page_commands 1 $page digest
    page_commands 0 $page verify
    page_commands 1 $page req
    run openssl req -in app.csr -verify -noout
}

# The certificate comes from the token. What verifies has openssl's own configuration.
page_openssl_provider() {
    local page=docs/tools/openssl.md
    expect processes 7
    prepare_page
    install_page
    page_commands 0 $page provider
    page_commands 2 $page provider-sign
    page_commands 0 $page provider-read
    HERE='' page_commands 0 $page verify
    HERE='' page_commands 0 $page verify-cms
    rm file.sig
    page_commands 1 $page provider-digest
    HERE='' page_commands 0 $page verify
    page_commands 2 $page provider-req
    run openssl req -in app.csr -verify -noout
    same_public_key self-signed.pem
    run openssl verify -check_ss_sig -CAfile self-signed.pem self-signed.pem
}

page_pkcs11prov() {
    local page=docs/tools/openssl.md
    expect processes 3
    prepare_page
    page_block $page pkcs11prov >pkcs11prov.cnf
    export OPENSSL_MODULES=$PKCS11PROV_MODULES
    page_commands 2 $page pkcs11prov-sign
    HERE='' page_commands 0 $page before
    HERE='' page_commands 0 $page verify
    HERE='' page_commands 0 $page verify-cms
}

page_osslsigncode_provider() {
    local page=docs/tools/osslsigncode.md
    expect processes 2
    prepare_page
    PATH=$LIBP11_FOLDER:$PATH
    cp "$INPUTS/program.efi" app.exe
    page_commands 0 $page before
    OPENSSL_MODULES=$PKCS11PROV_MODULES PKCS11_DEBUG_LEVEL=4 page_commands 1 $page pkcs11prov
    page_commands 0 $page verify
    rm app-signed.exe
    page_commands 1 $page provider
    page_commands 0 $page verify
}

page_osslsigncode() {
    local page=docs/tools/osslsigncode.md
    expect processes 3
    prepare_page
    cp "$INPUTS/program.efi" app.exe
    page_commands 0 $page before
    page_commands 1 $page sign
    page_commands 0 $page verify
    page_commands 1 $page setup
    run osslsigncode verify -CAfile "$CA" -in app-signed-too.exe
}

page_sbsign() {
    local page=docs/tools/sbsign.md
    expect processes 2
    prepare_page
    cp "$INPUTS/program.efi" app.efi
    page_commands 0 $page before
    page_commands 1 $page sign
    page_commands 0 $page verify
}

page_systemd_sbsign() {
    local page=docs/tools/systemd-sbsign.md
    expect processes 4
    prepare_page
    install_page
    cp "$INPUTS/program.efi" app.efi
    cp "$INPUTS/program.efi" vmlinuz
    cp file initrd
    page_commands 0 $page before
    page_commands 1 $page sign
    HERE='' page_commands 0 $page verify
    page_commands 1 $page ukify
    verify_efi kernel.efi
}

# dnssec-keygen looks at the key that is there. The provider tries to put the other key into the token.
page_bind() {
    local page=docs/tools/bind.md
    may_complain
    expect processes 4
    prepare_page
    install_page
    make_zone
    page_commands 0 $page before
    page_commands 0 $page keys
    page_commands 1 $page sign
    page_commands 0 $page verify
    verify_zone zone.signed
}

page_sign_file() {
    local page=docs/tools/sign-file.md
    expect processes 4
    prepare_page
    install_page
    cp file app.ko
    page_commands 0 $page before
    page_commands 1 $page sign
    verify_module app.ko
    HERE='' page_commands 0 $page verify
}

page_pesign() {
    local page=docs/tools/pesign.md
    expect processes 2
    prepare_page
    cp "$INPUTS/program.efi" app.efi
    page_commands 0 $page before
    page_commands 2 $page sign
    page_commands 0 $page verify
}

page_mkimage() {
    local page=docs/tools/mkimage.md
    expect processes 2
    prepare_page
    cp file kernel
    page_block $page source >image.its
    echo '/dts-v1/; / { };' | run dtc -O dtb -o u-boot.dtb
    page_commands 0 $page before
    page_commands some $page sign
    page_commands 0 $page verify
    verify_fit
}

page_rauc() {
    local page=docs/tools/rauc.md
    prepare_page
    mkdir bundle
    cp file bundle/rootfs.img
    page_block $page manifest >bundle/manifest.raucm
    page_block $page system -e "s#path=.*#path=$PWD/ca.pem#" >system.conf
    page_commands 0 $page before
    page_commands 1 $page sign
    page_commands 0 $page verify
    verify_bundle app.raucb
}

page_jarsigner() {
    local page=docs/tools/jarsigner.md
    expect processes 2
    prepare_page
    cp "$INPUTS/program.jar" app.jar
    page_block $page provider >signpath.cfg
    page_commands 1 $page sign
    page_commands 0 $page verify
}

# Without a manifest, the oldest version of Android has to be told.
page_apksigner() {
    local page=docs/tools/apksigner.md
    prepare_page
    touch AndroidManifest.xml
    jar --create --no-manifest --file app.apk AndroidManifest.xml -C "$INPUTS/classes" .
    page_block $page provider >signpath.cfg
    page_block $page security >java.security
    page_commands 4 $page sign -e 's/ sign / sign --min-sdk-version 21 /'
    page_commands 0 $page verify -e 's/ verify / verify --min-sdk-version 21 /'
}

page_pkcs11_tool() {
    local page=docs/tools/pkcs11-tool.md
    expect processes 3
    prepare_page
    page_commands 0 $page before
    page_commands 0 $page list
    page_commands 1 $page sign
    page_commands 0 $page verify
}

# The OpenPGP key `Release` of the page on gpg, and a signed file.
make_page_key() {
    local page=docs/tools/gpg.md
    prepare_page
    export GNUPGHOME=$PWD/gnupg
    mkdir -m 700 gnupg
    # With a key that gnupg-pkcs11-scd does not know, gpg 2.4 asks for a card without end.
    ! is_gpg_2_4 || export SIGNPATH_PROJECT_SLUG=app SIGNPATH_SIGNING_POLICY_SLUG=release
    trap 'timeout 30 gpgconf --kill all' EXIT
    make_pinentry
    page_block $page agent >gnupg/gpg-agent.conf
    echo "pinentry-program $PWD/pinentry" >>gnupg/gpg-agent.conf
    page_block $page scd >gnupg/gnupg-pkcs11-scd.conf
    page_commands 0 $page learn
    page_block $page key -e "s/THE KEYGRIP/$(keygrip)/" >key
    page_commands 3 $page sign
}

page_gpg() {
    make_page_key
    page_commands 0 docs/tools/gpg.md verify
    timeout 30 gpgconf --kill all

    # The signing policy with an OpenPGP key is demo/gpg here. The command and two daemons ask for the list.
    expect processes 4
    expect others 1
    # Short: gpg-agent has sockets below it.
    export XDG_DATA_HOME=$WORK/d
    unset SIGNPATH_PROJECT_SLUG SIGNPATH_SIGNING_POLICY_SLUG
    trap 'GNUPGHOME=$XDG_DATA_HOME/signpath-pkcs11/gnupg/demo/gpg timeout 30 gpgconf --kill all' EXIT
    page_commands 1 docs/tools/gpg.md imported -e "s#app/release#demo/gpg --module $MODULE#"
}

page_packages() {
    local page=docs/tools/rpmsign-debsigs.md
    make_page_key
    make_rpm
    make_deb
    mv demo.rpm app.rpm
    mv demo.deb app.deb
    page_commands 1 $page rpm
    page_commands 0 $page verify-rpm
    page_commands 1 $page deb
    page_commands 0 $page verify-deb
}

page_gnutls() {
    local page=docs/tools/gnutls.md
    expect processes 4
    prepare_page
    page_commands 0 $page before
    page_commands 2 $page sign
    page_commands 0 $page verify
}

# The page's signing policy for e-mail is demo/email here.
page_nss() {
    local page=docs/tools/nss.md
    expect processes 4
    prepare_page
    page_commands 0 $page before
    page_commands 0 $page list
    page_commands 1 $page sign -e 's#app/mail#demo/email#'
    page_commands 0 $page verify
}

page_openssh() {
    local page=docs/tools/openssh.md
    expect processes 2
    prepare_page
    printf '#!/bin/sh\necho CONFIG\n' >askpass
    chmod +x askpass
    export SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force
    HERE="trap 'ssh-agent -k' EXIT"
    page_commands 1 $page sign
    HERE=''
    page_commands 0 $page verify
    [[ $(cut -d ' ' -f 1-2 app.pub) == "$(ssh_public_key)" ]] || fail "the SSH key is not that of the certificate"
}

page_git() {
    local page=docs/tools/git.md
    expect processes 2
    prepare_page
    printf '#!/bin/sh\necho CONFIG\n' >askpass
    chmod +x askpass
    export SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force
    prepare_page_repository
    HERE="trap 'ssh-agent -k' EXIT"
    page_commands 2 $page ssh
    HERE=''
    page_commands 0 $page ssh-verify
}

# The current folder as a repository with something to commit.
prepare_page_repository() {
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
    run git init --quiet .
    run git config user.name demo
    run git config user.email demo@demo.example
    run git add file
}

# A folder of its own for GnuPG, and a program that knows the PIN.
page_git_x509() {
    local page=docs/tools/git.md
    expect processes 3
    prepare_page
    make_gnupg_home
    run gpgconf --kill all
    page_block docs/tools/gpg.md scd >gnupg/gnupg-pkcs11-scd.conf
    prepare_page_repository
    page_commands 0 $page x509-trust
    page_commands 2 $page x509
    page_commands 0 $page x509-verify
}

page_p11_kit() {
    local page=docs/tools/p11-kit.md
    prepare_page
    page_block $page remote >/dev/null
    register_module "$(page_block $page module)"
    page_block $page sign >commands
    signs 1 "${AS_USER[@]}" bash -euo pipefail commands &>said
    says 1 '^ +token: SignPath$'
    says 1 '^Verifying against public key in the token.* ok$'
}

page_python() {
    local page=docs/tools/python.md
    expect processes 4
    prepare_page
    prepare_python
    page_block $page python-pkcs11 >python-pkcs11.py
    signs 1 "$PYTHON" python-pkcs11.py
    page_commands 0 $page verify
    rm file.sig
    page_block $page pykcs11 >pykcs11.py
    signs 1 /usr/bin/python3 pykcs11.py
    page_commands 0 $page verify
}

# HSMSigner needs an EC key.
page_tuf() {
    local page=docs/tools/tuf.md
    expect processes 2
    prepare_page
    prepare_tuf
    page_block $page sign -e "s#app/release#$KEY#" >sign.py
    page_block $page verify >>sign.py
    HERE=$(page_block $page module)
    printf '%s\n' "$HERE" 'python sign.py' >commands
    signs 1 bash -euo pipefail commands
    page_commands 0 $page openssl -e "s#app/release#$KEY#"
}

page_node() {
    local page=docs/tools/node.md
    expect processes 2
    prepare_page
    prepare_node
    cp public-key app.pub
    page_block $page verify >verify.js
    page_block $page graphene >graphene.js
    signs 1 node graphene.js
    run node verify.js
    rm file.sig
    page_block $page pkcs11js >pkcs11js.js
    signs 1 node pkcs11js.js
    run node verify.js
}

page_go() {
    local page=docs/tools/go.md
    expect processes 2
    prepare_page
    page_block $page sign >sign.go
    build_crypto11
    signs 1 ./sign
    page_commands 0 $page verify
}

page_pyhanko() {
    local page=docs/tools/pyhanko.md
    prepare_page
    prepare_pyhanko
    make_pdf
    page_block $page configuration >pyhanko.yml
    page_commands 1 $page sign
    page_commands 0 $page verify
    verify_pdf file-signed.pdf
}

# The page's certificate is not for TLS, so that one of the same key takes its place.
page_curl() {
    local page=docs/tools/curl.md
    expect processes 3
    prepare_page
    page_commands 0 $page before
    self_signed_certificate app.pem
    serve_tls app.pem
    page_commands 1 $page use -e 's#https://server.example/#--unix-socket socket --cacert server.pem https://localhost/#' >said
    says some 'Verify return code: 0 \(ok\)|Verification: OK'
}

page_curl_provider() {
    expect processes 3
    prepare_page
    with_provider self_signed_certificate client.pem
    serve_tls client.pem
    page_commands 1 docs/tools/curl.md provider -e 's#--cert app.pem#--cert client.pem#' \
        -e 's#https://server.example/#--unix-socket socket --cacert server.pem https://localhost/#' >said
    says some 'Verify return code: 0 \(ok\)|Verification: OK'
}

page_nginx_provider() {
    local page=docs/tools/nginx.md
    expect processes 3
    prepare_page
    with_provider self_signed_certificate server.pem
    write_provider_configuration
    page_commands 0 $page uri-file
    {
        compgen -e | grep -E '^SIGNPATH_' | grep -vxE 'SIGNPATH_(ORGANIZATION_ID|API_TOKEN)' | sed 's/.*/env &;/'
        nginx_globals
        page_block $page provider -e "s#listen 443#listen unix:$PWD/socket#" -e "s#/etc/nginx/app.pem#$PWD/server.pem#" \
            -e "s#/etc/nginx/key.pem#$PWD/key.pem#" -e "s#^http {#&\n$(nginx_folders)#"
    } >nginx.conf
    OPENSSL_CONF=$PWD/provider.cnf run nginx -c "$PWD/nginx.conf"
    trap 'kill "$(cat nginx.pid)"' EXIT
    signs 1 openssl s_client -unix socket -CAfile server.pem -verify_return_error -verify_hostname localhost
}

page_nginx() {
    local page=docs/tools/nginx.md
    expect processes 3
    prepare_page
    self_signed_certificate server.pem
    {
        compgen -e | grep -E '^SIGNPATH_' | grep -vxE 'SIGNPATH_(ORGANIZATION_ID|API_TOKEN)' | sed 's/.*/env &;/'
        nginx_globals
        page_block $page nginx -e "s#listen 443#listen unix:$PWD/socket#" -e "s#/etc/nginx/app.pem#$PWD/server.pem#" \
            -e "s#^http {#&\n$(nginx_folders)#"
    } >nginx.conf
    page_block $page openssl >openssl.cnf
    OPENSSL_CONF=$PWD/openssl.cnf run nginx -c "$PWD/nginx.conf"
    trap 'kill "$(cat nginx.pid)"' EXIT
    signs 1 openssl s_client -unix socket -CAfile server.pem -verify_return_error -verify_hostname localhost
}

page_stunnel() {
    expect processes 3
    prepare_page
    self_signed_certificate app.pem
    {
        printf 'pid = %s\noutput = %s\n' "$PWD/stunnel.pid" "$PWD/stunnel.log"
        page_block docs/tools/stunnel.md stunnel -e "s#^accept = .*#accept = $PWD/socket#" -e "s# app.pem# $PWD/app.pem#" \
            -e 's#^connect = .*#exec = /bin/echo\nexecArgs = echo served#'
    } >stunnel.conf
    run stunnel "$PWD/stunnel.conf"
    trap 'kill "$(cat stunnel.pid)"' EXIT
    signs 1 openssl s_client -unix socket -CAfile app.pem -verify_return_error -verify_hostname localhost -quiet >said
    says 1 '^served$'
}

# With an authority for timestamps on this machine in the place of the page's.
page_timestamps() {
    local page=docs/recipes/timestamps.md authority
    expect processes 3
    prepare_page
    start_timestamp_authority
    authority=s#http://timestamp.digicert.com#$(cat tsa/url)#
    cp "$INPUTS/program.efi" app.exe
    cp "$INPUTS/program.jar" app.jar
    cp tsa/ca.pem tsa-ca.pem
    page_commands 0 $page before
    page_commands 1 $page osslsigncode -e "$authority"
    run osslsigncode verify -CAfile "$CA" -TSA-CAfile tsa-ca.pem -in app-signed.exe >said
    says some '^Timestamp Server Signature verification: ok'
    page_commands 0 $page osslsigncode-add -e "$authority"
    run osslsigncode verify -CAfile "$CA" -TSA-CAfile tsa-ca.pem -in app-stamped.exe
    page_block docs/tools/jarsigner.md provider >signpath.cfg
    page_commands 1 $page jarsigner -e "$authority"
    run jarsigner -verify -verbose:all -certs app-signed.jar >said
    says some 'Timestamped by '
    signs 1 signpath-pkcs11 sign app/release --file file --output file.sig
    page_commands 0 $page openssl -e "$authority"
    page_commands 0 $page openssl-verify
}

# The service's CA is the only one above the certificates.
page_chain() {
    local page=docs/recipes/certificate-chain.md
    expect processes 4
    prepare_page
    cp "$CA" chain-certificates.pem
    cp "$CA" root.pem
    cp "$INPUTS/program.efi" app.exe
    page_commands 0 $page issuer
    page_commands 0 $page setting
    [[ $(grep -c 'BEGIN CERTIFICATE' chain.pem) == 2 ]] || fail "chain.pem is not a chain of two"
    page_commands 1 $page osslsigncode
    run osslsigncode verify -CAfile "$CA" -in app-signed.exe
    page_commands 1 $page cms
    page_commands 0 $page verify
    run openssl cms -cmsout -print -inform DER -in file.p7s >said
    says 1 "certificates:"
    [[ $(openssl pkcs7 -inform DER -in file.p7s -print_certs | grep -c 'BEGIN CERTIFICATE') == 2 ]] ||
        fail "the signature has not both certificates"
}

page_many() {
    local page=docs/recipes/many-signatures.md file
    expect processes 4
    prepare_page
    export XDG_CACHE_HOME=$PWD/cache
    mkdir dist
    cp file dist/a.bin
    cp "$INPUTS/short" dist/b.bin
    for name in loop parallel; do
        page_commands 2 $page $name
        for file in dist/*.bin; do
            run openssl dgst -sha256 -verify public-key -signature "$file.sig" "$file"
            rm "$file.sig"
        done
    done
}

# The address of the service's page is a comment in the file with its variables.
page_local_service() {
    local url
    url=$(sed -n 's/^# //p' "${STATE%/*}/env")
    expect processes 0
    HERE="PAGE=${url%%/[?]key=*} KEY=${url##*key=}"
    page_commands 0 docs/local-service.md faults >said
    says some '"effect":"Answer 503 Service Unavailable","requests":"the next 2 signing requests"'
    says 1 '\{"active":\[\]\}$'
}
