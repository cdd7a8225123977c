#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# checksums=on: of two legs that differ the one that holds what clients wrote wins, in
# both directions, by a scrub and by a reader's second look.  What clients write
# meanwhile never shows, and a crash gives no false alarm.

in_memory=yes
. "$(dirname "$0")/../lib/orders.sh"
requires_mirror
requires nbdsh -c pass

# alter LEG OFFSET: a few bytes, behind the mirror's back.
alter ()
{
  printf altered | dd of="$tmp/$1" bs=1 seek="$2" conv=notrunc status=none
}

start ()
{
  start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/log" region-size=64K \
    read-policy=round-robin checksums=on "$@"
  wait_mirror
}

# fix_all LEFT: a scrub that repairs; so many ranges are left.
fix_all ()
{
  ends $(($1 > 0)) 'are compared' scrub start --repair --wait --timeout "$deadline" \
    "$control"
  expect 'what is left' "$(json '.scrub.mismatches | length')" "$1"
}

# shows OFFSET...: clients read what was written there.
shows ()
{
  local at
  for at; do
    qemu-io -f raw "$uri" -c "read -P 0x61 $at 4k" | grep -q 'read 4096' ||
      fail "a client is shown at $at what nobody wrote"
  done
}

# Blocks that the load does not use.
readarray -t free < <(/usr/bin/python3 - <<'END'
import random
used = set(random.Random(1).sample(range(4096), 512))
used |= set(random.Random(2).sample(range(4096), 512))
free = [b * 4096 for b in range(4096) if b not in used]
print("\n".join(str(b) for b in free[::300]))
END
)

truncate -s 16M "$tmp/a" "$tmp/b"
start
expect state "$(json .checksums.state)" on
expect file "$(json .checksums.file)" "$tmp/log.checksums"
start_load --rate 300
for at in "${free[@]:0:6}"; do
  write_pattern 0x61 "$at" 4k
done
alter a $((free[0] + 500))
alter b $((free[1] + 4000))
fix_all 0
expect repaired "$(json .checksums.repaired)" 2
end_load "$tmp/a" "$tmp/b"
shows "${free[@]:0:2}"

# What was never written, or only in part, has no sum: the mirror does not guess.
write_pattern 0x62 $((free[2] + 512)) 512
alter a $((free[2] + 513))
alter b "${free[8]}"
fix_all 2
says 'repaired' scrub --repair --from 0 --wait --timeout "$deadline" "$control"

# --- a crash: regions that were marked have no sums, all others have

wait_for "$deadline" json_is .mirror.dirty_regions 0
background crash-load "$check" load --seed 2 --rate 300 "$tmp/crash-state" "$uri"
wait_for "$deadline" json_is '.mirror.dirty_regions > 10' true
kill_mirror
start verify-reads=1
alter a $((free[3] + 7))
fix_all 0
expect repaired "$(json .checksums.repaired)" 1
expect wrong "$(json .checksums.wrong)" 1

# --- a reader's second look

alter b $((free[4] + 3000))
shows "${free[4]}" "${free[4]}"
expect wrong "$(json .checksums.wrong)" 2
wait_for "$deadline" cmp -s "$tmp/a" "$tmp/b"
stop_mirror

# --- a clean restart believes them; a start without them removes them

start
alter b $((free[5] + 9))
fix_all 0
expect repaired "$(json .checksums.repaired)" 1
shows "${free[5]}"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/log"
said "$tmp/log.checksums is removed"
[ ! -e "$tmp/log.checksums" ] || fail 'it is still there'
stop_mirror
mkdir "$tmp/data"
refused 'needs checksums=on' -- "$tmp/a" "$tmp/b" log=disk:"$tmp/log" \
  verify-reads=1
refused 'say checksums=FILE' -- "$tmp/a" "$tmp/b" log=core sync=force checksums=on
