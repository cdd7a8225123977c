#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A resync from an NBD leg with thousands of pieces of data takes time for the
# data, not for the square of the pieces: block status is not asked for the
# whole rest of the disk again and again.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

truncate -s 512M "$tmp/a" "$tmp/b"
nbdsh -c "
import os
fd = os.open ('$tmp/a', os.O_WRONLY)
for i in range (4096):
    os.pwrite (fd, b'data' * 1024, i * 131072)
"
start_leg a --filter=stats file "$tmp/a" statsfile="$tmp/stats"
start_leg b file "$tmp/b"
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" \
  region-size=64K quarantine=0
wait_mirror --timeout 60
[ "$(json .resync.copied_bytes)" -le $((4096 * 65536)) ] ||
  fail "copied $(json .resync.copied_bytes) bytes"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"

# How long the server looked for it: looking at all that follows, 4096 times,
# takes it more than half a minute.
kill_leg a TERM
read -r times msec < <(
  sed -n 's/^extents: \([0-9]*\) ops, \([0-9]*\)\.\(...\).*/\1 \2\3/p' \
    "$tmp/stats")
msec=$((10#$msec))
echo "4096 pieces: block status was asked for $times times and took $msec ms"
[ "$msec" -lt 3000 ] || fail "block status took $msec ms"
