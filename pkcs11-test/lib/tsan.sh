#!/usr/bin/env bash
# Builds the module, and the standard library in it, with ThreadSanitizer, and prints the path of the library. A program that loads
# it needs GCC's sanitizer runtime: `tsan.sh runtime` prints what to preload. Without `setarch --addr-no-randomize` that runtime may
# find its part of the address space taken.
#
# The locks of the standard library have to be seen to be locks, so it is built too. That takes its sources: those of rustup's
# rust-src, or of Debian's rust-src or rust-web-src with the compiler that belongs to them.
# shellcheck source-path=SCRIPTDIR/../..

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. pkcs11-test/lib/sanitizer.sh

if [[ ${1:-} == runtime ]]; then
    runtime=$(gcc_runtime ThreadSanitizer libtsan libtsan2)
    # GCC's runtime does not have these, which rustc calls. They watch what they copy themselves, so that the C library's need not be
    # watched: programs that are not instrumented call those too.
    more=${CARGO_TARGET_DIR:-$PWD/target}/tsan/more.so
    mkdir -p "${more%/*}"
    cc -shared -fPIC -fno-builtin -O1 -x c -o "$more" - <<'C'
#include <string.h>
void __tsan_read_range(void *, unsigned long), __tsan_write_range(void *, unsigned long);
void *__tsan_memcpy(void *to, void *from, size_t count)
{
    __tsan_read_range(from, count);
    __tsan_write_range(to, count);
    return memcpy(to, from, count);
}
void *__tsan_memmove(void *to, void *from, size_t count)
{
    __tsan_read_range(from, count);
    __tsan_write_range(to, count);
    return memmove(to, from, count);
}
void *__tsan_memset(void *to, int value, size_t count)
{
    __tsan_write_range(to, count);
    return memset(to, value, count);
}
C
    printf '%s:%s\n' "$runtime" "$more"
    exit
fi

has_sources() { [[ -e $("$1" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/std/Cargo.toml ]]; }

if ! has_sources rustc; then
    if ! has_sources /usr/bin/rustc; then
        echo "There are no sources of the standard library; install them with \"rustup component add rust-src\", or Debian's" \
            "rust-src or rust-web-src with its compiler." >&2
        exit 1
    fi
    PATH=/usr/bin:$PATH
fi
# -Zbuild-std is unstable.
build_with thread tsan "" -Z build-std=std,panic_unwind
