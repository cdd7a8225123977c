#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The log is gone, or another mirror's, or damaged, and the legs have no records
# that could stand in for it: nothing is guessed.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 16M a b c e

start_mirror a b log=disk:log region-size=64K
wait_mirror
write_pattern 1 0 16M
stop_mirror
start_mirror a missing log=disk:log
write_pattern 2 5M 128k
stop_mirror

# --- gone: leg 1 is stale, and nobody knows
mv log log.away
rm a.mirrorleg b.mirrorleg
refused "leg $d/b: holds data and there is no log that knows it" \
  'sync=force' 'sync=none' -- a b log=disk:log
refused "leg $d/a: holds data and there is no log that knows it" -- \
  b a log=disk:log
[ ! -e log ] || fail 'a log was made'

# --- another mirror's, of the same size, closed cleanly
mirror=other
start_mirror c e log=disk:"$d/log-of-others"
wait_mirror
write_pattern 7 0 16M
stop_mirror
mirror=mirror
refused "needs one of: $d/c $d/e" -- a b log=disk:log-of-others
refused "leg $d/a: holds data and is not a leg of the log" -- \
  a c log=disk:log-of-others
refused "leg $d/b: holds data and is not a leg of the log" -- \
  c e b log=disk:log-of-others sync=force

# --- damaged: all three copies of the record
cp log.away log
for at in 100 600 4196; do
  printf 'damage' | dd of=log bs=1 seek="$at" conv=notrunc status=none
done
sync log
refused 'is damaged' 'source=0@' 'source=1@' -- a b log=disk:log
planned 1 'is damaged' -- a b log=disk:log
override=$(grep -o 'source=0@[0-9]*' "$tmp/plan.out" | head -n 1)
refused 'is damaged' -- a b log=disk:log "${override}0"
refused 'is damaged' -- a b log=disk:log sync=none
planned 0 "leg $d/a: source" "leg $d/b: full resync" -- \
  a b log=disk:log "$override"
start_mirror a b log=disk:log "$override"
wait_mirror
qemu-io -f raw "$uri" -c 'read -P 2 5M 128k' >>"$tmp/qemu-io.log"
stop_mirror
legs_equal a b
# Damaged again: the words are another damage's.
printf 'damage' | dd of=log bs=1 seek=100 conv=notrunc status=none
printf 'damage' | dd of=log bs=1 seek=600 conv=notrunc status=none
printf 'damage' | dd of=log bs=1 seek=4196 conv=notrunc status=none
sync log
refused 'is damaged' -- a b log=disk:log "$override"
