#!/usr/bin/env bash
# Runs test suites that others wrote against the module, with the local SignPath service: pkcs11-check and python-pkcs11's tests from
# PyPI, OpenSC's pkcs11-tool --test, GnuTLS' p11tool --test-sign, and every service of Java's SunPKCS11. docs/conformance.md lists
# what is expected to fail; anything else that fails, and what passes against that list, counts as failed.
# The last line is "N passed, N failed".
#
# Usage: suites.sh [SUITE ...]
#
# pkcs11-check needs Python 3.12 or later, and half an hour. Its vectors, which it downloads from GitHub, are left out.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. pkcs11-test/lib/setup.sh
. pkcs11-test/lib/work.sh
. pkcs11-test/lib/service.sh

SUITES=(java gnutls pkcs11-tool python-pkcs11 pkcs11-check)
PKCS11_CHECK=0.2.3
PYTHON_PKCS11=0.10.1
PIN=CONFIG
FOLDER=$PWD/target/suites
PASSED=0
FAILED=0

REQUIREMENTS+=(
    "gnutls-bin     p11tool"
    "python3-venv   /usr/lib/python3*/ensurepip/__init__.py"
)

# Each suite writes a line "passed TEST" or "failed TEST: why" for each of its tests.

java_suite() {
    printf 'name = SignPath\nlibrary = %s\nslot = 1\n' "$MODULE" >"$WORK/java.cfg"
    java pkcs11-test/suites/Services.java "$WORK/java.cfg"
}

# Reports a command by its exit status. Arguments: the name of the test, the command.
report() {
    local name=$1
    shift
    if timeout 120 "$@" >"$WORK/said" 2>&1 </dev/null; then
        echo "passed $name"
    else
        echo "failed $name: $(tail -n 1 "$WORK/said")"
    fi
}

gnutls_suite() {
    local key
    for key in rsa-2048 rsa-3072 rsa-4096 p-256 p-384 p-521; do
        report "test-sign $key" p11tool --provider "$MODULE" --login --set-pin "$PIN" --test-sign \
            "pkcs11:token=SignPath;object=demo%2F$key;type=private"
    done
    report "test-sign rsa-2048 with PSS" p11tool --provider "$MODULE" --login --set-pin "$PIN" --test-sign \
        --sign-params RSA-PSS --hash SHA256 'pkcs11:token=SignPath;object=demo%2Frsa-2048;type=private'
    report "list-all" p11tool --provider "$MODULE" --login --set-pin "$PIN" --list-all
    report "list-mechanisms" p11tool --provider "$MODULE" --list-mechanisms pkcs11:token=SignPath
}

# --test ends with status 0 whatever it finds, and marks that with ERR.
opensc_test() {
    pkcs11-tool --module "$MODULE" --login --pin "$PIN" --test && ! grep -E 'ERR|[0-9]+ errors' "$WORK/said"
}

pkcs11_tool_suite() {
    local key
    for key in rsa-2048 p-256; do
        SIGNPATH_PROJECT_SLUG=demo SIGNPATH_SIGNING_POLICY_SLUG=$key report_function "test $key" opensc_test
    done
}

# Like report, for a function.
report_function() {
    local name=$1
    shift
    if "$@" >"$WORK/said" 2>&1 </dev/null; then
        echo "passed $name"
    else
        echo "failed $name: $(grep -E 'ERR|errors' "$WORK/said" | tail -n 1)"
    fi
}

# The tests are in the source package only.
python_pkcs11_suite() {
    local home=$FOLDER/python-pkcs11
    if [[ ! -e $home/tests ]]; then
        python3 -m venv "$home/venv"
        "$home/venv/bin/pip" install --quiet "python-pkcs11==$PYTHON_PKCS11" pytest cryptography oscrypto parameterized setuptools \
            setuptools-scm cython
        "$home/venv/bin/pip" download --quiet --no-deps --no-binary :all: --no-build-isolation --dest "$home" \
            "python-pkcs11==$PYTHON_PKCS11"
        tar --extract --directory "$home" --strip-components 1 --wildcards --file "$home"/python_pkcs11-*.tar.gz '*/tests'
    fi
    (cd "$home" && PKCS11_MODULE=$MODULE PKCS11_TOKEN_LABEL=SignPath PKCS11_TOKEN_PIN=$PIN PKCS11_TOKEN_SO_PIN=$PIN \
        COLUMNS=300 timeout 600 venv/bin/python -m pytest -q -rA --tb=no tests) |
        sed -n 's/^PASSED tests\//passed /p; s/^FAILED tests\/\([^ ]*\) - /failed \1: /p; s/^FAILED tests\/\([^ ]*\)$/failed \1: /p
            s/^ERROR tests\/\([^ ]*\).*/failed \1: error/p'
}

