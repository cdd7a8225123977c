#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Everything dies at once, and the legs lose what they were not told to
# flush, each something else: what was flushed or written with FUA is there
# after the resync, in both legs, and reads agree.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
truncate -s 32M "$tmp/a" "$tmp/b"
start ()
{
  # The cache filter holds writes back until a flush.
  start_leg a --filter=cache file "$tmp/a" cache-min-block-size=4k
  start_leg b --filter=cache file "$tmp/b" cache-min-block-size=4k
  start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" \
    region-size=64K quarantine=1
}

start
mirror_size=$(json .mirror.size)
for round in 1 2 3 4 5; do
  # The legs' servers first, so that nothing the mirror does reaches them; until
  # it is gone, too, it can only answer with errors.
  "$check" load --seed "$round" --volatile --errors-ok --kill "${leg_pid[a]}" \
    --kill "${leg_pid[b]}" --kill "$mirror_pid" \
    --kill-after $((round * 700)) "$tmp/state" "$uri"
  for pid in "${leg_pid[a]}" "${leg_pid[b]}" "$mirror_pid"; do
    reap "$pid" || true
  done
  "$tool" dump --json "$tmp/log" |
    jq '[.marked.runs[], .legs[].missed.runs[] |
        range (.first; .first + .count)] | unique | .[]' | sort >"$tmp/marked"
  "$check" diff --size "$mirror_size" 65536 "$tmp/a" "$tmp/b" | sort >"$tmp/differ"
  comm -13 "$tmp/marked" "$tmp/differ" >"$tmp/unknown"
  [ ! -s "$tmp/unknown" ] ||
    fail "legs differ where the log is clean: $(xargs <"$tmp/unknown")"
  echo "round $round: $(wc -l <"$tmp/marked") regions marked," \
    "$(wc -l <"$tmp/differ") differ"
  start
  wait_mirror
  "$check" verify --volatile "$tmp/state" "$uri"
done
stop_mirror
kill_leg a TERM
kill_leg b TERM
legs_equal "$tmp/a" "$tmp/b"
"$check" verify --volatile "$tmp/state" "$tmp/a" "$tmp/b"
