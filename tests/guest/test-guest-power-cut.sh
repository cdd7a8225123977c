#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The host of a mirror loses power under load, twice.  The mirror runs in a
# guest, its legs and its log are files on ext4, each on a disk of its own,
# and the disks lose any sectors that were not flushed.  Afterwards the log is
# there, only what it has marked is copied, and all that was flushed, or
# written with FUA, is in both legs.

. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/guest.sh"
. "$top_srcdir/tests/crash/crash-devices.sh"
requires_mirror
guest_setup debugfs jq nbdkit qemu-storage-daemon

load=$top_builddir/tests/guest/stamp-load
[ -x "$load" ] || fail "$load has not been built"
last=3
device_size=$((64 << 20))
device_unit=4096 # ext4's own superblock does not survive less
disks=(disk-a disk-b disk-c)
drives=()
for d in "${disks[@]}"; do
  new_device "$d" subset
  mkfs.ext4 -q -F "$tmp/$d"
  drives+=(-drive
    "file=$(device_name "$d"),if=virtio,format=raw,cache=writeback")
done
: >"$tmp/durable"

boot ()
{
  local name=boot$1 d
  for d in "${disks[@]}"; do
    serve_device "$d"
  done
  mkdir "$tmp/guest-$name"
  guest_program "$tmp/guest-$name" bin/nbdkit "$(command -v nbdkit)"
  guest_program "$tmp/guest-$name" bin/nbdmirror "$tool"
  guest_program "$tmp/guest-$name" bin/stamp-load "$load"
  guest_program "$tmp/guest-$name" plugin.so "$plugin"
  echo "boot=$1 last=$last" >"$tmp/guest-$name/env"
  cp "$tmp/durable" "$tmp/guest-$name"
  start_guest "$name" "$guest_dir/power-cut.guest.sh" -nic none \
    "${drives[@]}"
}

durable_lines ()
{
  tr -d '\r' <"$guest_log" | grep -a '^durable' || true
}

# Enough was flushed, or the guest is gone.
loaded ()
{
  [ "$(durable_lines | wc -l)" -ge "$1" ] || not running "$guest_pid"
}

cut ()
{
  running "$guest_pid" || fail 'the guest ended before the cut'
  cut_guest
  for d in "${disks[@]}"; do
    cut_device "$d"
  done
  durable_lines >>"$tmp/durable"
}

# How many regions were copied or looked at when the mirror was in-sync.
resynced ()
{
  tr -d '\r' <"$guest_log" | sed -n 's/^.*RESYNC //p' |
    jq '(.resync.copied_bytes + .resync.skipped_bytes) / .mirror.region_size'
}

for ((b = 1; b < last; b++)); do
  boot "$b"
  wait_for "$guest_deadline" loaded $((b * 150))
  cut
  [ "$b" -eq 1 ] || copied+=("$(resynced)")
  echo "boot $b: cut after $(durable_lines | wc -l) flushes"
done
boot "$last"
wait_for "$guest_deadline" not running "$guest_pid"
finish_guest
copied+=("$(resynced)")

# The load is in the first quarter of the device.
for regions in "${copied[@]}"; do
  echo "$regions of 256 regions were resynced"
  ((regions > 0 && regions <= 64)) || fail 'the log was of no help'
done
for d in a b; do
  debugfs -R "dump /leg $tmp/leg-$d" "$tmp/disk-$d" 2>>"$tmp/debugfs.log"
  start_leg "$d" file "$tmp/leg-$d"
  "$load" check "${leg_uri[$d]}" <"$tmp/durable"
done
legs_equal "$tmp/leg-a" "$tmp/leg-b"
debugfs -R "dump /log $tmp/log" "$tmp/disk-c" 2>>"$tmp/debugfs.log"
expect 'clean shutdown' "$(dump .clean "$tmp/log")" true
