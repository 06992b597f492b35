# shellcheck shell=bash
# GnuPG, with gnupg-pkcs11-scd.

# Further lines of gnupg-pkcs11-scd.conf.
SCD_SETTINGS=()

# Whether gpg-agent asks its daemon for the key before each signature.
is_gpg_2_4() { at_least "$(gpg --version | awk '{ print $3; exit }')" 2.4; }

# Sets up a GNUPGHOME. gpg-agent and gnupg-pkcs11-scd keep running, with one login and one connection, until they are killed.
make_gnupg_home() {
    export GNUPGHOME=$PWD/gnupg
    mkdir -m 700 gnupg
    echo "scdaemon-program $(command -v gnupg-pkcs11-scd)" >gnupg/gpg-agent.conf
    printf 'providers signpath\nprovider-signpath-library %s\n' "$MODULE" >gnupg/gnupg-pkcs11-scd.conf
    printf '%s\n' "${SCD_SETTINGS[@]}" >>gnupg/gnupg-pkcs11-scd.conf
    echo batch >gnupg/gpg.conf
    make_pinentry
    echo "pinentry-program $PWD/pinentry" >>gnupg/gpg-agent.conf
    trap 'timeout 30 gpgconf --kill all' EXIT

    # gpg 2.4 asks for a card without end if gnupg-pkcs11-scd sees a key that is not RSA.
    if is_gpg_2_4; then
        export SIGNPATH_PROJECT_SLUG=${KEY%/*} SIGNPATH_SIGNING_POLICY_SLUG=${SIGNPATH_SIGNING_POLICY_SLUG:-${KEY#*/}}
    fi

    signs 0 gpg-connect-agent "SCD LEARN" /bye
    signs 0 gpg-connect-agent LEARN /bye
}

# Makes an OpenPGP key of the row's key, which takes two signatures, one for the user ID and one for the revocation certificate.
make_openpgp_key() {
    make_gnupg_home
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

# Makes a program that answers with the PIN instead of asking for it. It refuses to confirm: the agent of gpg 2.4 may ask for
# a card without end.
make_pinentry() {
    cat >pinentry <<SCRIPT
#!/bin/sh
echo OK
while read -r command argument; do
    case \$command in
        CONFIRM | MESSAGE) echo "ERR 83886179 Operation cancelled <Pinentry>" && continue ;;
        GETPIN) echo "D $PIN" ;;
    esac
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

    run gpg --armor --export >key.asc
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

# Sets up a GNUPGHOME with the OpenPGP key that the service has for demo/gpg. This exports GNUPGHOME and GPG_KEY_ID. The
# command and each of two daemons ask for the list, and the command for the OpenPGP key. Arguments: options of the command.
import_openpgp_key() {
    expect processes 3
    expect others 1
    signs 0 "$PROGRAMS/signpath-pkcs11" setup gpg "$KEY" --home gnupg --import --module "$MODULE" "$@" >exports
    # shellcheck disable=SC1091
    . ./exports
    trap 'timeout 30 gpgconf --kill all' EXIT
    make_pinentry
    echo "pinentry-program $PWD/pinentry" >>gnupg/gpg-agent.conf
    echo batch >>gnupg/gpg.conf
    run gpg --export "$GPG_KEY_ID" >key.gpg
    run gpg --armor --export "$GPG_KEY_ID" >key.asc
}

# Verifies a detached signature with gpg, gpgv and sqv. Arguments: the signature, the signed file.
verify_openpgp() {
    run gpg --verify "$1" "$2"
    run gpgv --keyring ./key.gpg "$1" "$2"
    run sqv --keyring key.gpg "$1" "$2"
}

gpg_imported() {
    import_openpgp_key --no-pin
    signs 1 gpg --local-user "$GPG_KEY_ID" --output detached --detach-sign "$INPUTS/long"
    verify_openpgp detached "$INPUTS/long"

    signs 1 gpg --local-user "$GPG_KEY_ID" --output inline --sign "$INPUTS/long"
    run gpg --output content --decrypt inline
    cmp content "$INPUTS/long"
    run gpgv --keyring ./key.gpg --output content-of-gpgv inline
    cmp content-of-gpgv "$INPUTS/long"

    signs 1 gpg --local-user "$GPG_KEY_ID" --output clear --clear-sign /etc/os-release
    run gpg --output text --decrypt clear
    cmp text /etc/os-release
    run gpgv --keyring ./key.gpg --output text-of-gpgv clear
    cmp text-of-gpgv /etc/os-release
}

