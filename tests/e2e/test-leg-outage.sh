#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# An outage of 10 s and more of an NBD leg under 100 MB/s of writes, with
# everything as it is by default: no client sees an error, no acknowledgement
# takes longer than 12 s, the leg is in sync within 30 s of coming back though
# the writes go on, and what is copied is what was written meanwhile, and what
# was hot.
#
# A leg that is stopped for about leg-timeout may live or fail; so the outage
# lasts until the mirror has given it up.  Times are those in which the load
# was able to run: what a busy machine takes from it, it takes from the mirror.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

size=$((2 << 30))

# The server is here, and begins to be here now if it had to be started again.
is_back ()
{
  revive_leg b || back=$(seconds_up)
  more_than "$2" "$1" "${leg_uri[b]}"
}

# outage KIND: killed and started again, or stopped.
outage ()
{
  local load from gone back until in_sync hot copied before
  local nr_lost nr_joined nr_synced

  background "load-$1" "$top_srcdir/tests/e2e/paced-load" "$uri" "$tmp/$1.json"
  load=$!
  wait_more 200000000 '.legs[1].write_bytes'
  nr_lost=$(lost "${leg_uri[b]}")
  nr_joined=$(joined "${leg_uri[b]}")
  nr_synced=$(synced "${leg_uri[b]}")
  from=$(seconds_up)
  read -r hot before < <(json '[.mirror.dirty_regions,
    .resync.copied_bytes + .resync.skipped_bytes] | join (" ")')
  gone=$(seconds_up)
  case $1 in
    killed) kill_leg b ;;
    stopped) kill -STOP "${leg_pid[b]}" ;;
  esac
  wait_for "$deadline" more_than "$nr_lost" lost "${leg_uri[b]}"
  wait_for "$deadline" later_than 10 "$gone"
  back=$(seconds_up)
  case $1 in
    killed) start_leg b file "$tmp/b" ;;
    stopped) kill -CONT "${leg_pid[b]}" ;;
  esac
  wait_for 60 is_back joined "$nr_joined"
  until=$(seconds_up)
  wait_for 60 is_back synced "$nr_synced"
  in_sync=$(seconds_up)
  # It was lost again, with its server: it missed more.
  [ "$(lost "${leg_uri[b]}")" -eq $((nr_lost + 1)) ] || until=$in_sync
  copied=$(($(looked_at) - before))
  kill -TERM "$load"
  wait_for "$deadline" not running "$load"
  reap "$load" || fail 'the load failed'
  jq -r --argjson from "$from" --argjson gone "$gone" --argjson back "$back" \
     --argjson until "$until" --argjson in_sync "$in_sync" \
     --argjson hot "$hot" --argjson copied "$copied" --arg kind "$1" '
    def starved: map (select (.[0] >= $back and .[0] <= $in_sync) | .[1]) |
      add // 0;
    (.begun | map (select (.[0] >= $from and .[0] <= $until) | .[1] /
                   524288 | floor) | unique | length) as $written |
    ($in_sync - $back) as $took | (.starved | starved) as $starved |
    "\($kind) for \($back - $gone | floor) s: " +
    "\(.rate / 1e6 | floor) MB/s, \(.writes) writes, " +
    "\(.errors) errors, longest \(.longest_ms) ms, in sync after " +
    "\($took | floor) s (without CPU for \($starved * 1000 | floor) ms), " +
    "copied \($copied / 524288 | ceil) regions " +
    "(written meanwhile \($written), hot \($hot))",
    "\(.errors == 0 and .longest_ms <= 12000 and $took - $starved <= 30 and
       $copied <= ($written + $hot) * 524288)"' "$tmp/$1.json" >"$tmp/verdict"
  head -n 1 "$tmp/verdict"
  [ "$(tail -n 1 "$tmp/verdict")" = true ] || fail 'that is not enough'
}

truncate -s $size "$tmp/a" "$tmp/b"
start_leg b file "$tmp/b"
start_mirror "$tmp/a" "${leg_uri[b]}"
wait_mirror
outage killed
outage stopped
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
