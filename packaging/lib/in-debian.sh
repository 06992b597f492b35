#!/bin/sh
# Runs in a chroot of Debian as root: installs the package, signs, replaces the package while a program has the library loaded,
# removes it. verify.sh puts the packages (old, this and new), the client and the service's environment into /proof.
# Each line on stdout is a fact that was shown; the exit status is 0 if all of them were.
set -eu

export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/proof/home SIGNPATH_LOG_FILE_DIRECTORY=/proof/logs
MODULE=/usr/lib/x86_64-linux-gnu/pkcs11/libsignpath_pkcs11.so
LINK=/usr/lib/x86_64-linux-gnu/pkcs11/libSignPath.Cryptoki.so
KEY=demo/rsa-3072
KEY_HEX=64656d6f2f7273612d33303732
cd /proof
mkdir -p home
# shellcheck disable=SC1091 # verify.sh writes it
. ./env

quietly() { "$@" >/proof/output 2>&1 || { cat /proof/output >&2 && echo "failed: $*" >&2 && exit 1; }; }
apt_get() { quietly apt-get -o APT::Sandbox::User=root --quiet --yes --allow-downgrades --no-install-recommends "$@"; }
files() { find / -xdev \( -path /proof -o -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \) -prune -o -print | sort; }

# Argument: the library.
sign() {
    rm -f signature
    quietly pkcs11-tool --module "$1" --login --pin CONFIG --id $KEY_HEX --sign --mechanism SHA256-RSA-PKCS \
        --input-file data --output-file signature
    quietly openssl dgst -sha256 -verify public-key -signature signature data
}

# Makes the client sign once more.
still_signs() {
    echo >&3
    read -r answer <&4
    test "$answer" = "verified 384 bytes"
}

installed() { dpkg-query --show --showformat '${Version}' signpath-pkcs11; }

files >before
head -c 5000 /usr/bin/dpkg >data
quietly openssl x509 -in certificate.pem -noout -pubkey -out public-key

apt_get install ./old/signpath-pkcs11_*.deb
quietly dpkg --verify signpath-pkcs11
sign $MODULE
signpath-pkcs11 list >output
grep -q "$KEY" output
signpath-pkcs11 certificate $KEY --output fetched.pem 2>/dev/null
cmp fetched.pem certificate.pem
signpath-pkcs11 setup p11-kit --offline >output
grep -qx "module: $MODULE" output
echo "installs and signs"

# A program loads the library of the old package and keeps it.
mkfifo to from
./client $MODULE $KEY <to >from &
client=$!
exec 3>to 4<from
read -r answer <&4
apt_get install ./new/signpath-pkcs11_*.deb
test "$(installed)" = "$(cat new/version)"
grep -q "libsignpath_pkcs11.so.*(deleted)" /proc/$client/maps
still_signs
sign $MODULE
echo "is upgraded under a program that has it loaded"
apt_get install ./old/signpath-pkcs11_*.deb
test "$(installed)" = "$(cat old/version)"
still_signs
sign $MODULE
exec 3>&- 4<&-
wait $client
echo "is downgraded under a program that has it loaded"

# Lists of signing policies that another version left in the cache.
export SIGNPATH_POLICY_CACHE_SECONDS=3600
sign $MODULE
cache=$(find home/.cache/signpath-pkcs11 -type f)
test -n "$cache"
for version in 0 99; do
    sed -i -E "s/(\"version\": ?)[0-9]+/\\1$version/" "$cache"
    grep -q "\"version\": \\?$version" "$cache"
    sign $MODULE
    grep -q "\"version\": \\?1" "$cache"
done
unset SIGNPATH_POLICY_CACHE_SECONDS
echo "takes a cache file of an older and of a newer version for none"

# The other name.
sign /usr/lib/x86_64-linux-gnu/signpath-pkcs11/libSignPath.Cryptoki.so
echo "the vendor's library" >$LINK
if apt-get -o APT::Sandbox::User=root --quiet --yes install ./old/signpath-pkcs11-compat_*.deb >output 2>&1; then exit 1; fi
grep -q "exists and is not a link" output
rm $LINK
apt_get install ./old/signpath-pkcs11-compat_*.deb
sign $LINK
apt_get install ./this/signpath-pkcs11_*.deb ./this/signpath-pkcs11-compat_*.deb
sign $LINK
echo "has its other name, and spares a file of that name"

apt_get purge signpath-pkcs11 signpath-pkcs11-compat
files >after
diff before after >&2
echo "is removed, and leaves nothing"
