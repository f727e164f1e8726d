# `sntp`, sourced by run.sh: chronyd, which serves this machine's own clock and does not touch it.
program=$programs/sntp

# serve_time ADDRESS NAME LINE..: starts chronyd with these lines of configuration.
serve_time() {
    local address=$1 name=$2
    shift 2
    port=$(free_port SOCK_DGRAM)
    printf '%s\n' "bindaddress $address" "allow $address" "port $port" "cmdport 0" "pidfile $work/$name.pid" "$@" \
        >"$work/$name.conf"
    start "$work/$name.log" chronyd -x -U -d -u "$(id -un)" -f "$work/$name.conf"
    until_line "$work/$name.log" 'Disabled control of system clock' 10
    # It opens its socket a moment later.
    for _ in $(seq 50); do
        ss -Hlun "sport = :$port" | grep -q . && return
        sleep 0.1
    done
    fail "chronyd does not listen: $(cat "$work/$name.log")"
}

for host in 127.0.0.1 ::1; do
    server=$host
    [ "$host" = ::1 ] && server=[::1]
    serve_time "$host" chrony "local stratum 7"
    said "chronyd's time" "$program" "$server:$port" >"$work/time"
    is "sntp: stratum" "$(sed -n 's/^stratum  *//p' "$work/time")" 7
    offset=$(sed -n 's/^offset  *[-+]\([0-9.]*\) s$/\1/p' "$work/time")
    python3 -c "assert float('$offset') < 0.25" || fail "sntp: an offset of $offset s between one clock and itself"
    date=$(date -u +%Y-%m-%d)
    # Midnight may have come since.
    grep -q "^time  *$date" "$work/time" || [ "$date" != "$(date -u +%Y-%m-%d)" ] ||
        fail "sntp: today is $date: $(cat "$work/time")"
    stop TERM || true
    refused "a server that has ended" "connection refused" "$program" "$server:$port"
done
serve_time 127.0.0.1 unset
refused "a server whose clock is not set" "own clock is not set" "$program" "127.0.0.1:$port"
stop TERM || true
echo "sntp: right against chronyd"
