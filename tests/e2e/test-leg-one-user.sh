#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# An NBD leg has one user on a host: a second mirror with a log of its own is
# refused by the process of the first, however the export is spelled, and harms
# nothing.  When the first is killed the second starts at once.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 8M a c
leg_file 8 b
start_leg b --filter=exportname file "$d/b" exportname= exportname=other
leg=${leg_uri[b]}
ln -s "${leg_sock[b]}" "$tmp/soft.sock"

# Only the inode tells.
ln "${leg_sock[b]}" "$tmp/hard.sock"

mirror=first
start_mirror a "$leg" log=disk:"$tmp/first.mirrorlog" region-size=64K
wait_mirror
write_pattern 1 0 8M
sync
first=$mirror_pid

for other in "$leg" "nbd+unix:///?socket=$tmp/soft.sock" \
  "nbd+unix:///?socket=$tmp/hard.sock" \
  "nbd+unix://me@/?connections=1&socket=$tmp/./leg-b.sock"; do
  refused "leg $other: in use by process $first" -- c "$other" log=disk:new
  [ ! -e new ] || fail 'a log was made'
done
# Looking at it is free.
planned 1 'would refuse' -- c "$leg" log=disk:new

# The first goes on as it was.
qemu-io -f raw "$uri" -c 'read -P 1 0 8M' >>"$tmp/qemu-io.log"
expect 'state of the first' "$(json .mirror.state)" in-sync
write_pattern 2 1M 1M
legs_equal a b

# Its server is gone, and before the first has looked again the inode of the
# socket is that of another server's, whose leg is nobody's.
rm "$tmp/hard.sock"
inode=$(stat -c %i "${leg_sock[b]}")
touch "$tmp"/leg-new{1..9}.log # or one of these gets it
signal STOP "$first"
kill_leg b
same=
for n in {1..9}; do
  start_leg "new$n" file "$d/c"
  [ "$(stat -c %i "${leg_sock[new$n]}")" != "$inode" ] || same=yes
  [ -z "$same" ] || break
done
[ -n "$same" ] || echo 'the inode was not given out again'
mirror=third
start_mirror "${leg_uri[new$n]}" missing log=disk:"$tmp/third.mirrorlog"
stop_mirror
signal CONT "$first"
mirror=first
control=$tmp/first.control
uri="nbd+unix:///?socket=$tmp/first.sock"
eval "start_leg b ${leg_words[b]}"
wait_for "$deadline" in_sync_again b

# Killed: free at once, and its heartbeats are known to be a dead process's.
kill_mirror
start_mirror a "$leg" log=disk:"$tmp/first.mirrorlog" quarantine=1
! grep -F 'may be in use' "$tmp/first.log" || fail 'it waited for heartbeats'
wait_mirror
stop_mirror
legs_equal a b

# Another mirror takes the leg while its server was away, and nothing on the leg
# says that it is the first one's.  That says so, and has the leg back when the
# other has ended.
start_mirror a "$leg" log=disk:"$tmp/first.mirrorlog" leg-records=off
first=$mirror_pid
kill_leg b
wait_for "$deadline" grep -q "leg $leg: connect: " "$tmp/first.log"
# Stopped while it waits for its next try, which is nearly always.
for _ in 1 2 3 4 5; do
  signal STOP "$first"
  eval "start_leg b ${leg_words[b]}"
  mirror=second
  taken=yes
  try_start_mirror "$leg" missing log=disk:"$tmp/second.mirrorlog" \
    leg-records=off && break
  taken=
  kill_leg b
  signal CONT "$first"
done
[ -n "$taken" ] || fail 'the first never lets go of a leg that is away'
second=$mirror_pid
signal CONT "$first"
mirror=first
wait_said "leg $leg: in use by process $second"
mirror=second
stop_mirror
mirror=first
control=$tmp/first.control
uri="nbd+unix:///?socket=$tmp/first.sock"
wait_for "$deadline" in_sync_again b
write_pattern 3 2M 1M
legs_equal a b
kill_mirror

# Killed: free at once, without any wait, here too.
try_start_mirror a "$leg" log=disk:"$tmp/first.mirrorlog" quarantine=1 ||
  fail 'it did not start at once'
wait_mirror
stop_mirror
legs_equal a b
