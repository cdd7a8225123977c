#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The mirror's process stands still for more than two leg-timeouts under load
# (a debugger, the freezer, a suspended host): its legs, which are well, have not
# failed when it goes on.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
truncate -s 32M "$tmp/a" "$tmp/b"
start_leg a file "$tmp/a"
start_leg b file "$tmp/b"
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" \
  region-size=64K leg-timeout=1 flush-timeout=1
wait_mirror
background load "$check" load --rate 1500 --blocks 500 "$tmp/state" "$uri"
load=$!

for i in 1 2 3 4; do
  wait_more 200 '.legs[0].writes'
  kill -STOP "$mirror_pid"
  wait_for "$deadline" later_than 3 "$(seconds_up)"
  kill -CONT "$mirror_pid"
done
wait_more 200 '.legs[0].writes'
kill -TERM "$load"
reap "$load" || fail 'the load saw an error'
expect 'times lost' "$(lost "${leg_uri[a]}") $(lost "${leg_uri[b]}")" '0 0'
expect 'state' "$(json .mirror.state)" in-sync
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
