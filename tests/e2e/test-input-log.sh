#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A log that is another mirror's, no log at all, in use or out of reach is
# refused by name, and not a byte of it is changed.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool mke2fs

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 8M a b
truncate -s 16M c d e

# No log: files of others are never overwritten.
echo 'my diary' >text
head -c 200000 /dev/urandom >random
mke2fs -q -F -t ext4 image.ext4 4M
printf 'MiRr' >short
truncate -s 1M zeroes-then-data
printf 'treasure' | dd of=zeroes-then-data bs=1 seek=500000 conv=notrunc \
  status=none
truncate -s 300K zeroes-then-end
printf 'treasure' | dd of=zeroes-then-end bs=1 seek=307192 conv=notrunc \
  status=none
for file in text random image.ext4 short zeroes-then-data zeroes-then-end; do
  refused "log disk:$d/$file:" -- a b log=disk:$file
done

# Nor found beside a leg.
cp text a.mirrorlog
refused "log disk:$d/a.mirrorlog:" -- a b
rm a.mirrorlog

# Out of reach.
mkdir directory
refused "log disk:$d/directory: must be a file or a block device" -- \
  a b log=disk:directory
refused "log disk:$d/nowhere/log:" 'No such file or directory' -- \
  a b log=disk:nowhere/log
refused "log disk:/dev/null: must be a file or a block device" -- \
  a b log=disk:/dev/null

# Of another mirror.
mirror=larger
start_mirror c d log=disk:"$d/log16"
write_pattern 1 0 64k
stop_mirror
refused "leg $d/a: has 8388608 bytes" "log $d/log16 has 16777216" -- \
  a b log=disk:log16
refused "size=8388608: the log $d/log16 is of a mirror of 16777216 bytes" -- \
  c d log=disk:log16 size=8M
refused "region-size=65536: the log $d/log16 has regions of 524288" -- \
  c d log=disk:log16 region-size=64K
refused "size=33554432" "leg $d/c" -- c d log=disk:log16 size=32M
refused 'sync=none: only with a new log' -- c d log=disk:log16 sync=none
# The same size, other legs.
head -c 16M /dev/urandom >e
refused "leg $d/e: holds data and is not a leg of the log $d/log16" -- \
  c d e log=disk:log16

# An unknown version, and a log whose slots were damaged.
cp log16 version9
printf '\011' | dd of=version9 bs=1 seek=4 conv=notrunc status=none
refused "log disk:$d/version9: log version 9 is not known" -- \
  c d log=disk:version9

# A log in use names its owner.
start_mirror c d log=disk:"$d/log16"
refused "log disk:$d/log16: in use by process $mirror_pid" -- \
  a b log=disk:log16
ln log16 log16.hardlink
refused "log disk:$d/log16.hardlink: in use by process $mirror_pid" -- \
  a b log=disk:log16.hardlink
write_pattern 2 0 64k
stop_mirror
legs_equal c d

# Unreadable, read-only.
if [ "$(id -u)" -eq 0 ]; then
  as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 755 "$tmp"
  "${as_nobody[@]}" test -x "$plugin" ||
    skip 'another user cannot read the plugin'
  run_as=("${as_nobody[@]}")
  chmod 777 "$tmp"
fi
chmod 666 a b
echo >log
chmod 000 log
refused "log disk:$d/log: open: Permission denied" -- a b log=disk:log
chmod 444 log
refused "log disk:$d/log: open: Permission denied" -- a b log=disk:log
rm log
chmod 555 .
refused "log disk:$d/log:" 'Permission denied' -- a b log=disk:log
refused "log disk:$d/a.mirrorlog:" 'Permission denied' -- a b
chmod 755 .
