#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A resync from an NBD leg with thousands of pieces of data takes time for the
# data, not for the square of the pieces: block status is not asked for the
# whole rest of the disk again and again.

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
start_leg a file "$tmp/a"
start_leg b file "$tmp/b"
begin=$EPOCHREALTIME
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" \
  region-size=64K
wait_mirror
took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
echo "start and resync of 4096 pieces: $took ms"
[ "$took" -lt 15000 ] || fail "the resync took $took ms"
[ "$(json .resync.copied_bytes)" -le $((4096 * 65536)) ] ||
  fail "copied $(json .resync.copied_bytes) bytes"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
