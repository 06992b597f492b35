# shellcheck shell=bash
# Two Python bindings. PyKCS11 is a Debian package; python-pkcs11 comes from PyPI.

SCENARIOS=$PWD/pkcs11-test/lib/scenarios

# Argument: PyKCS11's name of the mechanism.
python_pykcs11() {
    signs 1 /usr/bin/python3 "$SCENARIOS/pykcs11_sign.py" "$MODULE" "$PIN" "$KEY" "$1" "$INPUTS/long" signature
    verify_signature "$INPUTS/long" sha256
}

# Argument: python-pkcs11's name of the mechanism.
python_pkcs11() {
    prepare_python
    signs 1 "$PYTHON" "$SCENARIOS/python_pkcs11_sign.py" "$MODULE" "$PIN" "$KEY" "$1" "$INPUTS/long" signature
    verify_signature "$INPUTS/long" sha256
}

# Puts OpenSC's pkcs11-spy in front of the module, which logs all calls and writes to the interface that it gets.
python_pkcs11_spied() {
    local -a spies=(/usr/lib/*/pkcs11-spy.so)
    export PKCS11SPY=$MODULE PKCS11SPY_OUTPUT=$PWD/said
    MODULE=${spies[0]}
    python_pkcs11 SHA256_RSA_PKCS
    says some '^[0-9]+: C_Sign$'
}

<<<<<<< HEAD
# Sets PYTHON, which has python-pkcs11. The downloaded packages are kept until the requirements change.
=======
# Sets PYTHON, an interpreter with python-pkcs11. The installation is reused until other versions are required.
>>>>>>> h-words-b
prepare_python() {
    local environment=${PROGRAMS%/*}/python
    PYTHON=$environment/bin/python
    if ! cmp --quiet "$SCENARIOS/requirements.txt" "$environment/requirements.txt"; then
        run /usr/bin/python3 -m venv --clear "$environment"
        run "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$SCENARIOS/requirements.txt"
        cp "$SCENARIOS/requirements.txt" "$environment"
    fi
}
