#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A sector that one leg cannot read is written to it again from the other leg
# (rule S16); a leg that cannot be written either is given up, and one with
# many bad sectors is only repaired so often.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool qemu-io

# The first leg, which is read first, holds garbage where it will fail.
bad_leg ()
{
  truncate -s 0 "$tmp/a" "$tmp/b"
  truncate -s 8M "$tmp/a" "$tmp/b"
  for leg in a b; do
    qemu-io -f raw -c 'write -P 1 0 8M' "$tmp/$leg" >>"$tmp/qemu-io.log"
  done
  qemu-io -f raw -c 'write -P 7 1M 64k' "$tmp/a" >>"$tmp/qemu-io.log"
  rm -f "$tmp/log" "$tmp"/pread "$tmp"/pwrite
  start_leg a --filter=error file "$tmp/a" \
    error-pread=EIO error-pread-rate=100% error-pread-file="$tmp/pread" \
    error-pwrite=EIO error-pwrite-rate=100% error-pwrite-file="$tmp/pwrite"
  start_mirror "${leg_uri[a]}" "$tmp/b" log=disk:"$tmp/log" region-size=64K \
    sync=none read-policy=first quarantine=1
}

client ()
{
  qemu-io -f raw "$uri" "$@" >>"$tmp/qemu-io.log" || fail "client: $*"
}

bad_leg
touch "$tmp/pread"
client -c 'read -P 1 1M 64k'
rm "$tmp/pread"
said "leg ${leg_uri[a]}: read error at offset 1048576 repaired from leg $tmp/b"
client -c 'read -P 1 1M 64k'
expect 'repairs of leg 0' "$(json '.legs[0].read_repairs')" 1
expect 'repairs of leg 1' "$(json '.legs[1].read_repairs')" 0
expect 'mirror' "$(json .mirror.state)" in-sync
wait_for "$deadline" json_is .mirror.dirty_regions 0
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
kill_leg a

bad_leg
touch "$tmp/pread" "$tmp/pwrite"
client -c 'read -P 1 1M 64k'
expect 'mirror' "$(json .mirror.state)" degraded
expect 'leg 0' "$(json '.legs[0].state')" failed
rm "$tmp/pread" "$tmp/pwrite"
wait_mirror
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
kill_leg a

bad_leg
touch "$tmp/pread"
for ((i = 0; i < 25; i++)); do
  client -c "read -P 1 ${i}00k 4k"
done
rm "$tmp/pread"
expect 'repairs of leg 0' "$(json '.legs[0].read_repairs')" 20
expect 'mirror' "$(json .mirror.state)" in-sync
expect 'messages' "$(grep -c '20 read errors in an hour' "$tmp/mirror.log")" 1
stop_mirror
