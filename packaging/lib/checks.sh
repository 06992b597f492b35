# shellcheck shell=bash
# Checks of each built file. A check that fails ends the script with a line that names the file and the reason.

MAX_SIZE=5000000

# The names of shared libraries that a file may need: libc's own and nothing else.
allowed_libraries() {
    case $1 in
        *-gnu) echo 'libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|librt\.so\.1|ld-linux-x86-64\.so\.2|ld-linux-aarch64\.so\.1' ;;
        *) echo 'libc\.so|libc\.musl-(x86_64|aarch64)\.so\.1' ;;
    esac
}

needed() { readelf --wide --dynamic "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# The highest version of glibc that a file requires; empty for musl.
highest_glibc() { readelf --wide --version-info "$1" | grep -oE 'GLIBC_[0-9.]+' | sort --unique --version-sort | tail -n 1 | cut -d _ -f 2; }

exported() { readelf --wide --dyn-syms "$1" | awk '$5 == "GLOBAL" && $7 != "UND" && NF >= 8 { print $8 }' | sed 's/@.*//' | sort; }

build_id() { readelf --wide --notes "$1" 2>/dev/null | sed -n 's/.*Build ID: //p'; }

# Directories of this machine that must not appear in a file, as fixed strings.
machine_paths() {
    printf '%s\n' "$PWD" "$HOME/" "${CARGO_HOME:-$HOME/.cargo}" "$TARGET_FOLDER" "$TOOLS" /.cargo/ /.rustup/ | sort --unique
}

# Arguments: the target, the directory with the library, the command and the directory debug.
check_files() {
    local target=$1 folder=$2 file name glibc libraries foreign paths debug
    for name in libsignpath_pkcs11.so signpath-pkcs11; do
        file=$folder/$name debug=$folder/debug/$name.debug
        (($(stat --format=%s "$file") < MAX_SIZE)) || [[ $name == signpath-pkcs11 ]] ||
            die "$file is larger than $MAX_SIZE bytes."
        libraries=$(needed "$file" | grep -vxE "$(allowed_libraries "$target")") &&
            die "$file needs $libraries."
        [[ -n $(needed "$file") ]] || die "$file is linked statically."
        if [[ $target == *-gnu ]]; then
            glibc=$(highest_glibc "$file")
            at_least "$GLIBC" "$glibc" || die "$file needs glibc $glibc, which is newer than $GLIBC."
        fi
        # Without --quiet grep reads to the end: if it stopped at its match, the pipe would have readelf's failure.
        readelf --wide --sections "$file" | grep -E ' \.(symtab|debug_[a-z]+) ' >/dev/null && die "$file has symbols."
        [[ -n $(build_id "$file") && $(build_id "$file") == "$(build_id "$debug")" ]] ||
            die "$file and $debug have no build ID in common."
        readelf --wide --sections "$debug" 2>/dev/null | grep ' \.debug_line ' >/dev/null || die "$debug has no line numbers."
        paths=$(machine_paths)
        for foreign in "$file" "$debug"; do
            if grep --quiet --text --fixed-strings "$paths" "$foreign"; then
                die "$foreign has paths of this machine in it: $(strings "$foreign" | grep --fixed-strings "$paths" | head -n 5 | paste -sd' ')"
            fi
        done
        grep -qE -- ' -C lto=fat ' "$debug.rustc" || die "The compiler was called without LTO for $file."
    done
    foreign=$(exported "$folder/libsignpath_pkcs11.so" | grep -v '^C_') &&
        die "$folder/libsignpath_pkcs11.so exports $(paste -sd' ' <<<"$foreign")."
    (($(exported "$folder/libsignpath_pkcs11.so" | wc -l) > 60)) || die "$folder/libsignpath_pkcs11.so does not export the functions of PKCS #11."
}

# The crates of an SBOM are those that Cargo compiled, or had compiled, for the target. Where std is built too, its crates are among
# those compiled. Arguments: the target, the SBOM, Cargo's messages, "std" if std is built.
check_components() {
    local target=$1 sbom=$2 messages=$3 difference pattern='^[<>]'
    [[ ${4:-} != std ]] || pattern='^<'
    difference=$(diff \
        <(jq --raw-output '.metadata.component, .components[] | select(.purl | startswith("pkg:cargo/")) | .name + " " + .version' "$sbom" |
            sort --unique) \
        <(jq --raw-output --arg folder "/$target/dist/" 'select(.reason == "compiler-artifact" and (.filenames[0] | contains($folder))
            and (.target.kind[0] | . != "custom-build" and . != "proc-macro")) | .package_id' "$messages" |
            sed -E 's|.*#([^@]+)@(.*)|\1 \2|; s|.*/([^/#]+)#([0-9].*)|\1 \2|' | sort --unique) || true)
    ! grep --quiet "$pattern" <<<"$difference" || die "$sbom does not list what is linked for $target: "$'\n'"$difference"
}
