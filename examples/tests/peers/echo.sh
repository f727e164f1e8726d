# `echo`, sourced by run.sh: socat as client and as server, over UDP, over TCP, and by broadcast.
program=$programs/echo

start "$work/echo" "$program" --udp --listen 127.0.0.1:0
until_line "$work/echo" '^listening on ' 10
address=$(sed -n 's/^listening on //p' "$work/echo")
is "socat's datagram" "$(echo hello | said "socat" socat -t 5 - "UDP:$address,shut-null,null-eof")" hello
stop TERM || fail "echo --udp ended with status $?"

for transport in UDP TCP; do
    flag=
    type=SOCK_STREAM
    [ $transport = UDP ] && flag=--udp && type=SOCK_DGRAM
    port=$(free_port $type)
    start "$work/socat" socat -d -d "$transport-LISTEN:$port,bind=127.0.0.1,fork" EXEC:cat
    until_line "$work/socat" 'listening on' 10
    found=$(said "echo client over $transport" "$program" client $flag "127.0.0.1:$port" --count 50 --size 1000)
    is "echo client over $transport" "$found" "sent=50 received=50 lost=0 cut=0 late=0 wrong=0"
    stop TERM || true
    refused "a server that has ended" "refused" "$program" client $flag "127.0.0.1:$port"
done

# A broadcast is answered to the one who sent it.
start "$work/echo" "${in_b[@]}" "$program" --udp --listen 0.0.0.0:7007
until_line "$work/echo" '^listening on ' 10
found=$(echo everybody | said "socat" "${in_a[@]}" socat -T 2 - UDP-DATAGRAM:10.77.0.255:7007,broadcast)
is "the echo of a broadcast" "$found" everybody
stop TERM || fail "echo --udp ended with status $?"
echo "echo: right against socat"
