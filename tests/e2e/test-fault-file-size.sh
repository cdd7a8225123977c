#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A limit of the size of files (ulimit -f, LimitFSIZE=) does not end the server:
# a leg that may not be written behind it has failed; where that is all of them
# the client is told that there is no room, and goes on.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq prlimit
requires nbdsh -c pass

NBDMIRROR_WRAPPER="${NBDMIRROR_WRAPPER:-} prlimit --fsize=$((4 << 20))"

# pwrite_gets ERRNO OFFSET: a write of 64 KiB to the mirror gives this.
pwrite_gets ()
{
  nbdsh -u "$uri" -c "
seen = 'OK'
try:
    h.pwrite (b'x' * 65536, $2)
except nbd.Error as e:
    seen = e.errno
print (seen)
" >"$tmp/pwrite.out" 2>&1
  expect "write at $2" "$(tail -n 1 "$tmp/pwrite.out")" "$1"
}

# --- one leg
truncate -s 8M "$tmp/a" "$tmp/b" "$tmp/c"
start_leg b file "$tmp/b"
start_mirror "$tmp/a" "${leg_uri[b]}" region-size=64K
wait_mirror
pwrite_gets OK $((5 << 20))
expect 'state' "$(json .mirror.state)" degraded
expect 'the other leg' "$(json '.legs[1].state')" in-sync
said 'File too large'
stop_mirror

# --- all legs
rm "$tmp/a" "$tmp/a.mirrorlog"
truncate -s 8M "$tmp/a"
start_mirror "$tmp/a" "$tmp/c" region-size=64K
wait_mirror
pwrite_gets ENOSPC $((5 << 20))
pwrite_gets OK $((1 << 20))
expect 'state' "$(json .mirror.state)" in-sync
stop_mirror
legs_equal "$tmp/a" "$tmp/c"
