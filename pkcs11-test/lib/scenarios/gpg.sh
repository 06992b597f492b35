# shellcheck shell=bash
# GnuPG, with gnupg-pkcs11-scd.

# Further lines of gnupg-pkcs11-scd.conf.
SCD_SETTINGS=()

# Makes an OpenPGP key of the row's key, which takes two signatures, one for the user ID and one for the revocation certificate.
# gpg-agent and gnupg-pkcs11-scd keep running, with one login and one connection, until they are killed.
make_openpgp_key() {
    export GNUPGHOME=$PWD/gnupg
    mkdir -m 700 gnupg
    echo "scdaemon-program $(command -v gnupg-pkcs11-scd)" >gnupg/gpg-agent.conf
    printf 'providers signpath\nprovider-signpath-library %s\n' "$MODULE" >gnupg/gnupg-pkcs11-scd.conf
    printf '%s\n' "${SCD_SETTINGS[@]}" >>gnupg/gnupg-pkcs11-scd.conf
    echo batch >gnupg/gpg.conf
    make_pinentry
    echo "pinentry-program $PWD/pinentry" >>gnupg/gpg-agent.conf
    trap 'gpgconf --kill all' EXIT

    signs 0 gpg-connect-agent "SCD LEARN" /bye
    signs 0 gpg-connect-agent LEARN /bye

    cat >parameters <<KEY
%no-protection
Key-Type: RSA
Key-Grip: $(keygrip)
Key-Usage: sign
Name-Real: $KEY
Expire-Date: 0
KEY
    signs 2 gpg --full-generate-key parameters
}

# The keygrip of an RSA key is the SHA-1 digest of its modulus, which shows that the key is the certificate's.
keygrip() {
    local modulus
    modulus=$(openssl x509 -in "$CERTIFICATE" -noout -modulus | sed 's/^Modulus=/00/; s/../\\x&/g')
    printf %b "$modulus" | sha1sum | cut -d ' ' -f 1 | tr '[:lower:]' '[:upper:]'
}

# Makes a program that answers with the PIN instead of asking for it.
make_pinentry() {
    cat >pinentry <<SCRIPT
#!/bin/sh
echo OK
while read -r command argument; do
    [ "\$command" != GETPIN ] || echo "D $PIN"
    echo OK
    [ "\$command" != BYE ] || exit 0
done
SCRIPT
    chmod +x pinentry
}

gpg_detached() {
    make_openpgp_key
    signs 1 gpg --local-user "$KEY" --output signature --detach-sign "$INPUTS/long"
    run gpg --verify signature "$INPUTS/long"
}

# A signing policy without certificate, as SignPath has them for GPG keys. It shares its key with demo/rsa-4096, whose certificate
# has the expected public key.
gpg_without_certificate() {
    export SIGNPATH_INCLUDE_DUMMY_X509CERTIFICATE_FOR_GPG_KEYS=true SIGNPATH_SIGNING_POLICY_SLUG=gpg
    gpg_detached
}

# Without organization and token in the configuration there are no certificates before login. The setting makes
# gnupg-pkcs11-scd log in for them.
gpg_private_certificates() {
    SCD_SETTINGS+=(provider-signpath-cert-private)
    gpg_detached
}

# An RPM package, signed in its header. rpm would look for gpg under the name gpg2.
gpg_rpm() {
    make_openpgp_key
    make_rpm
    signs 1 rpmsign --define "__gpg $(command -v gpg)" --define "_gpg_name $KEY" --addsign demo.rpm

    gpg --armor --export >key.asc
    run rpmkeys --dbpath "$PWD/rpmdb" --import key.asc
    run rpmkeys --dbpath "$PWD/rpmdb" --checksig --verbose demo.rpm >said
    says some 'Header V4 RSA/SHA[0-9]+ Signature, key ID .*: OK$'
}

# Makes demo.rpm.
make_rpm() {
    cat >demo.spec <<'SPEC'
Name: demo
Version: 1
Release: 1
Summary: A package without files
License: MIT
BuildArch: noarch
%description
A package without files.
%files
SPEC
    run rpmbuild --quiet --define "_topdir $PWD/rpm" -bb demo.spec
    cp rpm/RPMS/noarch/demo-1-1.noarch.rpm demo.rpm
}

# A Debian package. Its signature is a member of the archive, over the three members before it.
gpg_deb() {
    make_openpgp_key
    make_deb
    signs 1 debsigs --sign=origin --default-key="$KEY" demo.deb

    ar p demo.deb _gpgorigin >signature
    ar p demo.deb debian-binary control.tar.gz data.tar.gz >signed
    run gpg --verify signature signed
}

# Makes demo.deb.
make_deb() {
    mkdir -p package/DEBIAN
    printf 'Package: demo\nVersion: 1\nArchitecture: all\nMaintainer: demo\nDescription: none\n' >package/DEBIAN/control
    run dpkg-deb --build -Zgzip package demo.deb
}
