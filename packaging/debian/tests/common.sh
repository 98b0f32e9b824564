# Sourced by the tests: an API that needs a key, and questions to it.

export DEBIAN_FRONTEND=noninteractive

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

# The status that a request with a key gets, or one without.
status() {
    { [ -z "${1:-}" ] || echo "header = \"Authorization: Bearer $1\""; } |
        curl --silent --max-time 10 --config - --output /dev/null --write-out '%{http_code}' http://127.0.0.1:8080/
}

expect() {
    [ "$2" = "$3" ] || fail "$1: $2 instead of $3"
}

# Both servers, where no systemd has started them.
start_servers() {
    service redis-server status >/dev/null 2>&1 || service redis-server start
    service nginx status >/dev/null 2>&1 || service nginx start
}

protect() {
    start_servers
    latchkey init
    install -m 644 /usr/share/doc/latchkey/examples/site.conf /etc/nginx/conf.d/api.conf
    nginx -t
    nginx -s reload
    latchkey org add acme --owner alice
    key=$(latchkey generate acme --as alice)
}
