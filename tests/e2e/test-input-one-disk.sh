#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Legs that are one disk, and a log that is on a leg, are refused before
# anything is written, however they are spelled and whatever is between; parts
# of one disk that do not overlap are not.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool partx

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 32M a b

# --- exports
start_leg a file "$d/a"
sock=${leg_sock[a]}
ln -s "$sock" "$tmp/soft"
ln "$sock" "$tmp/hard"
for other in "nbd+unix://?socket=$sock" "nbd+unix://me@/?socket=$sock&tls-hostname=x" \
  "nbd+unix:///?socket=$tmp/./leg-a.sock" "nbd+unix:///?socket=$tmp/soft" \
  "nbd+unix:///?socket=$tmp/hard"; do
  refused "leg ${leg_uri[a]} and leg $other are the same disk" -- \
    "${leg_uri[a]}" "$other" log=core
  refused "leg $other and leg ${leg_uri[a]} are the same disk" -- \
    "$d/b" "$other" "${leg_uri[a]}" log=core
done
for other in nbd://127.0.0.1:10809 nbds://me@LOCALHOST/ 'nbd://[::ffff:127.0.0.1]/'; do
  refused "leg nbd://localhost and leg $other are the same disk" \
    '127.0.0.1 port 10809, export ""' -- nbd://localhost "$other" log=core
done

# plan=1 says the same.
refused "are the same disk" -- "${leg_uri[a]}" "nbd+unix:///?socket=$tmp/soft" \
  log=core plan=1

# --- loop devices
loop_device "$d/a"
first=$loop_dev
loop_device "$d/a"
second=$loop_dev
refused "leg $d/a and leg $first are the same disk: both lie on $d/a" -- \
  a "$first" log=core
refused "leg $first and leg $d/a are the same disk: both lie on $d/a" -- \
  "$first" a log=core
refused "leg $first and leg $second are the same disk: both lie on $d/a" -- \
  "$first" "$second" log=core
refused "log=disk:$first: leg $d/a is the same disk: both lie on $d/a" -- \
  a b log=disk:"$first"
refused "log=disk:$d/a: leg $first is the same disk: both lie on $d/a" -- \
  "$first" b log=disk:a
refused "log=disk:$second: leg $first is the same disk" -- \
  b "$first" log=disk:"$second"

# On a loop device on a loop device.
loop_device "$first"
third=$loop_dev
refused "leg $third and leg $d/a are the same disk" -- "$third" a log=core
refused "leg $third and leg $first are the same disk: both lie on $first" -- \
  "$third" "$first" log=core
refused "log=disk:$d/a: leg $third is the same disk" -- "$third" b log=disk:a
losetup -d "$third"
losetup -d "$second"
losetup -d "$first"

# part OFFSET LENGTH: a loop device on this part of a.
part ()
{
  part=$(losetup -f --show -o "$1" --sizelimit "$2" "$d/a") ||
    skip 'no loop device can be attached'
}

part 0 8256K
low=$part
part 8256K 8256K
high=$part
part 4M 8M
middle=$part
part 24M 1M
log=$part
refused "leg $low and leg $middle are the same disk: both lie on $d/a" -- \
  "$low" "$middle" log=core
refused "leg $middle and leg $high are the same disk" -- \
  "$middle" "$high" log=core
refused "log=disk:$middle: leg $high is the same disk" -- \
  b "$high" log=disk:"$middle"
losetup -d "$middle"
start_mirror "$low" "$high" log=disk:"$log" region-size=64K
wait_mirror
write_pattern 5 1M 1M
stop_mirror
cmp -n 8M -i 0:8256K a a || fail 'halves of a file differ'

# --- partitions, of 8 MiB at 1 MiB and 9 MiB
{
  printf '\0\0\0\0\203\0\0\0\0\10\0\0\0\100\0\0'
  printf '\0\0\0\0\203\0\0\0\0\110\0\0\0\100\0\0'
  head -c 32 /dev/zero
  printf '\125\252'
} | dd of=b bs=1 seek=446 conv=notrunc status=none
loop_device "$d/b"
disk=$loop_dev
# A kernel may know no table of partitions, but still add them.
partx -a "$disk" || skip 'loop devices have no partitions here'
cleanup_fn partx -d "$disk"
wait_for "$deadline" test -b "${disk}p2"
refused "leg $disk and leg ${disk}p1 are the same disk: both lie on $disk" -- \
  "$disk" "${disk}p1" log=core
refused "leg ${disk}p2 and leg $d/b are the same disk: both lie on $d/b" -- \
  "${disk}p2" b log=core
refused "log=disk:$d/b: leg ${disk}p2 is the same disk: both lie on $d/b" -- \
  "${disk}p2" a log=disk:b
rm -f "$tmp/log"
start_mirror "${disk}p1" "${disk}p2" log=disk:"$tmp/log" region-size=64K
wait_mirror
write_pattern 6 1M 1M
stop_mirror
cmp -n $((8128 << 10)) -i 1M:9M b b || fail 'partitions of a file differ'
