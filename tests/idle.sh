#!/bin/sh
# What two idle nodes say to one another over TCP, both directions, in bytes a minute. Needs `ss` of iproute2.
#
#   tests/idle.sh target/debug/tidepool 30
#
# starts two nodes on loopback, lets five minutes pass in which they look around, prints what each of 30 minutes carried and the average, and ends with
# exit code 1 when that is more than 4,096 (or than the third argument).
set -eu
program=$(realpath "$1")
minutes=${2:-30}
allowed=${3:-4096}
place=$(mktemp -d)
cd "$place"
first= second=
stop() { kill $first $second 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$place"; }
trap stop EXIT INT TERM

start() {
    name=$1; shift
    "$program" run --data-dir "$name" --api 127.0.0.1:0 --listen /ip4/127.0.0.1/tcp/0 --log warn "$@" >"$name.log" 2>&1 &
    started=$!
    tries=0
    until [ -e "$name/ready.json" ]; do
        tries=$((tries + 1))
        [ $tries -le 300 ] || { cat "$name.log"; exit 1; }
        sleep 0.2
    done
}

start a; first=$started
seed=$(grep -o '/ip4/127.0.0.1/tcp/[^"]*' a/ready.json | head -n 1)
port=$(echo "$seed" | cut -d/ -f5)
start b --seed "$seed"; second=$started
sleep 300

carried() {
    ss -tinH state established "( sport = :$port )" |
        grep -o 'bytes_sent:[0-9]*\|bytes_received:[0-9]*' | cut -d: -f2 | awk '{ sum += $1 } END { print sum + 0 }'
}

begin=$(carried)
[ "$begin" -gt 0 ] || { echo "no connection on port $port"; exit 1; }
before=$begin
minute=0
while [ "$minute" -lt "$minutes" ]; do
    sleep 60
    minute=$((minute + 1))
    now=$(carried)
    echo "minute $minute: $((now - before)) bytes"
    before=$now
done
average=$(((before - begin) / minutes))
echo "average: $average bytes a minute, allowed $allowed"
[ "$average" -le "$allowed" ]