pkcs11_check_suite() {
    local home=$FOLDER/pkcs11-check python
    python=$(recent_python) || {
        echo "failed all: there is no Python 3.12 or later"
        return
    }
    if [[ ! -e $home/bin/pkcs11-check ]]; then
        "$python" -m venv "$home"
        "$home/bin/pip" install --quiet "pkcs11-check==$PKCS11_CHECK"
    fi
    (cd "$WORK" && P11TEST_PIN=$PIN timeout 7200 "$home/bin/pkcs11-check" test --module "$MODULE" --slot 0 --skip-slow \
        --output json --output-file "$WORK/results.json") >"$WORK/check.log" 2>&1 || true
    pkcs11-test/suites/pkcs11_check.py "$WORK/report.jsonl" >"$WORK/check"
    cat "$WORK/check"
    # Many tests fail for one reason, so the table has reasons; which tests these are is held here.
    sed -n 's/^failed \(.*\): .*/\1/p' "$WORK/check" | LC_ALL=C sort >"$WORK/failed"
    LC_ALL=C comm -3 --output-delimiter='' pkcs11-test/suites/pkcs11-check.failed "$WORK/failed" |
        sed 's/^/failed pkcs11-check.failed has another outcome of /'
}

recent_python() {
    local python
    for python in python3.13 python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[23].*/bin/python; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

# Compares the lines of a suite with the table of what is expected to fail. Argument: the suite.
judge() {
    awk -v suite="$1" '
        FNR == NR {
            # | suite | test | why | section |
            fields = split($0, cell, " *[|] *")
            if (fields >= 5 && cell[2] == suite) {
                pattern = cell[3]
                gsub(/`/, "", pattern)
                expected[++count] = pattern
                gsub(/[][.+(){}^$?\\]/, "\\\\&", pattern)
                gsub(/[*]/, ".*", pattern)
                regular[count] = "^" pattern "$"
            }
            next
        }
        {
            outcome = $1
            whole = name = substr($0, length(outcome) + 2)
            sub(/: .*/, "", name)
            listed = 0
            for (index_ = 1; index_ <= count; index_++) {
                if (name ~ regular[index_] || whole ~ regular[index_]) {
                    listed = index_
                    break
                }
            }
            if (outcome == "passed") {
                good++
            } else if (listed) {
                good++
                failed[listed]++
            } else {
                print "not expected: " $0
                bad++
            }
        }
        END {
            for (index_ = 1; index_ <= count; index_++) {
                if (!failed[index_]) {
                    print "expected to fail, but nothing did: " expected[index_]
                    bad++
                }
            }
            if (NR == FNR) { print "no tests were run"; bad++ }
            printf "%d %d\n", good, bad
        }' docs/conformance.md "$WORK/$1" >"$WORK/judged"
    sed '$d; s/^/    /' "$WORK/judged"
    local good bad
    read -r good bad < <(tail -n 1 "$WORK/judged")
    say "$1: $good as expected, $bad not ($(grep -c '^passed' "$WORK/$1" || true) passed, $(grep -c '^failed' "$WORK/$1" || true) failed)"
    PASSED=$((PASSED + good))
    FAILED=$((FAILED + bad))
}

main() {
    local suite
    (($# == 0)) || SUITES=("$@")
    make_work_folder signpath-pkcs11-suites
    install_requirements
    build
    mkdir -p "$FOLDER"
    start_service "$WORK/service"
    export SIGNPATH_LOG_CONSOLE_LEVEL=none
    for suite in "${SUITES[@]}"; do
        "${suite//-/_}_suite" >"$WORK/$suite"
        [[ -z ${KEEP_RESULTS:-} ]] || cp "$WORK/$suite" "$KEEP_RESULTS/"
        judge "$suite"
    done
    say "$PASSED passed, $FAILED failed"
    ((FAILED == 0 && PASSED > 0))
}

main "$@"
