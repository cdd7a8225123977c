#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A mirror becomes larger under load: a leg that is a file at once, one on a server
# when it was taken out and back.  No client sees an error; who connects then sees
# the new size, and so does the next start.

in_memory=yes
. "$(dirname "$0")/../lib/orders.sh"
requires_mirror
requires nbdsh -c pass

said_now ()
{
  grep -qF -- "$1" "$tmp/said" || fail "$(cat "$tmp/said") lacks $1"
}

size_seen ()
{
  nbdsh -u "$uri" -c 'print(h.get_size())'
}

# What lies behind the old end: zeroes, but for what was written there since.
new_part_is ()
{
  nbdsh -u "$uri" -c "
new = h.pread(h.get_size() - $old, $old)
assert set(new) == {$1}, set(new)
"
}

cd "$tmp"
mkdir data
truncate -s 16M a b
start_leg b file b
start_mirror "$tmp/a" "${leg_uri[b]}" log=disk:"$tmp/log" quarantine=0
wait_mirror
old=$(json .mirror.size)
background load "$check" load --seed 1 "$tmp/state" "$uri"
load=$!

# --- refused, or nothing to do

ordered grow "$control"
said_now 'has room for'
declines 'has room for' grow "$control" 64M
declines "can't become smaller" grow "$control" 1M
declines 'must be a number of bytes' grow "$control" large
ordered grow "$control" "$old"
said_now already

# --- the legs become larger

dd if=/dev/urandom bs=1M count=8 seek=16 of=b conv=notrunc status=none
truncate -s 32M a b
declines 'take it out and back' grow "$control" 24M
ordered detach --track "$control" 1
declines 'is out of use' grow "$control" 24M
ordered attach --wait --timeout "$deadline" "$control" 1
expect 'the size before' "$(json .mirror.size)" "$old"

ordered grow --dry-run "$control"
said_now 'would be: '
expect 'the size before' "$(json .mirror.size)" "$old"
declines 'has room for' grow "$control" 1G
ordered grow --wait --timeout "$deadline" "$control" 24M
said_now 'when it connects again'
expect 'the size' "$(json .mirror.size)" $((24 << 20))
expect 'the state' "$(json .mirror.state)" in-sync
ordered grow "$control" 24M
said_now already
ordered grow --wait --timeout "$deadline" "$control"

kill -TERM "$load"
reap "$load" || fail 'a client saw an error'
"$check" verify "$tmp/state" "$uri"

# --- who connects now sees it

new=$(json .mirror.size)
[ "$new" -gt $((31 << 20)) ] || fail "the size is $new"
expect 'the size for a client' "$(size_seen)" "$new"
new_part_is 0
nbdsh -u "$uri" -c "h.pwrite(b'x' * (h.get_size() - $old), $old)"

# --- and the next start, after a crash

kill_mirror
start_mirror "$tmp/a" "${leg_uri[b]}" log=disk:"$tmp/log" quarantine=0
wait_mirror
expect 'the size after a restart' "$(json .mirror.size)" "$new"
expect 'the record of the leg' "$(json '.legs[1].record')" trailer
new_part_is "$(printf %d "'x")"
cmp -n "$new" a b
stop_mirror
refused "can't be made smaller" -- "$tmp/a" "${leg_uri[b]}" \
  log=disk:"$tmp/log" size="$old"
