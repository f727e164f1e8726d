#!/usr/bin/env bash
# A failure's page in a real browser: tests/page_in_browser.sh FILE.html [PICTURE.png]
# Opens the page without a window, and checks that its script has drawn what the records say. Needs chromium.
set -euo pipefail

fail() {
  printf '%s: %s\n' "${page:-page_in_browser.sh}" "$*" >&2
  exit 1
}

[ $# -ge 1 ] || fail "which page? page_in_browser.sh FILE.html [PICTURE.png]"
page=$(realpath -- "$1")
picture=${2:+$(realpath -m -- "$2")}
[ -r "$page" ] || fail "there is no such file"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
  fail "chromium is missing: install Debian's chromium"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

browse() { # ARGUMENTS.. : the page, with nothing of the user's and nothing from the network
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --enable-logging=stderr \
    --user-data-dir="$work/profile" --window-size=1400,1600 "$@" "file://$page"
}

count() { # PATTERN FILE : how often it occurs
  grep -o -e "$1" -- "$2" | wc -l
}

browse --dump-dom >"$work/dom" 2>"$work/log" || fail "the browser failed: $(tail -n 3 "$work/log")"
grep -q 'CONSOLE.*Error' "$work/log" && fail "its script failed: $(grep 'CONSOLE.*Error' "$work/log")"

# The records as written, one a line; behind them what was drawn of them.
sed -n '/id="recording"/,/<\/script>/p' "$page" >"$work/records"
sed '/id="recording"/,/<\/script>/d' "$work/dom" >"$work/drawn"

expect() { # WHAT FOUND WANTED
  [ "$2" -eq "$3" ] || fail "$2 $1 are drawn, and should be $3"
  printf '%s: %s\n' "$1" "$2"
}

nodes=$(sed -n 's/.*"nodes":\[\(.*\)\],"skipped".*/\1/p' "$work/records" | grep -o '"\([^"\\]\|\\.\)*"' | wc -l)
packets=$(count '"e":"sent"' "$work/records")
[ "$nodes" -gt 0 ] || fail "it names no node"
expect "lanes" "$(count 'class="node"' "$work/drawn")" "$nodes"
if [ "$packets" -le 400 ]; then
  expect "packets" "$(count '<g class="flight' "$work/drawn")" "$packets"
  expect "crashes" "$(count 'data-mark="crashed"' "$work/drawn")" "$(count '"e":"crashed"' "$work/records")"
  expect "waits" "$(count 'data-mark="waits"' "$work/drawn")" "$(count '"e":"waits"' "$work/records")"
else
  [ "$(count '<g class="flight' "$work/drawn")" -ge 400 ] || fail "fewer than 400 packets are drawn"
  grep -q 'The last 400 of ' "$work/drawn" || fail "it does not say how many packets are left out"
fi
expect "violations" "$(count 'data-mark="violated"' "$work/drawn")" "$(count '"e":"violated"' "$work/records")"
[ "$(count 'id="panel"><section><h2>' "$work/drawn")" -eq 1 ] || fail "the panel is empty"

[ -z "$picture" ] || browse --hide-scrollbars --screenshot="$picture" >/dev/null 2>&1 || fail "no picture"
