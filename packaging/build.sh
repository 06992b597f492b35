#!/usr/bin/env bash
# Builds the library and the command for all targets. See --help.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. packaging/lib/tools.sh
. packaging/lib/compile.sh
. packaging/lib/checks.sh
. packaging/lib/windows.sh

usage() {
    cat <<'TEXT'
Usage: packaging/build.sh [--target-dir DIR] [--output DIR] [--twice] TARGET...

Builds libsignpath_pkcs11.so and the command signpath-pkcs11 into dist/TARGET, with their debug symbols beside them, and checks
what it built. Installs the tools it needs: those of packaging/requirements.txt from PyPI, by hash, and Debian packages with apt.

  TARGET            x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu (both for glibc 2.17 or later),
                    x86_64-unknown-linux-musl, aarch64-unknown-linux-musl, x86_64-pc-windows-gnullvm (signpath_pkcs11.dll)
  --twice           build a second time from another folder; both builds have to be the same bytes
  --output DIR      write to DIR instead of dist
  --target-dir DIR  compile in DIR instead of target/packaging
TEXT
}

# Builds a package of the workspace. Sets `artifact`, the file. Arguments: the target, the package, the name of the artifact.
build_package() {
    local target=$1 package=$2 name=$3
    local -a dynamic=()
    local messages=$TARGET_FOLDER/$target.$package.messages log=$TARGET_FOLDER/$target.$package.log
    # zig links programs for musl statically, and these could not load the module.
    [[ $target-$package != *-musl-*-cli ]] || dynamic=(-- -Clink-arg=-dynamic)
    [[ $target-$package != *-windows-*-pkcs11 ]] || dynamic=(-- "-Clink-arg=$PWD/packaging/windows/exports.def")
    if ! compile_with_zig "$target" "$([[ ${#dynamic[@]} == 0 ]] && echo zigbuild || echo rustc)" --package "$package" \
        --target-dir "$TARGET_FOLDER" --verbose --color never --message-format json-render-diagnostics "${dynamic[@]}" >"$messages" 2>"$log"
    then
        grep -v '^ *Running' "$log" | tail -n 40 >&2 || true
        die "The build of $package for $target failed. All that was said is in $log."
    fi
    artifact=$(jq --raw-output --arg name "$name" \
        'select(.reason == "compiler-artifact" and .target.name == $name and (.target.kind[0] | . == "cdylib" or . == "bin")).filenames[0]' \
        "$messages")
    # The linker call of the existing file: a build with nothing to do does not show it.
    sed -n "s/^ *Running \`\(.* --crate-name ${name//-/_} .* --crate-type \(cdylib\|bin\) .*\)\`\$/\1/p" "$log" >"$log.call"
    [[ -s $log.call ]] && cp "$log.call" "$artifact.rustc"
    rm "$log.call"
    [[ -e $artifact.rustc ]] || die "Cargo did not show how it called the compiler for $artifact. Remove $TARGET_FOLDER and start again."
}

