#!/bin/bash
# Runs the examples against programs that others wrote, each in a file beside this one.
# Usage: run.sh PROGRAMS, where PROGRAMS is the folder of the built examples, for instance target/release/examples.
#
# | part | peers | of Debian's package |
# |---|---|---|
# | modbus | mbpoll; pymodbus 3.11 or newer, as client and as server | mbpoll, python3-venv |
# | http | Python's http.server | python3 |
# | discover | cpppo 5.2.5, as client and as server | python3-venv |
# | sntp | chronyd | chrony |
# | echo, chat | socat | socat |
#
# Python's packages are installed into a folder of their own if they are not there. Broadcast and multicast run in network
# namespaces of their own (ip, of Debian's iproute2), for which it takes root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
running=()
namespaces=()

fail() {
    echo "peers: $*" >&2
    exit 1
}

cleanup() {
    for process in "${running[@]}"; do
        kill "$process" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    for namespace in "${namespaces[@]}"; do
        ip netns delete "$namespace" 2>/dev/null || true
    done
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
    # Nothing of an earlier one must be taken for its first line.
    : >"$file"
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

# said WHAT COMMAND..: runs a command that must succeed, and gives what it prints.
said() {
    local what=$1
    shift
    "$@" 2>"$work/complaint" || fail "$what: status $?: $(cat "$work/complaint")"
}

# refused WHAT PATTERN COMMAND..: runs a command that must fail with status 1 and a complaint that matches.
refused() {
    local what=$1 pattern=$2 status=0
    shift 2
    "$@" >/dev/null 2>"$work/complaint" || status=$?
    [ $status -eq 1 ] && grep -q "$pattern" "$work/complaint" ||
        fail "$what: status $status, not 1 with '$pattern': $(cat "$work/complaint")"
}

# is WHAT FOUND EXPECTED
is() {
    [ "$2" = "$3" ] || fail "$1: '$2', not '$3'"
}

# free_port TYPE: a port that is free now, of SOCK_STREAM or SOCK_DGRAM.
free_port() {
    python3 -c "import socket; s = socket.socket(type=socket.$1); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"
}

# namespace NAME LAST: a network namespace whose interface eth0 has the address 10.77.0.LAST, on one link with the others.
namespace() {
    local name=ptk-$$-$1
    ip netns add "$name" || fail "cannot make a network namespace: this takes root"
    namespaces+=("$name")
    ip link add eth0 netns "$name" type veth peer name "to-$1" netns "ptk-$$-hub"
    ip -n "ptk-$$-hub" link set "to-$1" master bridge up
    ip -n "$name" addr add "10.77.0.$2/24" broadcast 10.77.0.255 dev eth0
    ip -n "$name" link set lo up
    ip -n "$name" link set eth0 up
    ip -n "$name" route add default via 10.77.0.254
    # An IPv6 address is of no use before the kernel knows that nobody else has it.
    for _ in $(seq 100); do
        ip -n "$name" -6 address show dev eth0 scope link -tentative | grep -q fe80 && return
        sleep 0.1
    done
    fail "the interface of $name has no IPv6 address"
}

# network: the link that namespaces are on. A bridge that does not look into multicast passes it on to all.
network() {
    ip netns add "ptk-$$-hub" || fail "cannot make a network namespace: this takes root"
    namespaces+=("ptk-$$-hub")
    ip -n "ptk-$$-hub" link add bridge type bridge mcast_snooping 0
    ip -n "ptk-$$-hub" link set bridge up
}

[ $# -eq 1 ] || fail "usage: run.sh PROGRAMS"
programs=$(cd "$1" && pwd)
for program in modbus http_get discover sntp echo chat; do
    [ -x "$programs/$program" ] || fail "'$programs/$program' is not built: cargo build --release --examples"
done
command -v python3 >/dev/null || fail "python3 is missing"
command -v mbpoll >/dev/null || fail "mbpoll is missing: apt-get install mbpoll"
command -v socat >/dev/null || fail "socat is missing: apt-get install socat"
command -v chronyd >/dev/null || fail "chronyd is missing: apt-get install chrony"
command -v ip >/dev/null || fail "ip is missing: apt-get install iproute2"
if ! python3 -c 'import pymodbus, cpppo' 2>/dev/null; then
    python3 -m venv "$work/python" || fail "no venv: apt-get install python3-venv"
    PATH=$work/python/bin:$PATH
    pip install -q 'pymodbus>=3.11' 'cpppo==5.2.5' || fail "pymodbus and cpppo cannot be installed"
fi
echo "peers: python packages $(pip list 2>/dev/null | grep -E '^(pymodbus|cpppo) ' | tr -s ' \n' ' '), $(mbpoll -V 2>&1 | head -n 1)"
echo "peers: $(socat -V | sed -n 2p), $(chronyd --version | head -n 1)"

network
namespace a 1
namespace b 2
namespace c 3
# In front of commands.
in_a=(ip netns exec "ptk-$$-a")
in_b=(ip netns exec "ptk-$$-b")
in_c=(ip netns exec "ptk-$$-c")
for part in modbus http sntp echo discover chat; do
    # shellcheck source=/dev/null
    . "$here/$part.sh"
done
echo "peers: all right"
