# Ends what runs in a folder. Called as: sh -c SCRIPT keeper COMMAND FOLDER [SECONDS]
#
#   kill FOLDER           kills its processes at once, and returns when none is left
#   keep FOLDER SECONDS   makes it, with a file `users` in it, and returns; when standard input has ended, and for so many
#                         seconds nobody has held the lock on that file, ends the processes of the folder and removes it
#
# A process belongs to the folder in which it works (/proc/PID/cwd). So what a server started is found too, wherever
# its parent went, and nothing else that was given the id of a process that ended.
command=$1 folder=$2 seconds=${3:-0}
# What the kernel puts after the path of a folder that was removed, if only such are meant.
removed=

processes() {
    find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$folder$removed" -o -lname "$folder/*$removed" \) 2>/dev/null |
        cut -d/ -f3
}

signal() {
    for process in $(processes); do
        kill -s "$1" "$process" 2>/dev/null
    done
}

kill_all() {
    while [ -n "$(processes)" ]; do
        signal KILL
        sleep 0.01
    done
}

# Takes the lock. If someone removed the folder, only those who work in what is no more are ended: there may be another
# of the same name.
lock() {
    flock "$@" 9 || return
    [ "$folder/users" -ef /dev/fd/9 ] && return
    removed=' (deleted)'
    kill_all
    exit
}

until_unused() {
    while lock; do
        [ "$seconds" = 0 ] && return
        flock --unlock 9
        sleep "$seconds"
        lock --nonblock && return
    done
}

# A PostgreSQL that was killed leaves a segment of shared memory, and its id in the seventh line of this file.
free_shared_memory() {
    lock_file=$folder/data/postmaster.pid
    [ -f "$lock_file" ] && ipcrm --shmem-id "$(sed -n '7s/.* //p' "$lock_file")"
}

# The file may fail where the folder does not: another keeper may be removing it.
make() {
    mkdir -p -m 700 "$folder" || exit
    touch "$folder/users"
}

keep() {
    # Until then the owner has not come to taking the lock; if it died on the way, this ends as well.
    read -r _ <&8
    exec 9<"$folder/users" || exit
    until_unused
    kill_all
    free_shared_memory
    # Gone in one step: who comes meanwhile finds all of it or nothing, and not a server's port without the server.
    mv "$folder" "$folder.$$" && rm -rf "$folder.$$"
}

cd / || exit
case $command in
    kill) kill_all ;;
    keep)
        make
        # What runs in the background has no standard input.
        exec 8<&0
        keep &
        ;;
esac
