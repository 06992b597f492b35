# shellcheck shell=bash disable=SC2034 # the scripts use what this one sets
# The tools of packaging. What comes from PyPI is pinned by version and hash in requirements.txt and goes into the target
# directory; what comes from Debian is installed with apt, whose signed lists carry the hashes.

. pkcs11-test/lib/setup.sh

TOOLS=$PWD/target/packaging-tools
# A surrounding Cargo may have set toolchain and target.
unset CARGO_BUILD_TARGET RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

# Puts the tools of a requirements file first in PATH. Installs them if they are not there. Arguments: the file, the directory.
install_from_pypi() {
    local requirements=$1 venv=$2
    # Without ensurepip there is a python3 that makes no environments.
    local -a REQUIREMENTS=("python3-venv /usr/lib/python3*/ensurepip/__init__.py")
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_requirements
    if ! sha256sum --quiet --status --check "$venv/requirements.sha256" 2>/dev/null; then
        say "Installing the tools of $requirements ..."
        rm -rf "$venv"
        quietly python3 -m venv "$venv"
        quietly "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
            --requirement "$requirements"
        sha256sum "$requirements" >"$venv/requirements.sha256"
    fi
    PATH=$venv/bin:$PATH
}

# The tools that build and package. Sets ZIG, the directory of zig.
install_tools() {
    install_from_pypi packaging/requirements.txt "$TOOLS/venv"
    ZIG=$("$TOOLS/venv/bin/python" -c 'import os, ziglang; print(os.path.dirname(os.path.realpath(ziglang.__file__)))')
}

# The tools that check licences, advisories and workflows.
install_check_tools() { install_from_pypi packaging/requirements-checks.txt "$TOOLS/checks"; }

# The version of the workspace.
version() { cargo metadata --format-version 1 --no-deps --locked | jq --raw-output '.packages[] | select(.name == "signpath-pkcs11").version'; }

# The time of the last commit, used as the time of the build.
commit_time() { git log -1 --format=%ct 2>/dev/null || stat --format=%Y Cargo.lock; }

# Debian's toolchain, for targets that the installed one has no std for: with the sources of std, and std for ARM64 unpacked beside
# it, since installing that would need a foreign architecture. Sets RUST_WEB, the directory with bin and the sysroot.
# Argument: the target.
install_rust_web() {
    RUST_WEB=$TOOLS/rust-web
    local -a apt
    local version folder
    REQUIREMENTS=("rustc-web cargo-web rust-web-src /usr/share/doc/rust-web-src")
    install_requirements
    version=$(dpkg-query --show --showformat '${Version}' libstd-rust-web-dev)
    at_least "$(rust_version /usr/bin/rustc)" "$RUST_VERSION" ||
        die "There is no std for $1 here. Add it with \"rustup target add $1\", or build on a Debian that has rustc-web $RUST_VERSION or later."
    [[ ! -e $RUST_WEB/$version ]] || return 0
    say "Unpacking std of Debian's rustc-web $version for arm64 ..."
    rm -rf "$RUST_WEB"
    mkdir -p "$RUST_WEB/lists/partial" "$RUST_WEB/bin"
    # Package lists of its own, which have arm64 too.
    apt=(apt-get --quiet -o "Dir::State::Lists=$RUST_WEB/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
        -o APT::Architectures::=amd64 -o APT::Architectures::=arm64)
    quietly "${apt[@]}" update
    (cd "$RUST_WEB" && quietly "${apt[@]}" download "libstd-rust-web-dev:arm64=$version")
    dpkg-deb --extract "$RUST_WEB"/*.deb "$RUST_WEB"
    rm -rf "$RUST_WEB"/*.deb "$RUST_WEB/lists"
    for folder in /usr/lib/rustlib/*; do
        [[ -e $RUST_WEB/usr/lib/rustlib/${folder##*/} ]] || ln -s "$folder" "$RUST_WEB/usr/lib/rustlib/"
    done
    cat >"$RUST_WEB/bin/rustc" <<TEXT
#!/bin/sh
exec /usr/bin/rustc --sysroot '$RUST_WEB/usr' "\$@"
TEXT
    ln -s /usr/bin/cargo "$RUST_WEB/bin/cargo"
    chmod +x "$RUST_WEB/bin/rustc"
    touch "$RUST_WEB/$version"
}
