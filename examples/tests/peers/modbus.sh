# `modbus`, sourced by run.sh: pymodbus as client and as server, mbpoll as client.
program=$programs/modbus

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
port=$(free_port SOCK_STREAM)
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
