#!/usr/bin/env bash
# Prints the path of axe-core, which checks the accessibility of pages in a browser. Installs it with npm if it is missing.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=$(cargo metadata --format-version 1 --no-deps --locked | jq --raw-output .target_directory)
folder=$target/axe
mkdir -p "$folder"
# Several tests may want it at once.
exec {lock}>"$folder/lock"
flock --timeout 60 "$lock"
if ! cmp --quiet pkcs11-test/lib/axe/package-lock.json "$folder/installed.json"; then
    cp pkcs11-test/lib/axe/package*.json "$folder"
    # Not with --prefix, which also changes where npm looks for the configuration of the system, such as its CA certificates.
    (cd "$folder" && timeout --kill-after=5 60 npm ci --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=20000 \
        --no-audit --no-fund --ignore-scripts --loglevel=http >&2)
    cp "$folder/package-lock.json" "$folder/installed.json"
fi
printf '%s\n' "$folder/node_modules/axe-core/axe.min.js"
