# `chat`, sourced by run.sh: socat as another participant on another machine, over IPv4 and IPv6.
program=$programs/chat

# chat_with GROUP HEAR SAY: socat hears the group with the address HEAR, and speaks to it with SAY.
chat_with() {
    local group=$1 hear=$2 say=$3
    rm -f "$work/speak" "$work/end"
    # Lines come when the files do. (A command in the background has no input but what its own line gives it.)
    "${in_a[@]}" "$program" --interface eth0 "$group" >"$work/chat" 2>&1 < <(
        until [ -e "$work/speak" ]; do sleep 0.1; done
        echo "hello from chat"
        until [ -e "$work/end" ]; do sleep 0.1; done
    ) &
    local chat=$!
    running+=("$chat")
    until_line "$work/chat" "^in " 10
    start "$work/socat" "${in_b[@]}" socat -d -d -u "$hear" "OPEN:$work/heard,creat,append"
    # It has joined when the kernel lists the group.
    for _ in $(seq 50); do
        "${in_b[@]}" ip maddress show dev eth0 | grep -q "${group_address:?}" && break
        sleep 0.1
    done
    touch "$work/speak"
    until_line "$work/heard" '^hello from chat' 10
    printf 'hello from socat' | "${in_b[@]}" socat -u - "$say"
    until_line "$work/chat" ': hello from socat$' 10
    stop TERM || true
    touch "$work/end"
    wait "$chat" || fail "chat ended with status $?: $(cat "$work/chat")"
    unset "running[-1]"
    rm "$work/heard"
}

group_address=239.255.7.7
chat_with "239.255.7.7:7007" \
    "UDP4-RECV:7007,ip-add-membership=239.255.7.7:10.77.0.2" \
    "UDP4-DATAGRAM:239.255.7.7:7007,ip-multicast-if=10.77.0.2"
group_address=ff02::7:7
chat_with "[ff02::7:7]:7007" \
    "UDP6-RECV:7007,ipv6-join-group=[ff02::7:7]:eth0" \
    "UDP6-DATAGRAM:[ff02::7:7%eth0]:7007"
echo "chat: right against socat"
