#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A leg that was made larger while no mirror used it: its record is no longer at its
# end.  A start finds it, and moves it there; where data are at the new end it is
# refused, and nothing is written.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
leg_file 8 a b
start_leg a file "$d/a"
start_leg b file "$d/b"
set -- "${leg_uri[a]}" "${leg_uri[b]}" log=disk:log
start_mirror "$@"
write_pattern 1 0 1M
wait_mirror
size=$(json .mirror.size)
stop_mirror
kill_leg b

# begins FILE OFFSET: a record is there.
begins ()
{
  [ "$(tail -c +$(($2 + 1)) "$1" | head -c 8)" = nbdmirrM ]
}
begins b "$size" || fail 'there is no trailer'

# --- with something at its new end
cp b "$tmp/before"
head -c 4M /dev/urandom >>"$tmp/before"
cp "$tmp/before" b
start_leg b file "$d/b"
refused 'has grown from' -- "$@"
cmp b "$tmp/before" || fail 'a refused start has written'
kill_leg b

# --- with nothing
truncate -s "$(stat -c %s a)" b
truncate -s 12M b
start_leg b file "$d/b"
start_mirror "$@"
wait_mirror
said 'has grown from'
said 'its record moves'
expect size "$(json .mirror.size)" "$size"
stop_mirror
begins b "$(($(stat -c %s b) - 65536))" || fail 'the record was not moved'
cmp -n "$size" a b || fail 'legs differ'
start_mirror "$@"
wait_mirror
stop_mirror
not_said=$(grep -c 'has grown' "$tmp/mirror.log" || true)
expect 'told again' "$not_said" 1
