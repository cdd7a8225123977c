#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The log's file is removed, renamed, cut or replaced while the mirror uses it.
# It is written anew by itself, so a crash after that loses nothing and the next
# start needs no words; where another file has the name that is said, at once.
# The same for the logs of a log server.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

start ()
{
  start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/data/log"
}

# A crash that leaves a mark, after which a start finds all.
crash_and_start ()
{
  crash_after 'h.pwrite (b"x" * 65536, 3 << 20)'
  expect 'marked' "$(dump '.marked.count > 0' "$tmp/data/log")" true
  start
  wait_mirror
  expect 'the mirror is the same' "$(json .mirror.uuid)" "$uuid"
  legs_equal "$tmp/a" "$tmp/b"
}

# anew WORDS [STATE]: the log is written anew once more, and the mirror is in
# that state again.
renewed=0
anew ()
{
  renewed=$((renewed + 1))
  wait_for "$deadline" more_than $((renewed - 1)) times_said 'it was written anew'
  said "$1: it was written anew"
  expect 'the log' "$(json .log.state)" ok
  expect 'last error' "$(json .log.last_error)" "$1, written anew"
  wait_for "$deadline" json_is .mirror.state "${2:-in-sync}"
  expect 'mode' "$(stat -c %a "$tmp/data/log")" 640
  expect 'nothing beside it' "$(find "$tmp/data" | wc -l)" 2
}

mkdir "$tmp/data"
truncate -s 32M "$tmp/a" "$tmp/b"
start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/data/log" region-size=64K
wait_mirror
uuid=$(json .mirror.uuid)
chmod 640 "$tmp/data/log"
write_pattern 1 0 8M

# --- removed
rm "$tmp/data/log"
anew 'its file was removed'
expect 'owner' "$(dump .owner.pid "$tmp/data/log")" "$mirror_pid"
wait_for "$deadline" json_is .mirror.dirty_regions 0
refused 'in use by process' -- \
  "$tmp/c" "$tmp/b" log=disk:"$tmp/data/log"
crash_and_start
stop_mirror
expect 'clean' "$(dump .clean "$tmp/data/log")" true

# --- with a leg away, whose missed map is then all that tells
mv "$tmp/b" "$tmp/b.away"
start
expect 'an absent leg' "$(json '.legs[1].state')" missing
write_pattern 2 4M 1M
wait_for "$deadline" json_is .mirror.dirty_regions 0
renewed=$(times_said 'it was written anew')
rm "$tmp/data/log"
anew 'its file was removed' degraded
expect 'missed' "$(dump '.legs[1].missed.count >= 16' "$tmp/data/log")" true
kill_mirror
mv "$tmp/b.away" "$tmp/b"
start
wait_mirror
legs_equal "$tmp/a" "$tmp/b"

# --- renamed: the old file is not used any more
mv "$tmp/data/log" "$tmp/log.old"
anew 'its file has another name now'
crash_and_start

# --- cut
: >"$tmp/data/log"
anew 'its file was cut'
crash_and_start

# --- removed just before the end
rm "$tmp/data/log"
stop_mirror
expect 'clean' "$(dump .clean "$tmp/data/log")" true
chmod 640 "$tmp/data/log"

# --- replaced: said, and not touched; written anew when the name is free
start
renewed=$(times_said 'it was written anew')
cp "$tmp/data/log" "$tmp/other"
cp "$tmp/other" "$tmp/other.same"
mv "$tmp/other" "$tmp/data/log"
wait_for "$deadline" json_is .log.state failed
said 'another file has its name now: a start would not find the log'
expect 'misplaced' "$(json .log.misplaced)" true
expect 'last error' "$(json .log.last_error)" 'another file has its name now'
status=0
"$tool" status "$control" >"$tmp/status" || status=$?
expect 'exit status' "$status" 1
grep -qF 'would not find the log' "$tmp/status" || fail "$(cat "$tmp/status")"
write_pattern 3 5M 64k
cmp "$tmp/data/log" "$tmp/other.same" || fail 'another file was written to'
expect 'said once' "$(times_said 'another file has its name now')" 1
rm "$tmp/data/log"
anew 'its file was removed'
crash_and_start

# --- nowhere to write it: said, tried again
mv "$tmp/data" "$tmp/data.away"
wait_for "$deadline" json_is .log.state failed
said 'its directory was renamed'
write_pattern 4 6M 64k
mv "$tmp/data.away" "$tmp/data"
wait_said 'its file is where it was again'
expect 'the log' "$(json .log.state)" ok
renewed=$(times_said 'it was written anew')
rm -r "$tmp/data"
wait_said "can't be written anew"
expect 'the log' "$(json .log.state)" failed
mkdir "$tmp/data"
anew 'its file was removed'
crash_and_start
stop_mirror

# --- a log server
start_logd
start_mirror "$tmp/a" "$tmp/b" log=userspace:"$logd_sock"/x sync=force
wait_mirror
write_pattern 5 1M 64k
rm "$tmp/logs/x.log"
wait_for "$deadline" grep -qF 'its file was removed: it was written anew' \
  "$tmp/logd.log"
kill_mirror
kill_logd
start_logd
start_mirror "$tmp/a" "$tmp/b" log=userspace:"$logd_sock"/x
wait_mirror
stop_mirror
