# shellcheck shell=bash disable=SC2034 # the scripts use what this one sets
# How Cargo and zig compile for another machine.

GLIBC=2.17
JOBS=${CARGO_BUILD_JOBS:-$(nproc)}
TARGET_FOLDER=$PWD/target/packaging

# Sets `cargo_zigbuild`, the command that builds for a target; `std`, what makes it build std; RUST_SOURCES, the toolchain's
# directory; and RUST_BIN, where its programs are.
# Argument: the target.
choose_toolchain() {
    local target=$1 installed
    cargo_zigbuild=(cargo-zigbuild)
    std=()
    installed=$(rustc --print target-libdir --target "$target")
    if [[ -d $installed ]]; then
        RUST_SOURCES=$(rustc --print sysroot)
        RUST_BIN=$RUST_SOURCES/bin
        return
    fi
    install_rust_web "$target"
    RUST_SOURCES=$RUST_WEB/usr
    RUST_BIN=$RUST_WEB/bin
    cargo_zigbuild=(env "PATH=$RUST_BIN:$PATH" "RUSTC=$RUST_BIN/rustc" "CARGO=$RUST_BIN/cargo")
    if [[ ! -d $("$RUST_BIN/rustc" --print target-libdir --target "$target") ]]; then
        cargo_zigbuild+=(RUSTC_BOOTSTRAP=1)
        std=(-Z "build-std=std,panic_unwind")
    fi
    cargo_zigbuild+=(cargo-zigbuild)
}

# Builds with the profile dist. Sets `maps`, the directories that must not appear in the output, and their replacements.
# Arguments: the target, "zigbuild" or "rustc", the arguments of that command of cargo-zigbuild.
compile_with_zig() {
    local target=$1 command=$2 zig_target=$1 home=${CARGO_HOME:-$HOME/.cargo}
    shift 2
    [[ $target != *-gnu ]] || zig_target=$target.$GLIBC
    # Of two prefixes that match, the later one applies.
    maps=("$home=/cargo" "$(realpath --canonicalize-missing "$home/registry")=/cargo/registry" "$RUST_SOURCES=/rust" "$ZIG=/zig"
        "$TARGET_FOLDER=/target" "$PWD=/signpath-pkcs11")
    local -a rust_flags=("${maps[@]/#/--remap-path-prefix=}")
    [[ $target == *-windows-* ]] || rust_flags+=("-Clink-arg=-Wl,--build-id=sha1")
    [[ $target != *-musl ]] || rust_flags+=(-Ctarget-feature=-crt-static)
    env "CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${rust_flags[@]}" | sed 's/\x1f$//')" \
        CC_SHELL_ESCAPED_FLAGS=1 "CFLAGS=$(printf '%q ' "${maps[@]/#/-ffile-prefix-map=}")" \
        "${cargo_zigbuild[@]}" "$command" --locked --profile dist "${std[@]}" --target "$zig_target" --jobs "$JOBS" "$@"
}

# The tool for the files of a target. Arguments: the target, those of objcopy.
objcopy_for() {
    local prefix=
    [[ $1 == "$(uname -m)"-* ]] || prefix=${1%%-*}-linux-gnu-
    shift
    "${prefix}objcopy" "$@"
}
