#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Logs as the kernel's dm-mirror leaves them, after a power cut with writes in
# regions 5 and 33: one that was never ours, and ours, used by it in between.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

vectors=$top_srcdir/tests/vectors/dm-log
d=$tmp/data
mkdir "$d"
cd "$d"
head -c 32M /dev/urandom >good

# power_cut: legs that differ in those two regions, and only there.
power_cut ()
{
  cp good a
  cp good b
  dd if=/dev/urandom of=b bs=512K seek=5 count=1 conv=notrunc status=none
  dd if=/dev/urandom of=b bs=4K seek=4300 count=1 conv=notrunc status=none
  sync a b
}

regions_looked_at ()
{
  json '(.resync.copied_bytes + .resync.skipped_bytes) / 524288'
}

# --- never ours
power_cut
cp "$vectors/a06-powercut-5-33.bin" log
refused 'region-size=' -- a b log=disk:log
head -c 32M /dev/urandom >foreign
refused "leg $d/foreign: its content differs from leg $d/a" -- \
  a foreign log=disk:log region-size=512K
start_mirror a b log=disk:log region-size=512K
said "leg $d/a is the source"
wait_mirror
expect 'regions looked at, the kernel'\''s log' "$(regions_looked_at)" 2
stop_mirror
legs_equal good a
legs_equal good b

# --- ours, then the kernel's, after a clean end and after a crash of ours
for how in clean crash; do
  for vector in a06-powercut-5-33:2 a08-after-cut-resynced:0; do
    start_mirror a b log=disk:log
    wait_mirror
    write_pattern 1 1M 64k
    write_pattern 1 30M 64k
    case $how in
      clean) stop_mirror ;;
      crash) kill_mirror ;;
    esac
    cp a good
    cp a b # the kernel has copied what we left dirty
    [ "${vector#*:}" = 0 ] || power_cut
    sync a b
    # The kernel writes its header and bitmap.
    dd if="$vectors/${vector%:*}.bin" of=log bs=1 count=16 conv=notrunc \
      status=none
    dd if="$vectors/${vector%:*}.bin" of=log bs=1 skip=1024 seek=1024 count=8 \
      conv=notrunc status=none
    sync log
    planned 0 "leg $d/a: source" "dm-mirror has used it since" -- \
      b a log=disk:log
    start_mirror b a log=disk:log
    wait_mirror
    expect "regions looked at, $how, $vector" "$(regions_looked_at)" \
      "${vector#*:}"
    stop_mirror
    legs_equal good a
    legs_equal good b
  done
done

# --- ours with a stale leg, then the kernel's: nobody knows what it copied
start_mirror a missing log=disk:log
write_pattern 2 3M 64k
stop_mirror
dd if="$vectors/a08-after-cut-resynced.bin" of=log bs=1 count=16 \
  conv=notrunc status=none
dd if="$vectors/a08-after-cut-resynced.bin" of=log bs=1 skip=1024 seek=1024 \
  count=8 conv=notrunc status=none
sync log
generation=$(dump .generation log)
refused "can't say which leg is right" "source=0@$generation" \
  "source=1@$generation" -- a b log=disk:log
cp a good
start_mirror a b log=disk:log source=0@"$generation"
wait_mirror
stop_mirror
legs_equal good a
legs_equal good b
