# shellcheck shell=bash
# Mozilla's NSS: certutil, modutil, cmsutil and signtool.

# Makes a database that trusts the service's CA and knows the module. This makes no request.
make_nss_database() {
    mkdir nss
    run certutil -N -d sql:nss --empty-password
    run certutil -A -d sql:nss -n authority -t ,C,C -i "$CA"
    run modutil -dbdir sql:nss -add SignPath -libfile "$MODULE" -force
    echo "$PIN" >pin
}

nss_list() {
    make_nss_database
    run modutil -dbdir sql:nss -list SignPath >said
    says 1 'Token Name: SignPath *$'
    says 1 'Access: Write Protected$'
    expect processes 2
    run certutil -L -d sql:nss -h all -f pin >said
    says $(($(policy_count) - 1)) '^SignPath:.* u,u,u *$'
    says 1 "^SignPath:$KEY +u,u,u *\$"
    run certutil -K -d sql:nss -h SignPath -f pin >said
    says "$(policy_count)" '^< *[0-9]+> +(rsa|ec) '
    says 1 " $KEY *\$"
}

# NSS signs CMS only with certificates for e-mail.
nss_cmsutil() {
    make_nss_database
    signs 1 cmsutil -S -d sql:nss -N "SignPath:$KEY" -f pin -H SHA256 -i "$INPUTS/long" -o signature.p7s
    verify_cms DER
}

# NSS's signtool only has SHA-1, which Java rejects, so openssl verifies the signature file of the JAR.
nss_signtool() {
    make_nss_database
    mkdir tree content
    cp "$INPUTS/short" tree
    signs 1 signtool -d sql:nss -k "SignPath:$KEY" -p "$PIN" -Z signed.jar tree
    (cd content && jar --extract --file ../signed.jar)
    run openssl cms -verify -CAfile "$CA" -purpose any -binary -content content/META-INF/zigbert.sf -inform DER \
        -in content/META-INF/zigbert.rsa -out /dev/null
}
