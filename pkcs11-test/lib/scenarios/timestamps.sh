# shellcheck shell=bash
# A timestamp authority (RFC 3161) on this machine.

TIMESTAMPS=$PWD/pkcs11-test/lib/scenarios

# Starts it in the folder tsa, which has its certificate in ca.pem and its URL in url. It ends with the row.
start_timestamp_authority() {
    mkdir tsa
    cat >tsa/openssl.cnf <<'CONF'
[req]
distinguished_name = name
x509_extensions = timestamping
[name]
[timestamping]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = authority
[authority]
serial = tsa/serial
signer_cert = tsa/ca.pem
signer_key = tsa/key.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.4146.2.3
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
ess_cert_id_alg = sha256
CONF
    run openssl req -new -x509 -config tsa/openssl.cnf -newkey rsa:2048 -nodes -keyout tsa/key.pem -subj "/CN=Timestamps" \
        -days 10 -out tsa/ca.pem
    echo 01 >tsa/serial
    /usr/bin/python3 "$TIMESTAMPS/timestamp_authority.py" tsa &
    AUTHORITY=$!
    trap 'kill "$AUTHORITY" 2>/dev/null || true' EXIT
    await_file tsa/url
}
