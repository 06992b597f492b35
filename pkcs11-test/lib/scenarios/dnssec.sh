# shellcheck shell=bash
# DNS zones, with BIND's dnssec-keyfromlabel and dnssec-signzone, which load pkcs11-provider through openssl.cnf.

# Makes the file `zone`, of example.com.
make_zone() {
    # shellcheck disable=SC2016 # $TTL is a directive
    printf '%s\n' '$TTL 300' '@ SOA ns root 1 3600 600 86400 300' '@ NS ns' 'ns A 192.0.2.1' >zone
}

# All six sets of records are signed with the row's key. ldns-verify-zone is another program than BIND. Argument: the algorithm.
dnssec_zone() {
    write_provider_configuration
    make_zone
    expect processes 2
    OPENSSL_CONF=$PWD/provider.cnf signs 0 dnssec-keyfromlabel -a "$1" -l "${KEY_URI%;type=private}" -f KSK example.com >name
    cat "$(cat name).key" >>zone
    OPENSSL_CONF=$PWD/provider.cnf signs 6 dnssec-signzone -z -o example.com zone
    verify_zone zone.signed -z
}

# Arguments: the zone, options of dnssec-verify.
verify_zone() {
    run dnssec-verify -o example.com "${@:2}" "$1"
    run ldns-verify-zone "$1"
}
