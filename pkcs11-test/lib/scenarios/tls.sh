# shellcheck shell=bash
# TLS with a key of the module: a server key in nginx and stunnel, a client key in curl. Connections use Unix domain
# sockets, since a free port cannot be guaranteed.

# The master process loads the key and logs in; a forked worker signs the handshake.
tls_nginx() {
    expect processes 3
    self_signed_certificate server.pem
    {
        # Workers only inherit variables that are listed.
        compgen -e | grep -E '^(SIGNPATH|PKCS11)_' | sed 's/.*/env &;/'
        cat <<CONF
pid $PWD/nginx.pid;
error_log stderr;
ssl_engine pkcs11;
user $(id -un);
worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path $PWD;
    proxy_temp_path $PWD;
    fastcgi_temp_path $PWD;
    uwsgi_temp_path $PWD;
    scgi_temp_path $PWD;
    server {
        listen unix:$PWD/socket ssl;
        ssl_certificate $PWD/server.pem;
        ssl_certificate_key "engine:pkcs11:$KEY_URI";
        return 200 "served";
    }
}
CONF
    } >nginx.conf
    OPENSSL_CONF=$(engine_configuration) run nginx -c "$PWD/nginx.conf"
    # The master has become a daemon.
    trap 'kill "$(cat nginx.pid)"' EXIT
    signs 1 curl --silent --show-error --retry 5 --retry-connrefused --unix-socket socket --cacert server.pem \
        https://localhost/ >said
    says 1 '^served$'
}

# The daemon is forked from the process that loads the key and logs in. Its threads, each with a stack of 64 KiB, sign
# the handshakes over one connection.
tls_stunnel() {
    expect processes 3
    self_signed_certificate server.pem
    cat >stunnel.conf <<CONF
pid = $PWD/stunnel.pid
output = $PWD/stunnel.log
engine = pkcs11

[server]
accept = $PWD/socket
exec = /bin/echo
execArgs = echo served
cert = $PWD/server.pem
engineId = pkcs11
key = $KEY_URI
CONF
    run stunnel "$PWD/stunnel.conf"
    trap 'kill "$(cat stunnel.pid)"' EXIT
    for _ in 1 2 3; do
        signs 1 openssl s_client -unix socket -CAfile server.pem -verify_return_error -verify_hostname localhost -quiet >>said
    done
    says 3 '^served$'
}

# The server requires a client certificate and only trusts that of the key.
tls_curl() {
    expect processes 2
    self_signed_certificate client.pem
    run openssl req -new -x509 -newkey rsa:2048 -nodes -keyout server-key.pem -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -out server.pem
    openssl s_server -unix socket -key server-key.pem -cert server.pem -Verify 1 -verify_return_error -CAfile client.pem \
        -www -naccept 1 &>server-output &
    SERVER=$!
    trap 'kill "$SERVER" 2>/dev/null || true' EXIT
    await_file socket
    signs 1 curl --silent --show-error --retry 5 --retry-connrefused --unix-socket socket --cacert server.pem \
        --engine pkcs11 --key-type ENG --key "$KEY_URI" --cert client.pem https://localhost/ >said
    says some 'Verify return code: 0 \(ok\)|Verification: OK'
}

# Creates an openssl.cnf that loads the engine at startup, as nginx requires. Prints the file's name.
engine_configuration() {
    cat >openssl.cnf <<'CONF'
openssl_conf = openssl_init

[openssl_init]
engines = engine_section

[engine_section]
pkcs11 = pkcs11_section

[pkcs11_section]
engine_id = pkcs11
init = 1
CONF
    echo "$PWD/openssl.cnf"
}

await_file() {
    local deadline=$((SECONDS + 30))
    until [[ -e $1 ]]; do
        ((SECONDS < deadline)) || fail "there is no $1"
        sleep 0.05
    done
}
