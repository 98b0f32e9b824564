# shellcheck shell=bash
# The demonstration's servers, nginx, redis and, if wanted, the console: each runs in the
# folder of .latchkey/ with its name.  Sourced by up and down.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.latchkey
# The kernel keeps 15 characters of a name.
declare -A programs=([nginx]=nginx [redis]=redis-server [console]=latchkey-consol)

# Graceful, so that nginx's workers write the last uses that they hold.
declare -A stop_signals=([nginx]=QUIT [redis]=TERM [console]=TERM)

fail() {
    echo "$1" >&2
    exit 1
}

# Prints the pids of a server, workers included.  It identifies them by their working
# folder, and so finds them even if the parent was killed or a pid file is stale.
pids_of() {
    local server=$1 process name
    for process in /proc/[0-9]*; do
        if [[ $process/cwd -ef $here/$server ]] && read -r name 2>/dev/null <"$process/comm" &&
            [[ $name == "${programs[$server]}" ]]; then
            echo "${process#/proc/}"
        fi
    done
}

# Reads all the pids before it looks: a reader that stops at the first match can get
# pids_of killed by SIGPIPE, and the answer would be no.
is_running() {
    local pid_file=$here/$1/$1.pid pids
    pids=$(pids_of "$1")
    [[ -s $pid_file && $'\n'$pids$'\n' == *$'\n'"$(<"$pid_file")"$'\n'* ]]
}

has_ended() {
    [[ -z $(pids_of "$1") ]]
}

# wait_until SECONDS COMMAND…
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

stop() {
    local server=$1 pids
    mapfile -t pids < <(pids_of "$server")
    if ((${#pids[@]} == 0)); then
        return
    fi
    # Only survivors matter: a process that ended before the signal is no error.
    if
        kill -s "${stop_signals[$server]}" "${pids[@]}" 2>/dev/null
        ! wait_until 15 has_ended "$server"
    then
        fail "$server does not end: see $here/$server"
    fi
    echo "$server is stopped"
}
