#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# kill -9 of an NBD leg's server under load: no client sees an error, the
# mirror goes on degraded, and after a restart only what the leg missed is
# copied.  With the servers of all legs gone clients get errors, nothing
# hangs, and what was acknowledged is there when they are back.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
truncate -s 32M "$tmp/a" "$tmp/b"
start_leg a file "$tmp/a"
start_leg b file "$tmp/b"
start ()
{
  start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" \
    region-size=64K leg-timeout=2 quarantine=1 hold-timeout=1
}

# --- one
start
"$check" load --seed 1 --kill "${leg_pid[b]}" --kill-after 2000 \
  --stop-after 3000 "$tmp/state" "$uri"
expect 'state' "$(json .mirror.state)" degraded
expect 'leg 0' "$(json '.legs[0].state')" in-sync
case $(json '.legs[1].state') in
  failed|stale|missing) ;;
  *) fail "leg 1 is $(json '.legs[1].state')" ;;
esac
[ "$(json '.legs[1].last_error')" != '' ] || fail 'last_error is empty'
"$check" verify "$tmp/state" "$uri" "$tmp/a"
stop_mirror
expect 'the log after one leg' "$(dump '.legs[1].state' "$tmp/log")" stale
missed=$(dump '.legs[1].missed.count' "$tmp/log")
[ "$missed" -gt 0 ] || fail 'the leg missed nothing'
"$check" diff 65536 "$tmp/a" "$tmp/b" >"$tmp/differ"
[ "$(wc -l <"$tmp/differ")" -le "$missed" ] ||
  fail "$(wc -l <"$tmp/differ") regions differ, $missed are missed"
reap "${leg_pid[b]}" || true
start_leg b file "$tmp/b"
start
wait_mirror
expect 'bytes looked at by the resync' "$(looked_at)" $((missed * 65536))
"$check" verify "$tmp/state" "$uri" "$tmp/a" "$tmp/b"
legs_equal "$tmp/a" "$tmp/b"

# --- both, one after the other
"$check" load --seed 2 --kill "${leg_pid[a]}" --kill-after 1000 \
  --stop-after 2000 "$tmp/state" "$uri"
"$check" load --seed 3 --kill "${leg_pid[b]}" --kill-after 1000 \
  --stop-errors 100 "$tmp/state" "$uri" >"$tmp/load.log" &&
  fail 'no error with no leg'
expect 'state' "$(json .mirror.state)" failed
wait_said "leg ${leg_uri[b]}: lost, and no other leg is in-sync: connection lost"
"$tool" status "$control" >/dev/null && fail 'status has exit status 0'
stop_mirror 15
reap "${leg_pid[a]}" || true
reap "${leg_pid[b]}" || true

# Leg a has been stale since before: alone it must not serve.
start_leg a file "$tmp/a"
mkdir "$tmp/data"
cp "$tmp/log" "$tmp/data"
refused "${leg_uri[b]}" 'source=0@' -- \
  "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/data/log" leg-timeout=2
start_leg b file "$tmp/b"
start
wait_mirror
"$check" verify "$tmp/state" "$uri" "$tmp/a" "$tmp/b"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
