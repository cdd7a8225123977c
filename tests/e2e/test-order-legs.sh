#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# What an operator does with legs, under load: fail, detach, attach, suspend,
# rates, and what is refused.  No client sees an error, and the legs are equal in
# the end.  nbdmirror wait cannot come too early, and the control socket is there
# when nbdkit has gone to the background.

in_memory=yes
. "$(dirname "$0")/../lib/orders.sh"
requires_mirror
requires nbdsh -c pass

truncate -s 32M "$tmp/a" "$tmp/b"

# --- before the server is there, and when it is in the background

control=$tmp/early
background early "$tool" wait --timeout "$deadline" "$control"
early=$!
nbdkit -P "$tmp/early.pid" -U "$tmp/early.sock" "$plugin" \
  "$tmp/a" "$tmp/b" log=disk:"$tmp/log" control="$control"
[ -S "$control" ] || fail 'no socket, and nbdkit is in the background'
wait_for "$deadline" [ -s "$tmp/early.pid" ]
pid=$(cat "$tmp/early.pid")
cleanup_fn signal KILL "$pid"
reap "$early" || fail 'wait was too early'
says 'the server ends' stop "$control"
wait_for "$deadline" not running "$pid"

# --- under load

start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/log"
wait_mirror
start_load

says 'may be stopped' may-stop "$control" 1
says 'would be: leg 1' fail --dry-run "$control" 1
cd "$tmp"
says "leg 1 ($tmp/b) is out of use" fail "$control" b
says 'already' fail "$control" 1
declines 'the last in-sync leg' fail "$control" 0
declines 'must stay' may-stop "$control" 0
declines 'no leg has the number, name or uuid' fail "$control" 2
expect 'how it comes back' "$(json '.legs[1].returns')" attach
says 'may come back' attach --wait --timeout "$deadline" "$control" 1

says 'is detached' detach --track "$control" 1
writes=$(json '.legs[0].writes')
wait_for "$deadline" json_is ".legs[0].writes > $((writes + 50))" true
says 'may come back' attach --wait --timeout "$deadline" "$control" "$tmp/b"

# Without --track others may write to it.
says 'is detached' detach "$control" 1
printf x | dd of="$tmp/b" bs=1 seek=12345678 conv=notrunc status=none
says 'may come back' attach --wait --timeout "$deadline" "$control" 1

says 'resync-rate is 64M' resync rate 64M "$control"
says 'leg-timeout is 20' set "$control" leg-timeout=20
declines "can't be changed" set "$control" region-size=1M
says 'read-policy is round-robin' read-policy "$control" round-robin
says 'write-mostly is 1' write-mostly "$control" 1
expect settings "$(json '.settings."resync-rate"')" $((64 << 20))

# A snapshot of each leg is whole: they are equal.
says 'requests wait' suspend --max 20 "$control"
cmp "$tmp/a" "$tmp/b"
writes=$(json '.legs[0].writes')
says 'go on' resume "$control"
wait_for "$deadline" json_is ".legs[0].writes > $writes" true

end_load "$tmp/a" "$tmp/b"

# --- a crash right after the reply: the leg is not trusted, and stays out

says 'is out of use' fail "$control" 1
write_pattern 7 1M 64k
kill_mirror
start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/log"
expect 'the leg that is out' "$(json '.legs[1].returns')" attach
says 'may come back' attach --wait --timeout "$deadline" "$control" 1
kill_mirror
start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/log"
wait_mirror
expect 'both are in use again' "$(json '[.legs[].returns] | add')" ''
legs_equal "$tmp/a" "$tmp/b"
stop_mirror
