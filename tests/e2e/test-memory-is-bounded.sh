#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The memory that the page promises: what nbdkit reads the requests into, and
# little beside it, however many large requests clients have under way.  And the
# file descriptors.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool nbdsh

request=$((8 << 20))
connections=3
threads=4

# most KEY: of /proc/PID/status, in bytes
most ()
{
  awk -v key="$1:" '$1 == key { print 1024 * $2 }' \
    "/proc/${mirror_pid:?}/status"
}

truncate -s 32M "$tmp/a" "$tmp/b"
mirror_options=(-t "$threads")
start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/log" local-timeout=60
wait_mirror
before=$(most VmHWM)
env URI="$uri" SIZE=$request CLIENTS=$connections nbdsh -c - <<'EOF'
import os
uri, size, nr = os.environ["URI"], int(os.environ["SIZE"]), \
    int(os.environ["CLIENTS"])
data = nbd.Buffer.from_bytearray(bytearray(b"x" * size))
clients = [nbd.NBD() for _ in range(nr)]
for c in clients:
    c.connect_uri(uri)
left = [[c.aio_pwrite(data, i % 4 * size) for i in range(12)] +
        [c.aio_pread(nbd.Buffer(size), i % 4 * size) for i in range(4)]
        for c in clients]
for c, cookies in zip(clients, left):
    while cookies:
        c.poll(-1)
        cookies = [k for k in cookies if not c.aio_command_completed(k)]
EOF
promised=$((connections * threads * request + 2 * (16 << 20) + (24 << 20)))
took=$(($(most VmHWM) - before))
[ "$took" -le "$promised" ] ||
  fail "it took $took bytes, and $promised were promised"
[ "$took" -ge $((2 * request)) ] || fail "only $took bytes: nothing was tried"

set -- /proc/"$mirror_pid"/fd/*
[ $# -le $((3 * connections + 3 * 2 + 20)) ] || # also if they just ended
  fail "$# descriptors: $(ls -l "/proc/$mirror_pid/fd")"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
