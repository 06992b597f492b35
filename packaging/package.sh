#!/usr/bin/env bash
# Makes packages from the output of build.sh. See --help.

# shellcheck source-path=SCRIPTDIR/..
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. packaging/lib/tools.sh
. packaging/lib/install-tree.sh
. packaging/lib/windows.sh

usage() {
    cat <<'TEXT'
Usage: packaging/package.sh [--format FORMAT]... [--output DIR] [--packages DIR] [TARGET...]

Makes packages of what packaging/build.sh put into dist/TARGET, into dist/packages: deb and rpm of a target with glibc, apk of one
with musl, a tarball and one with the debug symbols of each, and the packages signpath-pkcs11-compat; zip and MSI for Windows. Without a target it takes
all that are built. The same files give the same packages, byte for byte, except for the MSI: each has new product and package codes,
and the time at which it was made.

  --format FORMAT   only deb, rpm, apk, tar, debug, zip, msi or image; image (an OCI image with the library alone) only if it is named
  --output DIR      take the builds from DIR instead of dist, and write to DIR/packages
  --packages DIR    write to DIR

Variables: PACKAGE_VERSION (the workspace's), PACKAGE_RELEASE (1), PACKAGE_MAINTAINER.
TEXT
}

# Everything that is linked in: `cargo deny` keeps the list short.
RPM_LICENCE='(MIT OR Apache-2.0) AND Apache-2.0 AND BSD-3-Clause AND ISC AND MIT AND Unicode-3.0'
SUMMARY='PKCS #11 module that signs with SignPath'
DESCRIPTION='Signing tools (openssl, osslsigncode, jarsigner, pkcs11-tool, gpg and others)
load the module as they would load the driver of a smart card or an HSM, and
find a key for each signing policy of a SignPath organization. The private
keys stay in the HSM of SignPath.

The command signpath-pkcs11 lists signing policies, signs files, writes
configurations for signing tools, and finds out what is wrong.'
COMPAT_SUMMARY='PKCS #11 module for SignPath, under the name of its Cryptoki library'
COMPAT_DESCRIPTION='A link with the file name of the Cryptoki library that SignPath publishes,
libSignPath.Cryptoki.so, beside the module. Configurations that name that file
work unchanged. The link is a package of its own since it conflicts with an
installed copy of that library.'

# The package formats of a target.
formats_of() {
    case $1 in
        *-windows-*) echo zip msi ;;
        *-gnu) echo deb rpm tar debug ;;
        *) echo apk tar debug ;;
    esac
}

