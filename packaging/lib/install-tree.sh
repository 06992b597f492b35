# shellcheck shell=bash
# The files of a package, as they are installed.

# The directory of PKCS #11 modules. Arguments: deb, rpm, apk or tar; the target.
module_folder() {
    case $1 in
        deb) echo "usr/lib/${2%%-*}-linux-gnu/pkcs11" ;;
        rpm) echo usr/lib64/pkcs11 ;;
        apk) echo usr/lib/pkcs11 ;;
        tar) echo lib/pkcs11 ;;
    esac
}

# Writes the files of a package into a directory. Arguments: the format, the target, the directory.
install_tree() {
    local format=$1 target=$2 tree=$3 built=$OUTPUT/$2 pages=$OUTPUT/share
    local prefix=$tree/usr modules doc licences zsh=share/zsh/site-functions fish=share/fish/vendor_completions.d page
    [[ $format != tar ]] || prefix=$tree
    [[ $format != deb ]] || zsh=share/zsh/vendor-completions
    modules=$tree/$(module_folder "$format" "$target")
    doc=$prefix/share/doc/signpath-pkcs11
    licences=$doc
    [[ $format != rpm ]] || licences=$prefix/share/licenses/signpath-pkcs11
    rm -rf "$tree"

    install -D --mode 644 "$built/libsignpath_pkcs11.so" "$modules/libsignpath_pkcs11.so"
    install -D --mode 755 "$built/signpath-pkcs11" "$prefix/bin/signpath-pkcs11"
    # The name that configurations for SignPath's own library have, in a directory where it meets no other file.
    install --directory "${modules%/pkcs11}/signpath-pkcs11"
    ln -s ../pkcs11/libsignpath_pkcs11.so "${modules%/pkcs11}/signpath-pkcs11/libSignPath.Cryptoki.so"
    install -D --mode 644 include/signpath_pkcs11.h "$prefix/include/signpath_pkcs11.h"

    for page in "$pages"/man1/*; do
        install -D --mode 644 "$page" "$prefix/share/man/man1/${page##*/}"
        gzip --no-name --best "$prefix/share/man/man1/${page##*/}"
    done
    install -D --mode 644 "$pages/completions/signpath-pkcs11.bash" "$prefix/share/bash-completion/completions/signpath-pkcs11"
    install -D --mode 644 "$pages/completions/_signpath-pkcs11" "$prefix/$zsh/_signpath-pkcs11"
    install -D --mode 644 "$pages/completions/signpath-pkcs11.fish" "$prefix/$fish/signpath-pkcs11.fish"

    install --directory "$doc/examples"
    install --mode 644 README.md "$doc/"
    local page
    while IFS= read -r page; do
        install -D --mode 644 "$page" "$doc/$page"
    done < <(find docs -type f)
    install --mode 644 "$built/signpath-pkcs11.cdx.json" "$doc/libsignpath_pkcs11.cdx.json"
    install --mode 644 "$built/signpath-pkcs11-cli.cdx.json" "$doc/signpath-pkcs11.cdx.json"
    p11_kit_module "$([[ $format == tar ]] && echo "/opt/signpath-pkcs11-$VERSION-${target/-unknown/}")/$(module_folder "$format" "$target")" >"$doc/examples/signpath.module"
    chmod 644 "$doc/examples/signpath.module"
    # The command contains everything that the library contains.
    install -D --mode 644 "$built/signpath-pkcs11-cli.licences" "$licences/THIRD-PARTY"
    copyright "$format" >"$licences/copyright"
    chmod 644 "$licences/copyright"
    if [[ $format == deb ]]; then
        gzip --no-name --best "$doc/THIRD-PARTY"
        debian_changelog signpath-pkcs11 | gzip --no-name --best >"$doc/changelog.Debian.gz"
        gzip --no-name --best --stdout CHANGELOG.md >"$doc/changelog.gz"
        lintian_overrides signpath-pkcs11 "$tree"
    else
        install --mode 644 CHANGELOG.md "$doc/"
    fi
    # The same time for all files, so that the packages do not depend on the time of the build.
    find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
}

# The files of the package that gives the library its other name beside it. Arguments: as for install_tree.
install_compat_tree() {
    local format=$1 target=$2 tree=$3 modules doc=$3/usr/share/doc/signpath-pkcs11-compat
    modules=$tree/$(module_folder "$format" "$target")
    rm -rf "$tree"
    install --directory "$modules"
    ln -s libsignpath_pkcs11.so "$modules/libSignPath.Cryptoki.so"
    sed "s|@FILE@|/$(module_folder "$format" "$target")/libSignPath.Cryptoki.so|" packaging/compat.preinstall >"$tree.preinstall"
    touch --date "@$SOURCE_DATE_EPOCH" "$tree.preinstall"
    [[ $format != rpm ]] || doc=$3/usr/share/licenses/signpath-pkcs11-compat
    install --directory "$modules" "$doc"
    copyright_of_project >"$doc/copyright"
    chmod 644 "$doc/copyright"
    if [[ $format == deb ]]; then
        lintian_overrides signpath-pkcs11-compat "$tree"
        debian_changelog signpath-pkcs11-compat | gzip --no-name --best >"$doc/changelog.Debian.gz"
    fi
    find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
}

# An example, not a file in /usr/share/p11-kit/modules: there, every program that uses p11-kit would load the library and see its
# token.
p11_kit_module() {
    cat <<TEXT
# Makes the module known to programs that use p11-kit. Copy this file to ~/.config/pkcs11/modules, which root's programs do
# not read, or to /etc/pkcs11/modules for all users. Without an organization and an API token in the environment or in a configuration file,
# the token needs a PIN of the form {OrganizationId}:{ApiToken}.
module: $1/libsignpath_pkcs11.so
# Not a source of trusted certificates.
trust-policy: no
# A program that gets all modules from p11-kit goes on if this one cannot start.
critical: no
TEXT
}

# The changelog of a package contains only the version: the changes are in CHANGELOG.md. Argument: the package.
debian_changelog() {
    cat <<TEXT
$1 ($VERSION-$RELEASE) unstable; urgency=medium

  * Version $VERSION. See /usr/share/doc/signpath-pkcs11/changelog.gz.

 -- $MAINTAINER  $(LC_ALL=C date --utc --date "@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %H:%M:%S +0000')
TEXT
}

copyright_of_project() {
    cat <<'TEXT'
signpath-pkcs11 may be used under the terms of the MIT licence or of the Apache License 2.0, as you choose. On Debian the text of
the Apache License is in /usr/share/common-licenses/Apache-2.0.

TEXT
    cat LICENSE-MIT
}

# Argument: the format.
copyright() {
    copyright_of_project
    printf '\nThe licences of what is linked into the library and the command are in the file THIRD-PARTY%s beside this one.\n' "$([[ $1 != deb ]] || echo .gz)"
}

# nfpm's form of a changelog.
rpm_changelog() {
    cat <<TEXT
- semver: $VERSION
  date: $(date --utc --date "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
  packager: "$MAINTAINER"
  changes:
    - note: Version $VERSION. See CHANGELOG.md.
TEXT
}

# Arguments: the package, its tree.
lintian_overrides() {
    local file=$2/usr/share/lintian/overrides/$1
    install -D --mode 644 /dev/null "$file"
    cat >"$file" <<TEXT
# The package is not part of Debian, so there is no request for it that an upload would close.
$1: initial-upload-closes-no-bugs *
TEXT
}
