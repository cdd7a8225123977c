#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A leg comes back while the mirror runs: after its server was killed, after
# it was silent, a file that was absent at the start.  No client sees an
# error, and only what the leg missed is copied.  What is not that leg is not
# written to; one that is empty gets everything.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
copied=0

# copied_since: bytes dealt with by resync since the last call, in $copied.
copied_since ()
{
  local all
  all=$(looked_at)
  copied=$((all - ${copied_before:-0}))
  copied_before=$all
}

start ()
{
  start_mirror "$tmp/a" "${leg_uri[b]}" log=disk:"$tmp/log" leg-timeout=1 \
    quarantine=1 "$@"
}

truncate -s 32M "$tmp/a" "$tmp/b"
start_leg b file "$tmp/b"
start region-size=64K
wait_mirror
copied_since

# --- killed under load, back under load, and then idle
back ()
{
  wait_for "$deadline" json_is '.legs[1].state' failed
  start_leg b file "$tmp/b"
}
background load "$check" load --rate 1500 --seed 1 "$tmp/state" "$uri"
load=$!
wait_for "$deadline" json_is '.legs[1].writes > 100' true
kill_leg b
back
wait_said "leg ${leg_uri[b]}: is back"
wait_said "leg ${leg_uri[b]}: is in-sync now"
kill -TERM "$load"
reap "$load" || fail 'a client saw an error'
wait_mirror
"$check" verify "$tmp/state" "$uri" "$tmp/a" "$tmp/b"

kill_leg b
write_pattern 7 0 1M
back
wait_mirror
copied_since
write_pattern 8 1M 64k
kill_leg b
write_pattern 9 2M 256k
back
wait_mirror
copied_since
# 8 may still have been marked.
[ "$copied" -le $((5 * 65536 + (1 << 20))) ] || fail "copied $copied"
[ "$copied" -ge $((4 * 65536)) ] || fail "copied $copied"
legs_equal "$tmp/a" "$tmp/b"
[ "$(json .mirror.generation)" -gt 1 ] || fail 'the generation is as before'

# --- silent
kill -STOP "${leg_pid[b]}"
write_pattern 10 4M 64k
expect 'a silent leg' "$(json '.legs[1].state')" failed
kill -CONT "${leg_pid[b]}"
wait_for "$deadline" in_sync_again b
legs_equal "$tmp/a" "$tmp/b"

stop_mirror

# --- another disk under the same name: not written to
start
kill_leg b
write_pattern 11 5M 64k
head -c 32M /dev/zero | tr '\0' x >"$tmp/foreign"
cp "$tmp/foreign" "$tmp/other"
start_leg b file "$tmp/other"
wait_for "$deadline" \
  grep -qF 'is not the leg that the log knows' "$tmp/mirror.log"
expect 'a foreign leg' "$(json '.legs[1].state')" failed
cmp "$tmp/foreign" "$tmp/other" || fail 'a foreign disk was written to'
# ...too small
kill_leg b
truncate -s 16M "$tmp/small"
start_leg b file "$tmp/small"
wait_for 60 grep -qF 'has 16777216 bytes now' "$tmp/mirror.log"
expect 'a small leg' "$(json '.legs[1].state')" failed
stop_mirror

# --- an empty one gets everything; so does a leg that was absent at the start
kill_leg b
start
expect 'an absent leg' "$(json '.legs[1].state')" missing
expect 'the mirror' "$(json .mirror.state)" degraded
truncate -s 32M "$tmp/empty"
start_leg b file "$tmp/empty"
wait_mirror
wait_said 'is back but empty'
legs_equal "$tmp/a" "$tmp/empty"
stop_mirror

# --- a file
start_mirror "$tmp/a" "$tmp/empty" log=disk:"$tmp/log"
stop_mirror
mv "$tmp/empty" "$tmp/away"
start_mirror "$tmp/a" "$tmp/empty" log=disk:"$tmp/log"
expect 'an absent file' "$(json '.legs[1].state')" missing
write_pattern 12 6M 64k
mv "$tmp/away" "$tmp/empty"
wait_mirror
expect 'kind' "$(json '.legs[1].kind')" file
legs_equal "$tmp/a" "$tmp/empty"
stop_mirror
expect 'clean' "$(dump .clean "$tmp/log")" true