# The PIN window is answered by make_pinentry.
gpg_imported_with_pin() {
    import_openpgp_key
    signs 1 gpg --local-user "$GPG_KEY_ID" --output detached --detach-sign "$INPUTS/long"
    verify_openpgp detached "$INPUTS/long"
}

rpm_imported() {
    import_openpgp_key --no-pin
    make_rpm
    signs 1 rpmsign --define "__gpg $(command -v gpg)" --define "_gpg_name $GPG_KEY_ID" --addsign demo.rpm
    run rpmkeys --dbpath "$PWD/rpmdb" --import key.asc
    run rpmkeys --dbpath "$PWD/rpmdb" --checksig --verbose demo.rpm >said
    says some 'Header V4 RSA/SHA[0-9]+ Signature, key ID .*: OK$'
}

deb_imported() {
    import_openpgp_key --no-pin
    make_deb
    signs 1 debsigs --sign=origin --default-key="$GPG_KEY_ID" demo.deb
    ar p demo.deb _gpgorigin >signature
    ar p demo.deb debian-binary control.tar.gz data.tar.gz >signed
    verify_openpgp signature signed
}

# A commit has its signature in the header gpgsig, a tag at its end.
git_imported() {
    import_openpgp_key --no-pin
    make_git_repository "user.signingKey=$GPG_KEY_ID"
    signs 1 "${GIT[@]}" commit --quiet --allow-empty --gpg-sign --message signed
    signs 1 "${GIT[@]}" tag --sign --message signed v1
    run "${GIT[@]}" verify-commit HEAD
    run "${GIT[@]}" verify-tag v1

    split_commit
    run "${GIT[@]}" cat-file tag v1 >signed-tag
    sed -n '/^-----BEGIN PGP/,$ p' signed-tag >tag.sig
    sed '/^-----BEGIN PGP/,$ d' signed-tag >tag
    verify_openpgp commit.sig commit
    verify_openpgp tag.sig tag
}

# A Debian repository with one package: InRelease, and Release with Release.gpg. apt verifies the first.
apt_imported() {
    import_openpgp_key --no-pin
    make_deb
    local folder=repository/dists/stable/main/binary-all
    mkdir -p "$folder"
    mv demo.deb repository
    {
        run dpkg-deb --field repository/demo.deb
        printf 'Filename: demo.deb\nSize: %s\nSHA256: %s\n' \
            "$(stat --format %s repository/demo.deb)" "$(sha256sum repository/demo.deb | cut -d ' ' -f 1)"
    } >"$folder/Packages"
    {
        printf 'Suite: stable\nCodename: stable\nComponents: main\nArchitectures: all\nDate: %s\nSHA256:\n' \
            "$(LC_ALL=C date --utc '+%a, %d %b %Y %H:%M:%S UTC')"
        printf ' %s %s main/binary-all/Packages\n' "$(sha256sum "$folder/Packages" | cut -d ' ' -f 1)" \
            "$(stat --format %s "$folder/Packages")"
    } >repository/dists/stable/Release
    local stable=repository/dists/stable
    signs 1 gpg --local-user "$GPG_KEY_ID" --output $stable/InRelease --clear-sign $stable/Release
    signs 1 gpg --local-user "$GPG_KEY_ID" --armor --output $stable/Release.gpg --detach-sign $stable/Release
    verify_openpgp $stable/Release.gpg $stable/Release
    run gpgv --keyring ./key.gpg $stable/InRelease

    mkdir -p apt/lists/partial apt/archives/partial
    echo "deb [signed-by=$PWD/key.gpg] file:$PWD/repository stable main" >apt/sources.list
    local -a options=(-o "Dir::State::Lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::Etc::SourceList=$PWD/apt/sources.list" -o "APT::Sandbox::User=$(id -un)")
    run apt-get "${options[@]}" update
    run apt-cache "${options[@]}" policy demo >said
    says some 'Candidate: 1$'
}
