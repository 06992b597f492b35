# shellcheck shell=bash
# Java, with SunPKCS11.

configure_provider() { printf 'name = SignPath\nlibrary = %s\nslot = %s\n' "$MODULE" "$SLOT" >provider.cfg; }

# Argument: the signature algorithm as Java names it.
jarsigner_jar() {
    configure_provider
    signs 1 jarsigner -storetype PKCS11 -keystore NONE -storepass "$PIN" \
        -providerClass sun.security.pkcs11.SunPKCS11 -providerArg provider.cfg \
        -sigalg "$1" -signedjar signed.jar "$INPUTS/program.jar" "$KEY"

    # Against the CA alone the one thing that may be wrong is that the signer is not in the store (32): a broken signature
    # would be 1, a broken chain 4. Against a store with the signer nothing may be wrong.
    local status=0
    trust ca "$CA"
    jarsigner -verify -strict -keystore trusted.p12 -storepass "$STORE_PASSWORD" signed.jar || status=$?
    exit_status_is 32 "$status" jarsigner
    trust signer "$CERTIFICATE"
    run jarsigner -verify -strict -keystore trusted.p12 -storepass "$STORE_PASSWORD" signed.jar signer
}

# Makes Java trust a certificate. Arguments: the alias, the file.
trust() {
    run keytool -importcert -noprompt -keystore trusted.p12 -storepass "$STORE_PASSWORD" -alias "$1" -file "$2"
}

# The alias is the name of the key, and the entry its certificate.
keytool_list() {
    configure_provider
    run keytool -list -storetype PKCS11 -keystore NONE -storepass "$PIN" -providerClass sun.security.pkcs11.SunPKCS11 \
        -providerArg provider.cfg >said
    says $(($(policy_count) - 1)) 'PrivateKeyEntry'
    says 1 "^$KEY, PrivateKeyEntry"
    says 1 "$(openssl x509 -in "$CERTIFICATE" -noout -fingerprint -sha256 | cut -d = -f 2)"
}

# The slot by its index, and no slot, which means the first.
keytool_slots() {
    local slot
    expect processes 2
    for slot in 'slotListIndex = 0' ''; do
        printf 'name = SignPath\nlibrary = %s\n%s\n' "$MODULE" "$slot" >provider.cfg
        run keytool -list -storetype PKCS11 -keystore NONE -storepass "$PIN" -providerClass sun.security.pkcs11.SunPKCS11 \
            -providerArg provider.cfg -alias "$KEY" >said
        says 1 "^$KEY, PrivateKeyEntry"
    done
}

# With SunPKCS11 as the first of Java's providers the module also digests, makes random numbers and verifies.
jarsigner_first_provider() {
    configure_provider
    {
        echo "security.provider.1=SunPKCS11 $PWD/provider.cfg"
        sed -n 's/^security\.provider\.//p' "$(java_security)" | awk -F = '{ print "security.provider." $1 + 1 "=" $2 }'
    } >java.security
    signs 1 jarsigner "-J-Djava.security.properties=$PWD/java.security" -storetype PKCS11 -keystore NONE -storepass "$PIN" \
        -sigalg "$1" -signedjar signed.jar "$INPUTS/program.jar" "$KEY"
    trust signer "$CERTIFICATE"
    run jarsigner -verify -strict -keystore trusted.p12 -storepass "$STORE_PASSWORD" signed.jar signer
    run jarsigner "-J-Djava.security.properties=$PWD/java.security" -verify -verbose signed.jar >said
    says 1 '^jar verified'
}

# The file that names Java's providers.
java_security() {
    local java_home
    java_home=$(dirname "$(dirname "$(readlink -f "$(command -v jarsigner)")")")
    echo "$java_home/conf/security/java.security"
}

# apksigner cannot load a provider with an argument in Java 17, so SunPKCS11 must be one of Java's own. It signs once for
# each of the schemes v1, v2 and v3, and once for the index of v4.
apksigner_apk() {
    configure_provider
    local last
    last=$(grep -c '^security\.provider\.' "$(java_security)")
    echo "security.provider.$((last + 1))=SunPKCS11 $PWD/provider.cfg" >java.security
    # With the option for the oldest version of Android, apksigner does not read the manifest.
    touch AndroidManifest.xml
    jar --create --no-manifest --file program.apk AndroidManifest.xml -C "$INPUTS/classes" .
    signs 4 apksigner "-JDjava.security.properties=$PWD/java.security" sign --min-sdk-version 21 --ks NONE \
        --ks-type PKCS11 --ks-pass "pass:$PIN" --ks-key-alias "$KEY" --in program.apk --out signed.apk
    run apksigner verify --verbose --print-certs --min-sdk-version 21 signed.apk >said
    says 3 '^Verified using v[123] scheme .*: true$'
    says 1 "certificate SHA-256 digest: $(openssl x509 -in "$CERTIFICATE" -outform DER | sha256sum | cut -d ' ' -f 1)"
}