# Writes nfpm's file. Arguments: the format, the target, the package, its tree, the summary, the description.
nfpm_file() {
    local format=$1 target=$2 name=$3 tree=$4 summary=$5 description=$6 path kind
    local machine=amd64
    [[ $target != aarch64-* ]] || machine=arm64
    cat <<TEXT
name: $name
arch: $machine
platform: linux
version: "$VERSION"
version_schema: semver
release: "$RELEASE"
section: utils
priority: optional
maintainer: "$MAINTAINER"
license: "$([[ $format == deb ]] && echo "MIT OR Apache-2.0" || echo "$RPM_LICENCE")"
homepage: https://about.signpath.io
mtime: $(date --utc --date "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
rpm:
  summary: "$summary"
  group: Applications/System
  compression: "gzip:9"
  buildhost: localhost
description: |
  $summary
  ${description//$'\n'/$'\n'  }
TEXT
    if [[ $format == rpm ]]; then
        # In a deb, nfpm's changelog is not what Debian expects.
        rpm_changelog >"$tree.changelog"
        printf 'changelog: "%s"\n' "$tree.changelog"
    fi
    if [[ $name == *-compat ]]; then
        printf 'depends:\n  - %s\n' "$(exact_dependency "$format")"
        # Only one package can own a file of that name. A file that no package owns is looked for before the installation.
        printf 'provides:\n  - libsignpath-cryptoki\nconflicts:\n  - libsignpath-cryptoki\n'
        printf 'scripts:\n  preinstall: %s\n' "$tree.preinstall"
    elif [[ $format == deb ]]; then
        printf 'depends:\n  - libc6 (>= 2.17)\nrecommends:\n  - ca-certificates\nsuggests:\n  - opensc\n  - p11-kit\n'
    elif [[ $format == rpm ]]; then
        printf 'depends:\n  - "libc.so.6(GLIBC_2.17)(64bit)"\nrecommends:\n  - ca-certificates\n'
    else
        printf 'depends:\n  - musl\n'
    fi
    echo contents:
    while IFS= read -r -d '' path; do
        if [[ -L $path ]]; then
            printf '  - {src: "%s", dst: "%s", type: symlink}\n' "$(readlink "$path")" "${path#"$tree"}"
            continue
        elif [[ -d $path ]]; then
            # Directories of the system belong to others.
            [[ $path == */signpath-pkcs11 || $path == */signpath-pkcs11-compat || $path == */doc/signpath-pkcs11/* ]] || continue
            printf '  - {dst: "%s", type: dir, file_info: {mode: 0755, owner: root, group: root}}\n' "${path#"$tree"}"
            continue
        fi
        kind=
        [[ $format != rpm || $path != */share/@(doc|man)/* ]] || kind='type: doc, '
        [[ $format != rpm || $path != */share/licenses/* ]] || kind='type: license, '
        printf '  - {src: "%s", dst: "%s", %sfile_info: {mode: 0%s, owner: root, group: root}}\n' "$path" "${path#"$tree"}" "$kind" \
            "$(stat --format=%a "$path")"
    done < <(find "$tree" -mindepth 1 -print0 | sort --zero-terminated)
}

# Link and library must have the same version.
exact_dependency() {
    case $1 in
        deb) echo "\"signpath-pkcs11 (= $VERSION-$RELEASE)\"" ;;
        rpm) echo "\"signpath-pkcs11 = $VERSION-$RELEASE\"" ;;
        apk) echo "\"signpath-pkcs11=$VERSION-r$RELEASE\"" ;;
    esac
}

# deb, rpm or apk. Arguments: the format, the target.
system_package() {
    local format=$1 target=$2 tree=$WORK/$1-$2
    install_tree "$format" "$target" "$tree"
    nfpm_file "$format" "$target" signpath-pkcs11 "$tree" "$SUMMARY" "$DESCRIPTION" >"$tree.yaml"
    quietly nfpm package --config "$tree.yaml" --packager "$format" --target "$PACKAGES/"
    install_compat_tree "$format" "$target" "$tree-compat"
    nfpm_file "$format" "$target" signpath-pkcs11-compat "$tree-compat" "$COMPAT_SUMMARY" "$COMPAT_DESCRIPTION" >"$tree-compat.yaml"
    quietly nfpm package --config "$tree-compat.yaml" --packager "$format" --target "$PACKAGES/"
}

# Arguments: the directory, the file name without its extension.
write_tarball() {
    tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime "@$SOURCE_DATE_EPOCH" \
        --directory "${1%/*}" "${1##*/}" | gzip --no-name --best >"$PACKAGES/$2.tar.gz"
}

# The tarball, and the SBOMs beside it.
tarball() {
    local target=$1 name=signpath-pkcs11-$VERSION-${1/-unknown/}
    install --mode 644 "$OUTPUT/$target/signpath-pkcs11.cdx.json" "$PACKAGES/lib$name.cdx.json"
    install --mode 644 "$OUTPUT/$target/signpath-pkcs11-cli.cdx.json" "$PACKAGES/$name.cdx.json"
    install_tree tar "$target" "$WORK/$name"
    write_tarball "$WORK/$name" "$name"
}

# The debug symbols, to be unpacked in /: debuggers look for them under /usr/lib/debug/.build-id.
debug_tarball() {
    local target=$1 name=signpath-pkcs11-$VERSION-${1/-unknown/}-debug file identity
    for file in libsignpath_pkcs11.so signpath-pkcs11; do
        identity=$(readelf --wide --notes "$OUTPUT/$target/$file" | sed -n 's/.*Build ID: //p')
        install -D --mode 644 "$OUTPUT/$target/debug/$file.debug" "$WORK/$name/usr/lib/debug/.build-id/${identity::2}/${identity:2}.debug"
    done
    write_tarball "$WORK/$name" "$name"
}

# An OCI image with only the library, to copy it from: COPY --from=... /libsignpath_pkcs11.so.
image() {
    local target=$1 container machine=amd64 archive
    archive=$PACKAGES/signpath-pkcs11-$VERSION-${target/-unknown/}.oci.tar
    [[ $target != aarch64-* ]] || machine=arm64
    local -a buildah=(buildah --storage-driver vfs --root "$WORK/images/root" --runroot "$WORK/images/run")
    container=$("${buildah[@]}" from --arch "$machine" scratch)
    "${buildah[@]}" copy --quiet "$container" "$OUTPUT/$target/libsignpath_pkcs11.so" /libsignpath_pkcs11.so >/dev/null
    "${buildah[@]}" copy --quiet "$container" LICENSE-MIT LICENSE-APACHE "$OUTPUT/$target/signpath-pkcs11.licences" /licences/ >/dev/null
    "${buildah[@]}" config --os linux --arch "$machine" --author "$MAINTAINER" \
        --label "org.opencontainers.image.title=signpath-pkcs11" --label "org.opencontainers.image.version=$VERSION" \
        --label "org.opencontainers.image.licenses=$RPM_LICENCE" "$container"
    rm -f "$archive"
    quietly "${buildah[@]}" commit --quiet --timestamp "$SOURCE_DATE_EPOCH" "$container" "oci-archive:$archive:signpath-pkcs11:$VERSION"
    "${buildah[@]}" rm "$container" >/dev/null
}

main() {
    local target format
    local -a targets=() chosen=()
    OUTPUT=$PWD/dist
    PACKAGES=
    while (($#)); do
        case $1 in
            --help | -h)
                usage
                exit
                ;;
            --format | --output | --packages)
                (($# > 1)) || die "$1 needs a value. See --help."
                if [[ $1 == --output ]]; then
                    OUTPUT=$(realpath "$2")
                elif [[ $1 == --packages ]]; then
                    PACKAGES=$(realpath --canonicalize-missing "$2")
                else
                    [[ $2 == @(deb|rpm|apk|tar|debug|zip|msi|image) ]] || die "There is no format $2. See --help."
                    chosen+=("$2")
                fi
                shift
                ;;
            -*) die "There is no option $1. See --help." ;;
            *) targets+=("$1") ;;
        esac
        shift
    done
    if ((${#targets[@]} == 0)); then
        for target in "$OUTPUT"/*-linux-*/ "$OUTPUT"/*-windows-*/; do
            [[ ! -d $target ]] || targets+=("$(basename "$target")")
        done
    fi
    ((${#targets[@]})) || die "Nothing is built yet. See packaging/build.sh --help."
    for target in "${targets[@]}"; do
        # build.sh makes the command last.
        [[ -e $OUTPUT/$target/signpath-pkcs11 || -e $OUTPUT/$target/signpath-pkcs11.exe ]] ||
            die "There is no complete build for $target in $OUTPUT. See packaging/build.sh --help."
    done
    [[ -d $OUTPUT/share || " ${targets[*]}" != *-linux-* ]] || die "There are no manual pages in $OUTPUT/share. They are written by a build for this machine: packaging/build.sh $(uname -m)-unknown-linux-gnu."

    REQUIREMENTS=("git git" "jq jq" "binutils readelf")
    [[ " ${chosen[*]} " != *" image "* ]] || REQUIREMENTS+=("buildah buildah")
    [[ " ${targets[*]} " != *-windows-* ]] || REQUIREMENTS+=("zip zip" "wixl wixl")
    install_requirements
    install_tools
    VERSION=${PACKAGE_VERSION:-$(version)}
    RELEASE=${PACKAGE_RELEASE:-1}
    MAINTAINER=${PACKAGE_MAINTAINER:-The signpath-pkcs11 authors <maintainers@signpath-pkcs11.invalid>}
    SOURCE_DATE_EPOCH=$(commit_time)
    export SOURCE_DATE_EPOCH
    PACKAGES=${PACKAGES:-$OUTPUT/packages}
    mkdir -p "$PACKAGES"
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/signpath-pkcs11-package.XXXXXX")
    trap 'rm -rf "$WORK"' EXIT
    umask 022

    for target in "${targets[@]}"; do
        for format in $(formats_of "$target") image; do
            [[ $target-$format != *-windows-*-image ]] || continue
            if ((${#chosen[@]})); then
                [[ " ${chosen[*]} " == *" $format "* ]] || continue
            elif [[ $format == image ]]; then
                continue
            fi
            case $format in
                deb | rpm | apk) system_package "$format" "$target" ;;
                tar) tarball "$target" ;;
                debug) debug_tarball "$target" ;;
                zip) windows_zip "$target" ;;
                msi) windows_msi "$target" ;;
                image) image "$target" ;;
            esac
        done
    done
    ls -l "$PACKAGES"
}

main "$@"
