# shellcheck shell=bash
# TLS with a key of the module: as a server in openssl, nginx and stunnel, as a client in curl. They listen on Unix sockets, because any
# port may be taken.

# The master process loads the key and logs in; a worker, which is a fork of it, signs the handshake.
tls_nginx() {
    expect processes 3
    self_signed_certificate server.pem
    OPENSSL_CONF=$(engine_configuration) serve_nginx "ssl_engine pkcs11;" "engine:pkcs11:$KEY_URI"
}

# The key is a file that contains the URI, which pkcs11-provider decodes.
tls_nginx_provider() {
    expect processes 3
    self_signed_certificate server.pem
    write_provider_configuration
    write_uri_file
    OPENSSL_CONF=$PWD/provider.cnf serve_nginx "" "$PWD/key.pem"
}

# Makes key.pem with the commands of a page.
write_uri_file() {
    page_block docs/tools/nginx.md uri-file -e "s#app%2Frelease#${KEY/\//%2F}#" >commands
    run bash -euo pipefail commands
}

# Arguments: a setting before the first section, the name of the key.
serve_nginx() {
    {
        # Workers keep only the variables that are named.
        compgen -e | grep -E '^(SIGNPATH|PKCS11)_' | sed 's/.*/env &;/'
        nginx_globals
        cat <<CONF
$1
events {}
http {
    $(nginx_folders)
    server {
        listen unix:$PWD/socket ssl;
        ssl_certificate $PWD/server.pem;
        ssl_certificate_key "$2";
        return 200 "served";
    }
}
CONF
    } >nginx.conf
    run nginx -c "$PWD/nginx.conf"
    # The master process runs in the background now.
    trap 'kill "$(cat nginx.pid)"' EXIT
    signs 1 curl --silent --show-error --retry 5 --retry-connrefused --unix-socket socket --cacert server.pem \
        https://localhost/ >said
    says 1 '^served$'
}

nginx_globals() { printf '%s;\n' "pid $PWD/nginx.pid" 'error_log stderr' "user $(id -un)" 'worker_processes 1'; }

# Settings of the http section that keep nginx out of system folders, in one line.
nginx_folders() {
    printf 'access_log off;'
    printf " %s_temp_path $PWD;" client_body proxy fastcgi uwsgi scgi
}

# The daemon is a fork of the process that loads the key and logs in. Its threads, each with 64 KiB of stack, sign the handshakes
# over one connection.
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

tls_openssl() {
    expect processes 2
    self_signed_certificate server.pem
    openssl s_server -unix socket "${KEY_FORM[@]}" -key "$KEY_URI" -cert server.pem -www -naccept 1 &>server-output &
    SERVER=$!
    trap 'kill "$SERVER" 2>/dev/null || true' EXIT
    await_file socket
    signs 1 curl --silent --show-error --unix-socket socket --cacert server.pem https://localhost/ >said
    says some 'Ciphers supported in s_server binary'
}

CURL_KEY=(--engine pkcs11 --key-type ENG)

# The same with pkcs11-provider.
tls_curl_provider() {
    CURL_KEY=(--key-type PROV)
    tls_curl
}

# The server asks for a certificate and trusts only that of the key.
tls_curl() {
    expect processes 2
    self_signed_certificate client.pem
    serve_tls client.pem
    signs 1 curl --silent --show-error --retry 5 --retry-connrefused --unix-socket socket --cacert server.pem \
        "${CURL_KEY[@]}" --key "$KEY_URI" --cert client.pem https://localhost/ >said
    says some 'Verify return code: 0 \(ok\)|Verification: OK'
}

# Starts a server with the certificate server.pem on a socket. Argument: the client certificate that it requires.
serve_tls() {
    run openssl req -new -x509 -newkey rsa:2048 -nodes -keyout server-key.pem -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -out server.pem
    openssl s_server -unix socket -key server-key.pem -cert server.pem -Verify 1 -verify_return_error -CAfile "$1" \
        -www -naccept 1 &>server-output &
    SERVER=$!
    trap 'kill "$SERVER" 2>/dev/null || true' EXIT
    await_file socket
}

# An openssl.cnf that loads the engine at once, as nginx needs it. Prints the file's name.
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
