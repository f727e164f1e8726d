#!/bin/sh
# mbpoll as the client of `modbus server`: reads and writes each table, and reads beyond the end.
# Usage: mbpoll.sh HOST PORT
set -eu

host=$1 port=$2

fail() {
    echo "mbpoll: $*" >&2
    exit 1
}

# poll TYPE ADDRESS COUNT: prints `[address]: value` lines. Addresses count from 0.
poll() {
    mbpoll -m tcp -p "$port" -0 -1 -a 1 -t "$1" -r "$2" -c "$3" "$host"
}

# write TYPE ADDRESS VALUES..
write() {
    type=$1 address=$2
    shift 2
    mbpoll -m tcp -p "$port" -0 -a 1 -t "$type" -r "$address" "$host" "$@" >/dev/null ||
        fail "a write of $* to type $type, address $address was refused"
}

# expect TYPE ADDRESS VALUES..
expect() {
    type=$1 address=$2
    shift 2
    found=$(poll "$type" "$address" $# | sed -n 's/^\[[0-9]*\]:[[:space:]]*\([0-9]*\).*/\1/p' | tr '\n' ' ')
    [ "$found" = "$* " ] || fail "type $type from $address holds '$found', not '$* '"
}

write 0 150 1 0 1 1 0 0 0 1 1
expect 0 150 1 0 1 1 0 0 0 1 1
write 0 151 1
expect 0 150 1 1 1
expect 1 102 1 0 0 1 0
write 4 150 1 22 333 4444 55555
expect 4 150 1 22 333 4444 55555
write 4 152 9
expect 4 150 1 22 9
expect 3 997 997 998 999

for type in 0 1 3 4; do
    if output=$(poll "$type" 999 2 2>&1); then
        fail "type $type answered beyond its end: $output"
    fi
    case $output in
    *"Illegal data address"*) ;;
    *) fail "type $type beyond its end: $output" ;;
    esac
done
echo "mbpoll: right"
