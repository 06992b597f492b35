# shellcheck shell=bash
# What asan.sh and tsan.sh share.

# Prints the path of the runtime that GCC has for a sanitizer. Arguments: the sanitizer, its library, its package in Debian.
gcc_runtime() {
    local path
    path=$(cc -print-file-name="$2.so")
    if [[ ! -e $path ]]; then
        echo "cc has no $2.so; install $3 or what else brings the $1 of $(cc -dumpmachine) GCC $(cc -dumpversion)." >&2
        return 1
    fi
    printf '%s\n' "$path"
}

# Builds the module with a sanitizer and prints the path of the library. -Zsanitizer is unstable. CFLAGS instruments the C code of
# dependencies too. Arguments: the name of the sanitizer for compilers, a directory in the target directory, flags for rustc, options for
# Cargo.
build_with() {
    local host
    host=$(rustc --version --verbose | awk '$1 == "host:" { print $2 }')
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$1 $3" CARGO_PROFILE_DEV_DEBUG=line-tables-only \
        env "CFLAGS_${host//-/_}=-fsanitize=$1" pkcs11-test/lib/module.sh "$2" --target "$host" "${@:4}"
}
