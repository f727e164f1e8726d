# `http_get`, sourced by run.sh: Python's http.server.
program=$programs/http_get

mkdir "$work/site"
head -c 3000000 /dev/urandom >"$work/site/large"
: >"$work/site/empty"
for host in 127.0.0.1 ::1; do
    start "$work/httpd" python3 -u -m http.server 0 --bind "$host" --directory "$work/site"
    until_line "$work/httpd" '^Serving HTTP on ' 10
    port=$(sed -n 's/^Serving HTTP on .* port \([0-9]*\) .*/\1/p' "$work/httpd")
    url=http://$host:$port
    [ "$host" = ::1 ] && url=http://[::1]:$port
    said "a large file" "$program" "$url/large" >"$work/large"
    cmp "$work/large" "$work/site/large" || fail "http_get: the large file is not what the server has"
    said "an empty file" "$program" "$url/empty" >"$work/empty"
    cmp "$work/empty" "$work/site/empty" || fail "http_get: the empty file is not empty"
    said "a listing" "$program" "$url" | grep -q 'href="large"' || fail "http_get: the listing names no file"
    refused "a file that is not there" "status is 404" "$program" "$url/nothing"
    said "a name" "$program" "http://localhost:$port/empty" >/dev/null
    stop TERM || true
    refused "a server that has ended" "connection refused" "$program" "$url/empty"
done
echo "http_get: right against http.server"
