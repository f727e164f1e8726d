#!/bin/bash
# Runs the Modbus example against programs that others wrote: pymodbus as client and as server, mbpoll as client.
# Usage: run.sh PROGRAM, where PROGRAM is the built example, for instance target/release/examples/modbus.
# Needs python3 with pymodbus 3.11 or newer (pip install pymodbus) and mbpoll (Debian: apt-get install mbpoll).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
running=()

fail() {
    echo "peers: $*" >&2
    exit 1
}

cleanup() {
    for process in "${running[@]}"; do
        kill "$process" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

# until_line FILE PATTERN SECONDS: waits until FILE has a line that matches.
until_line() {
    local tries=$(($3 * 10))
    until grep -q "$2" "$1" 2>/dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail "no line '$2' within $3 s in: $(cat "$1")"
        sleep 0.1
    done
}

# start FILE COMMAND..: runs a command in the background with its output in FILE; its id is the last of `running`.
start() {
    local file=$1
    shift
    "$@" >"$file" 2>&1 &
    running+=($!)
}

# stop SIGNAL: ends the process that was started last, and gives its status.
stop() {
    local process=${running[-1]}
    unset "running[-1]"
    kill "-$1" "$process"
    # Without the shell's remark on how it ended.
    wait "$process" 2>/dev/null
}

[ $# -eq 1 ] || fail "usage: run.sh PROGRAM"
program=$1
[ -x "$program" ] || fail "'$program' is not built: cargo build --release --example modbus"
command -v python3 >/dev/null || fail "python3 is missing"
python3 -c 'import pymodbus' 2>/dev/null || fail "pymodbus is missing: pip install pymodbus"
command -v mbpoll >/dev/null || fail "mbpoll is missing: apt-get install mbpoll"
echo "peers: pymodbus $(python3 -c 'import pymodbus; print(pymodbus.__version__)'), $(mbpoll -V 2>&1 | head -n 1)"

# Our server.
start "$work/server" "$program" server --listen 127.0.0.1:0
until_line "$work/server" '^listening on ' 10
address=$(sed -n 's/^listening on //p' "$work/server")
python3 "$here/modbus_client.py" "${address%:*}" "${address##*:}" || fail "pymodbus found a wrong answer"
sh "$here/mbpoll.sh" "${address%:*}" "${address##*:}" || fail "mbpoll found a wrong answer"
stop TERM || fail "the server ended with status $?: $(cat "$work/server")"
tail -n 1 "$work/server" | grep -q '^requests=[1-9][0-9]* errors=0 allocations=0$' ||
    fail "the server's last line is '$(tail -n 1 "$work/server")'"

# Our client: the server is killed and comes back twice.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
touch "$work/client"
client=
for round in 1 2 3; do
    start "$work/pymodbus$round" python3 "$here/modbus_server.py" "$port"
    until_line "$work/pymodbus$round" '^listening on ' 10
    if [ -z "$client" ]; then
        "$program" client "127.0.0.1:$port" --patience 20 >"$work/client" 2>"$work/complaints" &
        client=$!
    fi
    before=$(grep -c '^level  *42\.4' "$work/client" || true)
    for _ in $(seq 50); do
        [ "$(grep -c '^level  *42\.4' "$work/client" || true)" -gt "$before" ] && break
        sleep 0.1
    done
    [ "$(grep -c '^level  *42\.4' "$work/client" || true)" -gt "$before" ] ||
        fail "the client did not find the server within five seconds: $(cat "$work/client" "$work/complaints" "$work/pymodbus$round")"
    echo "modbus client: found the pymodbus server, round $round"
    stop KILL || true
    [ "$round" = 3 ] || sleep 1.5
done
kill -INT "$client"
wait "$client" || fail "the client ended with status $?"
tail -n 1 "$work/client" | grep -q '^requests=[1-9][0-9]* errors=[1-9][0-9]* allocations=0$' ||
    fail "the client's last line is '$(tail -n 1 "$work/client")'"
[ "$(grep -c . "$work/complaints")" -ge 2 ] || fail "the client did not say that the server was gone"
echo "peers: all right"
