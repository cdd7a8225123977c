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

one_is_stale ()
{
  rm -f a b log
  leg_file 32 a b
  loop_device "$d/a"
  first=$loop_dev
  loop_device "$d/b"
  second=$loop_dev
  start_mirror "$first" "$second" log=disk:log
  wait_mirror
  write_pattern 1 0 32M
  stop_mirror
  start_mirror "$first" missing log=disk:log
  write_pattern 2 5M 1M
  stop_mirror
}

# Somebody else may take a name that is free for a moment.
exchange ()
{
  losetup -d "$first"
  losetup "$first" b || return
  losetup -d "$second"
  losetup "$second" a
}

for _ in 1 2 3 4 5; do
  one_is_stale
  exchange && break
  loop_detach "$d/a"
  loop_detach "$d/b"
  second=
done
[ -n "$second" ] || skip 'loop devices were taken by others, five times'
planned 0 "leg $second: source" "leg $first: resync of missed" -- \
  "$first" "$second" log=disk:log
start_mirror "$first" "$second" log=disk:log
qemu-io -f raw "$uri" -c 'read -P 2 5M 1M' >>"$tmp/qemu-io.log"
wait_mirror
expect 'leg 0' "$(json '.legs[0].name')" "$first"
expect 'bytes looked at' "$(looked_at)" $((1 << 20))
stop_mirror
sync "$first" "$second"
legs_equal "$first" "$second"
qemu-io -f raw -c 'read -P 2 5M 1M' -c 'read -P 1 0 5M' "$first" \
  >>"$tmp/qemu-io.log"
