# shellcheck shell=bash
# Signs with the built files: on this machine, in chroots of Debian, with the loader of another libc, under qemu.

. packaging/lib/count.sh

KEY=demo/rsa-3072
KEY_HEX=64656d6f2f7273612d33303732

# Starts the local service. Sets CERTIFICATE.
start_local_service() {
    build_service
    start_service "$WORK/service" --tls
    CERTIFICATE=$STATE/certificates/$KEY.pem
    openssl x509 -in "$CERTIFICATE" -noout -pubkey >"$WORK/public-key"
    head -c 5000 /usr/bin/env >"$WORK/data"
}

# Compiles a C file for a target. Arguments: the target, the source, the program.
compile() {
    local zig_target=${1/-unknown/}
    local -a options=()
    case $zig_target in
        *-gnu) zig_target=$zig_target.$GLIBC ;;
        *) options=(-dynamic) ;;
    esac
    # zig's directory of libc's headers comes first.
    quietly "$ZIG/zig" cc -target "$zig_target" "${options[@]}" -O2 -Iinclude -idirafter "$WORK/include" "$2" -o "$3" -ldl
}

# Runs a program of a target. Arguments: the target, the program, its arguments.
run_for() {
    local target=$1 root=$TOOLS/roots/$1
    shift
    case $target in
        "$(uname -m)"-*-gnu) "$@" ;;
        "$(uname -m)"-*-musl) "$root"/lib/ld-musl-*.so.1 --library-path "$root/lib/${target%%-*}-linux-musl" "$@" ;;
        aarch64-*) qemu-aarch64 -L "$root" "$@" ;;
        *) die "There is no way to run $target here." ;;
    esac
}

# pkcs11-tool signs and openssl verifies. Arguments: the library, what pkcs11-tool is started with.
pkcs11_tool_signs() {
    local module=$1
    shift
    rm -f "$WORK/signature"
    "$@" --module "$module" --login --pin CONFIG --id "$KEY_HEX" --sign --mechanism SHA256-RSA-PKCS \
        --input-file "$WORK/data" --output-file "$WORK/signature" &>"$WORK/output" &&
        openssl dgst -sha256 -verify "$WORK/public-key" -signature "$WORK/signature" "$WORK/data" &>>"$WORK/output"
}

# A C program signs and verifies. Arguments: the target, the library, the key.
client_signs() {
    compile "$1" tests/header/sign.c "$WORK/client-$1"
    run_for "$1" "$WORK/client-$1" "$2" "$3" </dev/null &>"$WORK/output" && grep -q '^verified ' "$WORK/output"
}

# A library that the same tools built catches a panic. Argument: the target.
panic_is_caught() {
    local target=$1 artifact
    # shellcheck disable=SC2034 # compile_with_zig uses them
    local -a cargo_zigbuild std maps
    local RUST_SOURCES RUST_BIN
    choose_toolchain "$target"
    compile "$target" packaging/panic/load.c "$WORK/load-$target"
    artifact=$(cd packaging/panic && compile_with_zig "$target" zigbuild --target-dir "$TARGET_FOLDER/panic" --message-format json 2>"$WORK/output" |
        jq --raw-output 'select(.reason == "compiler-artifact" and .target.name == "panic").filenames[0]')
    [[ -n $artifact ]] && run_for "$target" "$WORK/load-$target" "$artifact" &>"$WORK/output"
}

# Unpacks Debian packages of another machine or with another libc into TOOLS/roots/TARGET: what run_for needs.
unpack_root() {
    local target=$1 root=$TOOLS/roots/$1 machine=amd64
    [[ $target != aarch64-* ]] || machine=arm64
    local -a packages=(musl)
    [[ $target != *-gnu ]] || packages=(libc6 opensc ca-certificates)
    [[ ! -e $root.done ]] || return 0
    say "Unpacking ${packages[*]} for $machine ..."
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    if [[ $target == "$(uname -m)"-* ]]; then
        (cd "$root" && quietly apt-get download "${packages[@]}")
        dpkg-deb --extract "$root"/*.deb "$root"
        # Debian 13's musl is in /usr/lib.
        [[ -d $root/lib ]] || ln -s usr/lib "$root/lib"
        touch "$root.done"
        return
    fi
    run_mmdebstrap --variant=extract --architectures="$machine" --include="$(paste -sd, <(printf '%s\n' "${packages[@]}"))" bookworm "$root.tar"
    tar --extract --directory "$root" --file "$root.tar" --exclude=./dev
    rm "$root.tar"
    touch "$root.done"
}

# A Debian with OpenSC, made once. Argument: the release.
debian_root() {
    local archive=$TOOLS/roots/$1.tar new=$TOOLS/roots/$1.new.tar
    if [[ ! -f $archive ]]; then
        say "Installing Debian $1 ..."
        mkdir -p "$TOOLS/roots"
        rm -f "$new"
        run_mmdebstrap --format=tar --variant=minbase --include=opensc,openssl,ca-certificates "$1" "$new"
        mv --no-target-directory "$new" "$archive"
    fi
}

# Installs, uses, replaces and removes the package in a new chroot. Arguments: the release of Debian, the directory with the directories
# old, this and new.
debian_proof() {
    local root=$WORK/$1 packages=$2
    debian_root "$1"
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    tar --extract --directory "$root" --file "$TOOLS/roots/$1.tar"
    mkdir "$root/proof"
    cp -r "$packages"/. "$root/proof/"
    cp packaging/lib/in-debian.sh "$WORK/client-x86_64-unknown-linux-gnu" "$root/proof/"
    mv "$root/proof/client-x86_64-unknown-linux-gnu" "$root/proof/client"
    cp "$CERTIFICATE" "$root/proof/certificate.pem"
    cp "$STATE/tls-ca.pem" "$root/proof/tls-ca.pem"
    sed 's|^\(export SIGNPATH_TLS_CA_FILE\)=.*|\1=/proof/tls-ca.pem|' "$WORK/service/env" >"$root/proof/env"
    # The chroot sees its own processes only.
    if ! timeout 300 unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" \
        /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin sh /proof/in-debian.sh >"$WORK/facts" 2>"$WORK/output"
    then
        cat "$WORK/facts" >>"$WORK/output"
        return 1
    fi
    rm -rf --one-file-system "$root"
}
