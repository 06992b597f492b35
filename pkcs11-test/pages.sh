#!/usr/bin/env bash
# Checks the pages: links and anchors resolve, code blocks have the right syntax, named code blocks are run by a row. The last line says
# how many checks passed and failed, as `cargo test` does.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Debian's, which has python3-yaml.
exec /usr/bin/python3 pkcs11-test/lib/pages.py
