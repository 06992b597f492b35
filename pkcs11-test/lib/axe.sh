#!/usr/bin/env bash
# Prints the path of axe-core, which checks the accessibility of pages in a browser. Installs it with npm if it is missing.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=$(cargo metadata --format-version 1 --no-deps --locked | jq --raw-output .target_directory)
folder=$target/axe
mkdir -p "$folder"
# Several tests may want it at once.
exec {lock}>"$folder/lock"
flock "$lock"
if ! cmp --quiet pkcs11-test/lib/axe/package-lock.json "$folder/package-lock.json"; then
    cp pkcs11-test/lib/axe/package.json "$folder"
    cp pkcs11-test/lib/axe/package-lock.json "$folder/package-lock.json.new"
    rm -f "$folder/package-lock.json"
    mv "$folder/package-lock.json.new" "$folder/npm-shrinkwrap.json"
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --silent >&2
    mv "$folder/npm-shrinkwrap.json" "$folder/package-lock.json"
fi
printf '%s\n' "$folder/node_modules/axe-core/axe.min.js"
