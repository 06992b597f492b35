# shellcheck shell=bash
# What is built for Windows: stripped files, what has to be true of them, and how they run here.

WINDOWS_TARGET=x86_64-pc-windows-gnullvm
# What a release has, built on Windows.
WINDOWS_RELEASE_TARGET=x86_64-pc-windows-msvc
WINDOWS_MAX_SIZE=8000000

# Windows' own libraries, and the names under which lld links its C runtime.
WINDOWS_LIBRARIES='(kernel32|ntdll|advapi32|bcrypt|bcryptprimitives|crypt32|ncrypt|secur32|userenv|winhttp|ws2_32|msvcrt|user32|shell32|ole32|combase|dbghelp|api-ms-win-[a-z0-9-]+)\.dll'

# Copies a file without its symbols. Arguments: the file, the folder.
install_windows_file() {
    local name=${1##*/}
    objcopy --strip-all "$1" "$2/$name"
    chmod 755 "$2/$name"
}

windows_imports() { objdump --private-headers "$1" | sed -n 's/^\tDLL Name: //p'; }

# Newer versions of objdump print titles of the columns.
windows_exports() {
    objdump --private-headers "$1" | awk '/^\[Ordinal\/Name Pointer\] Table/ { on = 1 } /^$/ { on = 0 } on && /^\t\[/ { print $NF }' | sort
}

# The library exports the functions in exports.def and nothing else. Argument: the library.
exports_are_those_of_pkcs11() { diff <(sed -n 's/^    \(C_.*\)/\1/p' packaging/windows/exports.def | sort) <(windows_exports "$1"); }

# Argument: the folder with the library and the command.
check_windows_files() {
    local folder=$1 file foreign paths
    paths=$(machine_paths)
    for file in "$folder/signpath_pkcs11.dll" "$folder/signpath-pkcs11.exe"; do
        (($(stat --format=%s "$file") < WINDOWS_MAX_SIZE)) || die "$file is larger than $WINDOWS_MAX_SIZE bytes."
        [[ -n $(windows_imports "$file") ]] || die "objdump shows no libraries that $file needs."
        foreign=$(windows_imports "$file" | grep -vixE "$WINDOWS_LIBRARIES") && die "$file needs $foreign."
        if grep --quiet --text --fixed-strings "$paths" "$file"; then
            die "$file has paths of this machine in it: $(strings "$file" | grep --fixed-strings "$paths" | head -n 5 | paste -sd' ')"
        fi
    done
    exports_are_those_of_pkcs11 "$folder/signpath_pkcs11.dll" >/dev/null ||
        die "$folder/signpath_pkcs11.dll does not export the functions in packaging/windows/exports.def and nothing else."
}

# What the zip and the MSI have. The library also has the name of SignPath's own, for configurations that name that.
# Arguments: the target, the folder.
windows_tree() {
    local build=$OUTPUT/$1 folder=$2
    mkdir -p "$folder/docs"
    cp "$build/signpath_pkcs11.dll" "$build/signpath-pkcs11.exe" "$folder/"
    cp "$build/signpath_pkcs11.dll" "$folder/SignPath.Cryptoki.dll"
    cp LICENSE-MIT "$folder/LICENSE-MIT.txt"
    cp LICENSE-APACHE "$folder/LICENSE-APACHE.txt"
    cat "$build"/*.licences >"$folder/THIRD-PARTY.txt"
    cp "$build/signpath-pkcs11.cdx.json" "$folder/signpath_pkcs11.cdx.json"
    cp "$build/signpath-pkcs11-cli.cdx.json" "$folder/signpath-pkcs11.cdx.json"
    cp docs/windows.md docs/configuration.md docs/troubleshooting.md "$folder/docs/"
    find "$folder" -type f -exec chmod 644 {} +
    find "$folder" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
}

# The same bytes each time: sorted, with the time of the commit. Argument: the target.
windows_zip() {
    local name=signpath-pkcs11-$VERSION-x86_64-windows
    windows_tree "$1" "$WORK/$name"
    rm -f "$PACKAGES/$name.zip"
    (cd "$WORK" && find "$name" -type f | LC_ALL=C sort | TZ=UTC zip --quiet -X --latest-time "$PACKAGES/$name.zip" -@)
}

# An MSI for the machine: the files in "Program Files\SignPath PKCS 11". wixl cannot change PATH. Argument: the target.
windows_msi() {
    local tree=$WORK/msi difference
    windows_tree "$1" "$tree"
    difference=$(diff <(find "$tree" -type f -printf '%P\n' | sort) \
        <(sed -n 's/.*<File .* Source="\([^"]*\)".*/\1/p' packaging/windows/signpath-pkcs11.wxs | sort)) ||
        die "packaging/windows/signpath-pkcs11.wxs does not name the files of the zip: $(grep '^[<>]' <<<"$difference" | paste -sd' ')"
    cp packaging/windows/signpath-pkcs11.wxs "$tree/"
    # wixl finds files beside its own. An MSI has three numbers.
    (cd "$tree" && quietly wixl --arch x64 --define "Version=${VERSION%%-*}" \
        --output "$PACKAGES/signpath-pkcs11-$VERSION-x86_64-windows.msi" signpath-pkcs11.wxs)
}

# Signs files in their place (Authenticode), with the certificate and the key of a signing policy. Variables: TIMESTAMP_URL, if the
# signatures are to have a timestamp. Arguments: the library to sign with, the signing policy, the files.
authenticode() {
    local module=$1 object=pkcs11:object=${2//\//%2F} file
    shift 2
    for file in "$@"; do
        quietly osslsigncode sign -pkcs11module "$module" -pass CONFIG -h sha256 -key "$object;type=private" -pkcs11cert "$object;type=cert" \
            ${SIGNPATH_CHAIN_CERTIFICATES_FILE:+-ac "$SIGNPATH_CHAIN_CERTIFICATES_FILE"} ${TIMESTAMP_URL:+-ts "$TIMESTAMP_URL"} \
            -n signpath-pkcs11 -in "$file" -out "$file.signed"
        # osslsigncode does not keep permissions.
        chmod --reference "$file" "$file.signed"
        mv "$file.signed" "$file"
    done
}
