#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The section "Care of a mirror" of nbdmirror(8), step by step, under load: no
# client sees an error, and all legs hold the same in the end.

in_memory=yes
. "$(dirname "$0")/../lib/orders.sh"
requires_mirror
requires nbdsh -c pass

names ()
{
  json '[.legs[].name] | join(" ")'
}

# ordered CMD...: nbdmirror CMD, which must succeed.
ordered ()
{
  "$tool" "$@" >"$tmp/said" 2>&1 || fail "$* ($(cat "$tmp/said"))"
}

written_more ()
{
  local writes
  writes=$(json '.legs[0].writes')
  wait_for "$deadline" json_is ".legs[0].writes > $((writes + 20))" true
}

cd "$tmp"
truncate -s 16M a b c new
start_logd
start_leg b file b
start_leg c file c
start_mirror "$tmp/a" "${leg_uri[b]}" "${leg_uri[c]}" \
  log=disk:"$tmp/log" quarantine=0
wait_mirror
start_load

# --- a disk has died

kill_leg c
wait_for "$deadline" json_is '.legs[2].state' failed
ordered replace --wait --timeout "$deadline" "$control" 2 new
expect legs "$(names)" "$tmp/a ${leg_uri[b]} $tmp/new"

# --- the server of a leg needs work

ordered may-stop "$control" 1
ordered detach --track "$control" 1
kill_leg b
written_more
start_leg b file b
ordered attach --wait --timeout "$deadline" "$control" 1

# --- a leg moves to another host

ordered detach --track "$control" 1
kill_leg b
written_more
start_leg moved file b
ordered rename --wait --timeout "$deadline" "$control" 1 "${leg_uri[moved]}"
expect legs "$(names)" "$tmp/a ${leg_uri[moved]} $tmp/new"

# --- a backup

ordered suspend --max 20 "$control"
cmp -n "$(json .mirror.size)" a b
cmp -n "$(json .mirror.size)" a new
ordered resume "$control"

# --- the disk is to be larger; its leg was let go in a way that it misses everything,
# and its record, at its old end, has no part in what it is

truncate -s 24M a b new
ordered detach "$control" 1
kill_leg moved
start_leg moved file b
ordered attach --wait --timeout "$deadline" "$control" 1
ordered grow --wait --timeout "$deadline" "$control"

# --- the log moves, to a server and back

ordered log move "$control" userspace:"$logd_sock"/vm
ordered log move "$control" disk:"$tmp/log"
expect 'the log' "$(json .log.name)" "$tmp/log"
written_more

end_load a b new

# --- the next start

kill_mirror
start_mirror "$tmp/a" "${leg_uri[moved]}" "$tmp/new" log=disk:"$tmp/log" \
  quarantine=0
wait_mirror
[ "$(json .mirror.size)" -gt $((23 << 20)) ] || fail 'it is as small as before'
cmp -n "$(json .mirror.size)" a b
cmp -n "$(json .mirror.size)" a new
stop_mirror
