# `discover`, sourced by run.sh: cpppo as device and as client, and by broadcast over several devices.
program=$programs/discover

# Our device: cpppo asks it, alone and by broadcast.
start "$work/device" "${in_b[@]}" "$program" respond --serial 4711 --name "a device of PTK"
until_line "$work/device" '^listening on ' 10
for to in "10.77.0.2" "10.77.0.255 -b"; do
    # shellcheck disable=SC2086
    said "cpppo's client" "${in_a[@]}" python3 -m cpppo.server.enip.list_services -u -i -t 2 -a $to >"$work/found"
    for expected in \
        "sin_addr': *'10.77.0.2'" "sin_port': *44818" "serial_number': *4711" "product_name': *'a device of PTK'" \
        "state': *3"; do
        grep -q "$expected" "$work/found" || fail "cpppo found no $expected at $to: $(cat "$work/found")"
    done
done

# cpppo's device beside it: a broadcast finds both.
start "$work/cpppo" "${in_c[@]}" python3 -u -m cpppo.server.enip --no-config -S -A -a 0.0.0.0:44818
until_line "$work/cpppo" 'UDP Server address' 20
for to in 10.77.0.255 255.255.255.255; do
    said "a broadcast to $to" "${in_a[@]}" "$program" --to "$to:44818" --time 2000 >"$work/found"
    grep -Eq '^10\.77\.0\.2:44818 .* 00001267 .* operational +a device of PTK$' "$work/found" ||
        fail "our device was not found at $to: $(cat "$work/found")"
    grep -Eq '^10\.77\.0\.3:44818 +1 +14 +54 +20\.11 +006c061a .* 1756-L61/B LOGIX5561$' "$work/found" ||
        fail "cpppo's device was not found at $to: $(cat "$work/found")"
    tail -n 1 "$work/found" | grep -q '^devices=2 ' || fail "more was found than there is: $(cat "$work/found")"
done
stop KILL || true
stop TERM || fail "discover respond ended with status $?: $(cat "$work/device")"
refused "a network without devices" "no device has answered" "${in_a[@]}" "$program" --time 500
echo "discover: right against cpppo"
