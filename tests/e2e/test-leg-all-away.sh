#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The servers of all legs are killed under load and started again, a second or
# four later (the quarantine is one), and have lost what was not flushed: no
# client sees an error, all data are right, and only what was written since the
# last flush, or while one leg was waited for, is copied.  With hold-timeout= over, requests fail, and
# the mirror heals by itself.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
region=65536
truncate -s 128M "$tmp/a" "$tmp/b"
# kill -9 loses what is in the cache.
serve ()
{
  start_leg "$1" --filter=cache file "$tmp/$1" cache=writeback
}

start ()
{
  start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" \
    region-size=64K leg-timeout=2 quarantine=1 "$@"
}

# blink SECONDS: both, one right after the other.
blink ()
{
  local gone before
  before=$(times_said 'is back after')
  kill -KILL "${leg_pid[a]}" "${leg_pid[b]}"
  gone=$(seconds_up)
  reap "${leg_pid[a]}" || true
  reap "${leg_pid[b]}" || true
  wait_for "$deadline" json_is .mirror.state held
  json .mirror.reason | grep -q 'requests wait for it: connect' ||
    fail "reason: $(json .mirror.reason)"
  expect 'how it comes back' \
    "$(json '[.legs[].returns] | sort | join (" ")')" 'awaited itself'
  "$tool" status "$control" >"$tmp/status" && fail 'exit status 0'
  expect 'exit status' "$({ "$tool" status "$control" >"$tmp/status"; echo $?; } |
    tail -n 1)" 1
  grep -q 'requests wait for it' "$tmp/status" || fail 'no word on the hold'
  wait_for "$deadline" later_than "$1" "$gone"
  serve a
  serve b
  wait_for "$deadline" more_than "$before" times_said 'is back after'
  wait_mirror
}

serve a
serve b
start
wait_mirror
"$check" load --seed 1 --blocks 512 --stop-after 200 "$tmp/state" "$uri"
for seconds in 1 4; do
  background "load-$seconds" "$check" load --rate 1500 --seed "$seconds" --blocks 512 \
    "$tmp/state" "$uri"
  load=$!
  wait_more 2000 '.legs[1].writes'
  before=$(looked_at)
  blink "$seconds"
  wait_more 1000 '[.legs[].writes] | max'
  kill -TERM "$load"
  wait_for "$deadline" not running "$load"
  reap "$load" || fail 'a client saw an error, or wrong data'
  copied=$(($(looked_at) - before))
  # Of 2047 regions no more are written to.
  [ "$copied" -le $((512 * region)) ] || fail "$copied bytes were copied"
  "$check" verify --live "$tmp/state" "$uri"
done
"$tool" status "$control"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"

# --- longer than hold-timeout
start hold-timeout=1
wait_mirror
kill -KILL "${leg_pid[a]}" "${leg_pid[b]}"
reap "${leg_pid[a]}" || true
reap "${leg_pid[b]}" || true
wait_for "$deadline" json_is .mirror.state failed
nbdsh -u "$uri" -c '
try:
    h.pread(512, 0)
    raise SystemExit("no error")
except nbd.Error as e:
    assert e.errno == "EIO", e'
wait_said 'still away after 1 s: requests fail until it is back'
serve a
serve b
wait_for "$deadline" json_is .mirror.state in-sync
"$check" verify --live "$tmp/state" "$uri"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
