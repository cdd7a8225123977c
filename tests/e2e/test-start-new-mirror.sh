#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A new mirror: empty legs are taken, legs with data are not, unless
# sync=force (leg 0 overwrites) or sync=none (they are equal).

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 8M a b c
head -c 8M /dev/urandom >full
head -c 8M /dev/zero >zeroes
cp full same
cp full other
printf 'other' | dd of=other bs=1M seek=5 conv=notrunc status=none

refused "leg $d/full: holds data" sync=force sync=none -- a full
refused "leg $d/same: holds data" -- full same
refused "leg $d/other: holds data" -- full b other
planned 1 'would refuse' "leg $d/full: holds data" -- a full

# Leg 0 has data, the others are empty: holes or zeroes.
planned 0 "leg $d/full: source" "leg $d/b: empty" "leg $d/zeroes: empty" \
  -- full b zeroes
start_mirror full b zeroes
wait_mirror
stop_mirror
legs_equal full b
legs_equal full zeroes
rm full.mirrorlog ./*.mirrorleg

planned 0 "leg $d/other: full resync" -- full other sync=force
cp full before
start_mirror full other sync=force
wait_mirror
stop_mirror
legs_equal before full
legs_equal full other
rm full.mirrorlog ./*.mirrorleg

start_mirror full same sync=none
expect 'copied' "$(looked_at)" 0
expect 'state' "$(json .mirror.state)" in-sync
stop_mirror
legs_equal full same
refused 'sync=none: only with a new log' -- full same sync=none

# sync=force on a valid log: everything is out of sync, no leg is less right.
start_mirror full same sync=force
wait_mirror
expect 'looked at' "$(looked_at)" $((8 << 20))
stop_mirror
legs_equal before full
legs_equal full same

# A place for a leg to be added later.
planned 0 'would serve' -- a missing
start_mirror a missing
expect 'state' "$(json .mirror.state)" degraded
expect 'leg 1' "$(json '.legs[1].state')" missing
write_pattern 3 0 1M
stop_mirror
start_mirror a c
wait_mirror
stop_mirror
legs_equal a c
