# shellcheck shell=bash
# Python's two bindings, and securesystemslib on top of one. PyKCS11 is a Debian package; the others come from PyPI.

SCENARIOS=$PWD/pkcs11-test/lib/scenarios

# Argument: the mechanism as PyKCS11 names it.
python_pykcs11() {
    signs 1 /usr/bin/python3 "$SCENARIOS/pykcs11_sign.py" "$MODULE" "$PIN" "$KEY" "$1" "$INPUTS/long" signature
    verify_signature "$INPUTS/long" sha256
}

# Argument: the mechanism as python-pkcs11 names it.
python_pkcs11() {
    prepare_python
    signs 1 "$PYTHON" "$SCENARIOS/python_pkcs11_sign.py" "$MODULE" "$PIN" "$KEY" "$1" "$INPUTS/long" signature
    verify_signature "$INPUTS/long" sha256
}

# The same with OpenSC's pkcs11-spy before the module, which shows all calls. It writes to the interface that it gets.
python_pkcs11_spied() {
    local -a spies=(/usr/lib/*/pkcs11-spy.so)
    export PKCS11SPY=$MODULE PKCS11SPY_OUTPUT=$PWD/said
    MODULE=${spies[0]}
    python_pkcs11 SHA256_RSA_PKCS
    says some '^[0-9]+: C_Sign$'
}

# The program of the page for HSMSigner.
python_tuf() {
    prepare_tuf
    cp "$INPUTS/long" file
    page_block docs/tools/tuf.md sign -e "s#app/release#$KEY#" >sign.py
    PYKCS11LIB=$MODULE signs 1 python sign.py
    mv file.sig signature
    verify_signature file sha384
}

prepare_tuf() {
    python_environment tuf requirements-tuf.txt
    PATH=$ENVIRONMENT/bin:$PATH
}

# Sets PYTHON, which has python-pkcs11.
prepare_python() {
    python_environment python requirements.txt
    PYTHON=$ENVIRONMENT/bin/python
}

# Makes an environment and sets ENVIRONMENT, its folder. The downloaded packages are kept until the requirements change.
# Arguments: a name for it, the file with the requirements.
python_environment() {
    ENVIRONMENT=${PROGRAMS%/*}/$1
    if ! cmp --quiet "$SCENARIOS/$2" "$ENVIRONMENT/requirements.txt"; then
        run /usr/bin/python3 -m venv --clear "$ENVIRONMENT"
        run "$ENVIRONMENT/bin/pip" install --quiet --disable-pip-version-check --requirement "$SCENARIOS/$2"
        cp "$SCENARIOS/$2" "$ENVIRONMENT/requirements.txt"
    fi
}
