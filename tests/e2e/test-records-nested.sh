#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A raw disk that ends in the record of a leg, for its user has made a mirror of it:
# a mirror of such disks, whose log is new, does not take that record for its own,
# and harms no byte of it.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"

# The inner mirror: of one leg, which is empty, so it gets a trailer.
leg_file 8 a
start_leg a file "$d/a"
start_mirror "${leg_uri[a]}" missing log=disk:inner
write_pattern 1 0 1M
stop_mirror
kill_leg a
[ "$(tail -c 65536 a | head -c 8)" = nbdmirrM ] || fail 'there is no trailer'

# The outer one, of that disk under another name.
leg_file 8 b
cp a "$tmp/before"
mv a disk
start_leg outer file "$d/disk"
start_leg b file "$d/b"
set -- "${leg_uri[outer]}" "${leg_uri[b]}" log=disk:log
refused 'ends in the record of a mirror' 'leg-records=off once' \
  'leg-records=on' -- "$@"
planned 1 'leg-records=off once' -- "$@"
cmp disk "$tmp/before" || fail 'a refused start has written'
planned 0 'is taken for data and left alone' -- "$@" leg-records=off
start_mirror "$@" leg-records=off
wait_mirror
said 'is taken for data and left alone'
stop_mirror
# From now on the log knows.
start_mirror "$@"
wait_mirror
expect size "$(json .mirror.size)" "$(stat -c %s disk)"
stop_mirror
cmp disk "$tmp/before" || fail 'the disk was changed'
cmp disk b || fail 'legs differ'

# So it is without its log.
rm log
refused 'carry the same record' 'leg-records=off once' -- "$@"
