#!/usr/bin/env bash
# Runs built examples under valgrind's memcheck: no error, and no byte still allocated by the loop.
#
#     cargo build --release --examples && tests/valgrind.sh target/release/examples
set -euo pipefail
examples=$1
command -v valgrind >/dev/null || { echo "valgrind.sh: valgrind is not installed" >&2; exit 1; }

valgrind -q --error-exitcode=9 "$examples/events" >/dev/null
echo "events: no error"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
valgrind -q --error-exitcode=9 "$examples/echo" --listen 127.0.0.1:0 --connections 8 >"$log" &
server=$!
until grep -q '^listening on ' "$log"; do
  kill -0 "$server" || { echo "valgrind.sh: echo did not start" >&2; exit 1; }
done
port=$(sed -n 's/^listening on .*://p' "$log")
exec 3<>"/dev/tcp/127.0.0.1/$port"
echo hello >&3
read -r answer <&3
exec 3>&-
[ "$answer" = hello ] || { echo "valgrind.sh: echo answered '$answer'" >&2; exit 1; }
kill -TERM "$server"
wait "$server"
echo "echo: no error"
