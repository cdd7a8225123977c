#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Two disks whose device names were exchanged, by a reboot or another host,
# while one of them was stale: the one that is in-sync is the source, under
# whatever name it comes.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 32M a b
loop_device a
first=$loop_dev
loop_device b
second=$loop_dev

start_mirror "$first" "$second" log=disk:log
wait_mirror
write_pattern 1 0 32M
stop_mirror
start_mirror "$first" missing log=disk:log
write_pattern 2 5M 1M
stop_mirror

losetup -d "$first"
losetup -d "$second"
losetup "$first" b
losetup "$second" a
planned 0 "leg $second: source" "leg $first: resync of missed" -- \
  "$first" "$second" log=disk:log
start_mirror "$first" "$second" log=disk:log
qemu-io -f raw "$uri" -c 'read -P 2 5M 1M' >>"$tmp/qemu-io.log"
wait_mirror
expect 'leg 0' "$(json '.legs[0].name')" "$first"
expect 'bytes looked at' \
  "$(json '.resync.copied_bytes + .resync.skipped_bytes')" $((1 << 20))
stop_mirror
sync "$first" "$second"
legs_equal "$first" "$second"
qemu-io -f raw -c 'read -P 2 5M 1M' -c 'read -P 1 0 5M' "$first" \
  >>"$tmp/qemu-io.log"
