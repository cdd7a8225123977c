#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Three legs, one of them away for long.  When nothing is written no region is
# dirty, though that leg is away; what it misses is kept for it alone.  After a
# power cut the two others copy only what was in flight, and the third one gets,
# when it is back, what it missed and no more.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
region=65536
legs_up ()
{
  local leg
  for leg; do
    # The cache filter holds writes back until a flush.
    start_leg "$leg" --filter=cache file "$tmp/$leg" cache-min-block-size=4k
  done
}

start ()
{
  start_mirror "${leg_uri[a]}" "${leg_uri[b]}" "${leg_uri[c]}" \
    log=disk:"$tmp/log" region-size=64K quarantine=1
}

truncate -s 64M "$tmp/a" "$tmp/b" "$tmp/c"
legs_up a b c
load ()
{
  "$check" load --volatile --blocks 300 "$@" "$tmp/state" "$uri"
}

start
load --stop-after 600 --seed 1
wait_mirror

# --- leg c goes away, and much is written
kill_leg c
load --stop-after 3000 --seed 2
wait_for "$deadline" json_is .mirror.dirty_regions 0
missed=$(json '.legs[2].missed_regions')
expect 'leg b misses' "$(json '.legs[1].missed_regions')" 0
expect 'out of sync' "$(json .mirror.out_of_sync_regions)" "$missed"
[ "$missed" -ge 200 ] || fail "leg c misses only $missed regions"
stop_mirror
start
expect 'missed, after a restart' "$(json '.legs[2].missed_regions')" "$missed"

# --- power fails under load
load --seed 3 --errors-ok --kill "${leg_pid[a]}" --kill "${leg_pid[b]}" \
  --kill "$mirror_pid" --kill-after 60
for pid in "${leg_pid[a]}" "${leg_pid[b]}" "$mirror_pid"; do
  reap "$pid" || true
done
# The mirror may have noticed one leg's end before its own.
due=$("$tool" dump --json "$tmp/log" | jq '
  def regions: map (range (.first; .first + .count));
  (.marked.runs | regions) as $marked |
  .legs[0:2] | map (select (.primary | not) | .missed.runs | regions) | add |
  . + $marked | unique | length')
[ "$due" -gt 0 ] || fail 'nothing was marked'
[ "$due" -lt "$missed" ] || fail "$due regions are marked"
legs_up a b
start
wait_for "$deadline" json_is '[.legs[0:2][].state] | unique[]' in-sync
expect 'bytes looked at for the two' "$(looked_at)" $((due * region))
missed=$(json '.legs[2].missed_regions')
"$check" verify --volatile "$tmp/state" "$uri"

# --- leg c is back
legs_up c
wait_mirror
expect 'bytes looked at for leg c' "$(looked_at)" \
  $(((due + missed) * region))
"$check" verify --volatile "$tmp/state" "$uri"
stop_mirror
for leg in a b c; do
  kill_leg "$leg" TERM
done
legs_equal "$tmp/a" "$tmp/b"
legs_equal "$tmp/a" "$tmp/c"
