#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A 10 s outage of an NBD leg under 100 MB/s of writes, with everything as it is
# by default: no client sees an error, no acknowledgement takes longer than
# 12 s, the leg is in sync within 30 s of coming back though the writes go on,
# and what is copied is what was written meanwhile, and what was hot.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

size=$((2 << 30))
uptime ()
{
  cut -d ' ' -f 1 /proc/uptime
}

# nbdkit 1.32 may abort when a client is gone while it answers.
is_back ()
{
  running "${leg_pid[b]}" || start_leg b file "$tmp/b"
  json_is '.legs[1].state' resyncing
}

# outage KIND: killed and started again, or stopped.
outage ()
{
  local load gone back joined in_sync hot copied before

  background "load-$1" "$top_srcdir/tests/e2e/paced-load" "$uri" "$tmp/$1.json"
  load=$!
  wait_for "$deadline" json_is '.legs[1].write_bytes > 200000000' true
  before=$(json '.resync.copied_bytes + .resync.skipped_bytes')
  hot=$(json .mirror.dirty_regions)
  gone=$(uptime)
  case $1 in
    killed) kill_leg b ;;
    stopped) kill -STOP "${leg_pid[b]}" ;;
  esac
  sleep 10 # the outage
  back=$(uptime)
  case $1 in
    killed) start_leg b file "$tmp/b" ;;
    stopped) kill -CONT "${leg_pid[b]}" ;;
  esac
  wait_for "$deadline" is_back
  joined=$(uptime)
  wait_mirror --timeout 60
  in_sync=$(uptime)
  copied=$(($(json '.resync.copied_bytes + .resync.skipped_bytes') - before))
  kill -TERM "$load"
  wait_for "$deadline" not running "$load"
  reap "$load" || fail 'the load failed'
  jq -r --argjson gone "$gone" --argjson back "$back" \
     --argjson joined "$joined" --argjson in_sync "$in_sync" \
     --argjson hot "$hot" \
     --argjson copied "$copied" --arg kind "$1" '
    (.begun | map (select (.[0] >= $gone - 1 and .[0] <= $joined) | .[1] /
                   524288 | floor) | unique | length) as $written |
    "\($kind): \(.rate / 1e6 | floor) MB/s, \(.writes) writes, " +
    "\(.errors) errors, longest \(.longest_ms) ms, in sync after " +
    "\($in_sync - $back | floor) s, copied \($copied / 524288 | ceil) regions " +
    "(written meanwhile \($written), hot \($hot))",
    "\(.errors == 0 and .longest_ms <= 12000 and $in_sync - $back <= 30 and
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
