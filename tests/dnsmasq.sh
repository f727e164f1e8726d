#!/usr/bin/env bash
# Names against dnsmasq: tests/dnsmasq.sh LOOKUP, where LOOKUP is the program of tests/examples/lookup.rs.
set -euo pipefail

lookup=$1
dnsmasq=$(command -v dnsmasq || command -v /usr/sbin/dnsmasq) || {
  echo "dnsmasq is missing: install Debian's dnsmasq-base" >&2
  exit 1
}
work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

for i in $(seq 1 100); do echo "192.0.2.$i big.test"; done >"$work/hosts"
cat >"$work/config" <<END
no-resolv
no-hosts
listen-address=127.0.0.1
bind-interfaces
user=$(id -un)
pid-file=$work/pid
log-queries
log-facility=$work/log
local=/test/
addn-hosts=$work/hosts
host-record=both.test,192.0.2.1,2001:db8::1,60
host-record=four.test,192.0.2.4,60
host-record=six.test,2001:db8::6,60
host-record=short.test,192.0.2.5,1
host-record=here.test,127.0.0.1,60
cname=one.test,two.test
cname=two.test,both.test
txt-record=text.test,no address
END

# A port that nobody has: dnsmasq says so if somebody does.
for _ in $(seq 1 20); do
  port=$((20000 + RANDOM % 20000))
  : >"$work/log"
  "$dnsmasq" --keep-in-foreground --conf-file="$work/config" --port="$port" 2>"$work/errors" &
  server=$!
  while kill -0 "$server" 2>/dev/null && ! grep -q started "$work/log"; do sleep 0.05; done
  kill -0 "$server" 2>/dev/null && break
  server=
done
[ -n "$server" ] || { cat "$work/errors" >&2; exit 1; }

check() { # TEXT WHAT.. : what the program must print for these arguments
  local expected=$1 got
  shift
  got=$(timeout 30 "$lookup" "127.0.0.1:$port" "$@")
  [ "$got" = "$expected" ] || {
    printf 'lookup %s\nexpected: %s\n     got: %s\n' "$*" "$expected" "$got" >&2
    exit 1
  }
}

# How often dnsmasq was asked for A of a name.
asked() { grep -c "query\[A\] $1 " "$work/log" || true; }

check 'both.test. [2001:db8::1, 192.0.2.1]' both.test.
check 'FOUR.test. [192.0.2.4]' FOUR.test.
check 'six.test. [2001:db8::6]' six.test.
check 'one.test. [2001:db8::1, 192.0.2.1]' one.test.
check 'nowhere.test. no host of this name has an address' nowhere.test.
check 'text.test. no host of this name has an address' text.test.
check 'outside.example. the name server refused or failed' outside.example.

# Longer than a datagram: over TCP.
big=$(timeout 30 "$lookup" "127.0.0.1:$port" big.test.)
grep -Eq '^big\.test\. \[192\.0\.2\.[0-9]+(, 192\.0\.2\.[0-9]+){7}\]$' <<<"$big" || {
  echo "big.test: $big" >&2
  exit 1
}
[ "$(asked big.test)" = 2 ] || { echo "big.test was not asked for a second time, over TCP" >&2; exit 1; }

# An answer holds as long as it says: once from the cache, once again from the server.
check "$(printf 'short.test. [192.0.2.5]\n%.0s' 1 2 3)" short.test. short.test. @1100 short.test.
[ "$(asked short.test)" = 2 ] || { echo "short.test was asked for $(asked short.test) times" >&2; exit 1; }

# dnsmasq itself listens at its port, over TCP too.
check "here.test./$port 127.0.0.1:$port" "here.test./$port"

echo "names: all is well with $("$dnsmasq" --version | sed -n '1s/  .*//p')"
