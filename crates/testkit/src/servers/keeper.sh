# Ends what runs in a folder. Called as: sh -c SCRIPT keeper COMMAND FOLDER [SECONDS]
#
#   kill FOLDER           kills its processes at once, and returns when none is left
#   keep FOLDER SECONDS   returns at once; when for so many seconds nobody has held the lock on the file `users` in it,
#                         ends its processes and removes it
#
# A process belongs to the folder in which it works (/proc/PID/cwd). So what a server started is found too, wherever
# its parent went, and nothing else that was given the id of a process that ended.
command=$1 folder=$2 seconds=${3:-0}

processes() {
    find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$folder" -o -lname "$folder/*" \) 2>/dev/null | cut -d/ -f3
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

# PostgreSQL gives back its shared memory when it is asked to quit, and does not when it is killed.
end_all() {
    signal QUIT
    for _ in $(seq 30); do
        [ -z "$(processes)" ] && return
        sleep 0.1
    done
    kill_all
}

# Takes the lock, unless the folder was removed, and perhaps another made in its place.
lock() {
    flock "$@" 9 && [ "$folder/users" -ef /dev/fd/9 ]
}

until_unused() {
    while lock; do
        [ "$seconds" = 0 ] && return
        flock --unlock 9
        sleep "$seconds"
        lock --nonblock && return
    done
    exit
}

keep() {
    exec 9<"$folder/users" || exit
    until_unused
    end_all
    rm -rf "$folder"
}

cd / || exit
case $command in
    kill) kill_all ;;
    keep) keep & ;;
esac