# Splits a file into what is shipped, which lists the crates in it as cargo-auditable would, and its debug symbols, which a
# debugger finds by their build ID. Arguments: the target, the file, the directory, the list of crates.
split_symbols() {
    local target=$1 file=$2 folder=$3 name=${2##*/} crates=$4
    local debug=$folder/debug/$name.debug
    cp "$file" "$folder/debug/whole"
    # zig links objects from its own cache.
    python3 packaging/lib/symbols.py remap "$folder/debug/whole" "${maps[@]}" \
        "${ZIG_GLOBAL_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/zig}=/zig-cache"
    objcopy_for "$target" --only-keep-debug "$folder/debug/whole" "$debug"
    objcopy_for "$target" --strip-all --remove-section=.comment "$folder/debug/whole" "$folder/$name"
    objcopy_for "$target" --add-section ".dep-v0=$crates" "$folder/$name"
    rm "$folder/debug/whole" "$crates"
    chmod 644 "$debug"
    python3 packaging/lib/symbols.py identify "$folder/$name" "$debug"
    cp "$file.rustc" "$debug.rustc"
}

components() { PATH="$RUST_BIN:$PATH" python3 packaging/lib/components.py "$@"; }

# Manual pages and completions, made by a command that runs on this machine. They are the same for all targets.
write_pages() {
    local command=$1 folder=$OUTPUT/share
    "$command" --version &>/dev/null || return 0
    rm -rf "$folder"
    mkdir -p "$folder/man1" "$folder/completions"
    "$command" man "$folder/man1"
    "$command" completions bash >"$folder/completions/signpath-pkcs11.bash"
    "$command" completions zsh >"$folder/completions/_signpath-pkcs11"
    "$command" completions fish >"$folder/completions/signpath-pkcs11.fish"
}

# Arguments: the target.
build_target() {
    local target=$1 folder=$OUTPUT/$1 started=$SECONDS artifact package RUST_SOURCES RUST_BIN
    local -a cargo_zigbuild std maps
    choose_toolchain "$target"
    say "Building for $target ..."
    rm -rf "$folder"
    mkdir -p "$folder/debug"
    for package in signpath-pkcs11 signpath-pkcs11-cli; do
        # The library's artifact is named as Rust names crates.
        case $package in
            signpath-pkcs11) build_package "$target" $package signpath_pkcs11 ;;
            *) build_package "$target" $package signpath-pkcs11 ;;
        esac
        components sbom "$package" "$target" "$ZIG" >"$folder/$package.cdx.json"
        components licences "$package" "$target" "$ZIG" >"$folder/$package.licences"
        components auditable "$package" "$target" "$ZIG" >"$folder/debug/crates"
        check_components "$target" "$folder/$package.cdx.json" "$TARGET_FOLDER/$target.$package.messages" \
            "${std[@]:+std}"
        if [[ $target == *-windows-* ]]; then
            install_windows_file "$artifact" "$folder"
        else
            split_symbols "$target" "$artifact" "$folder" "$folder/debug/crates"
        fi
    done
    if [[ $target == *-windows-* ]]; then
        rm -r "$folder/debug"
        check_windows_files "$folder"
        say "Built for $target in $((SECONDS - started)) s."
        return
    fi
    write_pages "$folder/signpath-pkcs11"
    check_files "$target" "$folder"
    say "Built for $target in $((SECONDS - started)) s."
}

# Builds the same sources in another directory, with another home of Cargo, and compares. Argument: the target.
build_again() {
    local target=$1 copy=$TARGET_FOLDER/again-$1 file
    rm -rf "$copy"
    mkdir -p "$copy/another folder/source"
    git ls-files -z --cached --others --exclude-standard | xargs -0 tar --create --file=- | tar --extract --directory="$copy/another folder/source"
    mkdir "$copy/cargo"
    ln -s "${CARGO_HOME:-$HOME/.cargo}/registry" "$copy/cargo/registry"
    (
        cd "$copy/another folder/source"
        mkdir target
        ln -s "$TOOLS" target/packaging-tools
        RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-} CARGO_HOME=$copy/cargo \
            packaging/build.sh --target-dir "$copy/compiled" --output "$copy/dist" "$target"
    ) || die "The second build for $target failed."
    for file in libsignpath_pkcs11.so signpath-pkcs11 signpath-pkcs11.cdx.json signpath-pkcs11.licences; do
        cmp "$OUTPUT/$target/$file" "$copy/dist/$target/$file" || die "Two builds of $file for $target differ. Both are left in $copy."
    done
    rm -rf "$copy"
    say "A second build for $target from another directory has the same bytes."
}

main() {
    local target twice=no
    local -a targets=()
    OUTPUT=$PWD/dist
    while (($#)); do
        case $1 in
            --help | -h)
                usage
                exit
                ;;
            --twice) twice=yes ;;
            --output | --target-dir)
                (($# > 1)) || die "$1 needs a folder. See --help."
                [[ $1 == --output ]] && OUTPUT=$(realpath --canonicalize-missing "$2") || TARGET_FOLDER=$(realpath --canonicalize-missing "$2")
                shift
                ;;
            x86_64-unknown-linux-gnu | aarch64-unknown-linux-gnu | x86_64-unknown-linux-musl | aarch64-unknown-linux-musl | \
                x86_64-pc-windows-gnullvm) targets+=("$1") ;;
            -*) die "There is no option $1. See --help." ;;
            *) die "$1 is not among the targets. See --help." ;;
        esac
        shift
    done
    ((${#targets[@]})) || die "Name one or more targets. See --help."

    REQUIREMENTS=(
        "ca-certificates            /etc/ssl/certs/ca-certificates.crt"
        "gcc libc6-dev              cc"
        "binutils                   objcopy"
        "git                        git"
        "jq                         jq"
    )
    for target in "${targets[@]}"; do
        [[ $target == "$(uname -m)"-* ]] ||
            REQUIREMENTS+=("binutils-${target%%-*}-linux-gnu ${target%%-*}-linux-gnu-objcopy")
    done
    install_requirements
    install_tools
    mkdir -p "$TARGET_FOLDER"
    for target in "${targets[@]}"; do
        build_target "$target"
        [[ $twice == no ]] || build_again "$target"
    done
}

main "$@"
