# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
# The temporary folder of a script, which is removed when the script ends.

# Makes the folder WORK. However the script ends, the service is then stopped and the folder removed, unless KEEP is "yes".
# Arguments: a name for the folder, a function to run last.
make_work_folder() {
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX")
    # shellcheck disable=SC2064 # the function's name is to be put in now
    trap "clean_up ${2:-}" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

clean_up() {
    trap '' INT TERM HUP
    stop_service
    if [[ ${KEEP:-no} == yes ]]; then
        say "The files are in $WORK."
    else
        rm -rf "$WORK"
    fi
    "$@"
}

# Runs mmdebstrap, with its arguments. It mounts /proc, /sys and the machine's own /dev/shm in the new system, and leaves them mounted
# if it is killed: whoever then removed the folder would empty /dev/shm. In a namespace of its own the mounts end with it.
run_mmdebstrap() {
    local -a namespace=()
    # For other users mmdebstrap makes one itself.
    ((EUID != 0)) || namespace=(unshare --mount)
    quietly "${namespace[@]}" mmdebstrap "$@"
}
