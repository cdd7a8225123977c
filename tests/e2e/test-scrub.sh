#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Rule S17, with real legs and under load: bytes altered behind the mirror's back
# are found to the block and made equal, and nothing that clients write meanwhile
# shows.  A scrub goes on after a crash.  Two legs are not repaired by guess.

in_memory=yes
. "$(dirname "$0")/../lib/orders.sh"
requires_mirror
requires nbdsh -c pass

size=$((32 << 20))

# alter LEG OFFSET: one block of 512 bytes.
alter ()
{
  head -c 512 /dev/urandom |
    dd of="$tmp/$1" bs=512 seek=$(($2 / 512)) conv=notrunc status=none
}

found ()
{
  json '.scrub.mismatches | map("\(.offset)+\(.length) \(.legs)") | join(" ")'
}

truncate -s "$size" "$tmp/a" "$tmp/b" "$tmp/c"
start_mirror "$tmp/a" "$tmp/b" "$tmp/c" log=disk:"$tmp/log"
wait_mirror
ends 0 'there was no scrub yet' scrub --list "$control"

# --- under load, in blocks that it does not use

read -r one two < <(/usr/bin/python3 - "$size" <<'END'
import random, sys
blocks = int(sys.argv[1]) // 4096
used = set(random.Random(1).sample(range(blocks), 512))
free = [b * 4096 for b in range(blocks) if b not in used]
print(free[len(free) // 3], free[-1])
END
)
start_load
alter a "$one"
alter b $((two + 1024))
ends 1 'are compared' scrub --wait --timeout "$deadline" "$control"
expect found "$(found)" "$one+512 [[0],[1,2]] $((two + 1024))+512 [[0,2],[1]]"
ends 1 '0 | 1 2' scrub --list "$control"
ends 1 'no leg has' scrub --repair --from 7 "$control"
ends 0 '2 ranges' scrub --repair --wait --timeout "$deadline" "$control"
expect 'what is left' "$(found)" ''
expect repaired "$(json .scrub.repaired_bytes)" 1024
ends 0 'are compared' scrub --wait --timeout "$deadline" "$control"
end_load "$tmp/a" "$tmp/b" "$tmp/c"
legs_equal "$tmp/a" "$tmp/b"
legs_equal "$tmp/a" "$tmp/c"

# --- a crash

alter c 0
ends 0 'are compared' scrub start --rate 1M "$control"
wait_for "$deadline" json_is '.scrub.done_bytes > 0' true
ends 0 'is paused' scrub pause "$control"
at=$(json .scrub.done_bytes)
kill_mirror
start_mirror "$tmp/a" "$tmp/b" "$tmp/c" log=disk:"$tmp/log"
wait_mirror
expect state "$(json .scrub.state)" paused
expect 'where it was' "$(json .scrub.done_bytes)" "$at"
expect 'kept in' "$(json .scrub.kept_in)" "$tmp/log.scrub"
ends 1 'goes on' scrub resume --rate 0 --wait --timeout "$deadline" "$control"
expect found "$(found)" '0+512 [[0,1],[2]]'

# --- two legs

ends 0 'leg' remove "$control" 2
expect 'what was found of the leg that left' "$(found)" ''
alter b 8192
ends 1 'are compared' scrub --range 0-1M --wait --timeout "$deadline" \
  "$control"
ends 1 'does not guess' scrub --repair "$control"
ends 0 'repaired' scrub --repair --from 0 --wait --timeout "$deadline" \
  "$control"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
