#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A larger size= grows the mirror and its log: only the new regions are out
# of sync.  A smaller one, and one larger than a leg, are refused.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 64M a b
start_mirror a b size=8M region-size=64K
expect 'size' "$(json .mirror.size)" $((8 << 20))
expect 'size by NBD' "$(nbdinfo --size "$uri")" $((8 << 20))
write_pattern 1 0 8M
stop_mirror
# What is beyond the mirror differs.
printf 'not the same' | dd of=b bs=1M seek=20 conv=notrunc status=none

planned 0 "$((64 << 20)) bytes" -- a b size=64M
start_mirror a b size=64M
wait_mirror
expect 'size after growing' "$(nbdinfo --size "$uri")" $((64 << 20))
looked=$(looked_at)
expect 'bytes looked at' "$looked" $((56 << 20))
qemu-io -f raw "$uri" -c 'read -P 1 0 8M' -c 'read -P 0 8M 56M' \
  >"$tmp/qemu-io.log"
write_pattern 2 62M 2M
stop_mirror
legs_equal a b

start_mirror a b
expect 'size after a restart' "$(nbdinfo --size "$uri")" $((64 << 20))
expect 'copied after a restart' "$(json .resync.copied_bytes)" 0
stop_mirror
refused 'size=33554432' "can't be made smaller" -- a b size=32M
planned 1 'would refuse' 'size=33554432' -- a b size=32M
refused "leg $d/a" -- a b size=65M
