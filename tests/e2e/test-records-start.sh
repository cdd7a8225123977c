#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The legs' own records at the start: the log is lost, or is yesterday's, or a
# leg went back in time, or two legs are one disk.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq

d=$tmp/data
mkdir "$d"
cd "$d"

# fresh: new legs, of which the first 4 MiB are written; stopped.
fresh ()
{
  rm -f ./*
  truncate -s 16M a b
  start_mirror a b log=disk:log
  wait_mirror
  write_pattern 1 0 4M
  stop_mirror
}

reads ()
{
  qemu-io -f raw "$uri" -c "read -P $1 $2 $3" >"$tmp/qemu-io.out" ||
    fail "not pattern $1 at $2: $(cat "$tmp/qemu-io.out")"
}

# --- the log is lost, the legs ended well: nothing is copied
fresh
rm log
planned 0 'is new, and made from the record' 'nothing is copied' -- \
  a b log=disk:log
start_mirror a b log=disk:log
wait_mirror
expect 'copied' "$(json '.resync.copied_bytes')" 0
reads 1 0 4M

# --- the log is lost and they did not: everything is copied, and that is said
crash_after 'h.pwrite (b"x" * 4096, 8 << 20)'
printf stale | dd of=b bs=1 seek=9M conv=notrunc status=none
rm log
planned 0 'EVERYTHING is copied from leg' -- a b log=disk:log
start_mirror a b log=disk:log
wait_mirror
said 'EVERYTHING is copied from leg'
reads 1 0 4M
stop_mirror
legs_equal a b

# --- leg 0 went on alone; it is lost, and its log: leg 1 must not be served
fresh
start_mirror a missing log=disk:log
write_pattern 2 1M 1M
stop_mirror
mkdir "$tmp/lost"
mv a a.mirrorleg log "$tmp/lost"
refused "$d/a" 'may have gone on without the others' 'source=1@' -- \
  missing b log=disk:log
planned 1 'source=1@' -- missing b log=disk:log
refused 'in-sync by the newest record' -- b log=disk:log
override=$(grep -o 'source=1@[0-9]*' "$tmp/plan.out" | head -n 1)
start_mirror missing b log=disk:log "$override"
reads 1 0 4M
stop_mirror
# It is back, and with it what nobody else has: another line.
mv "$tmp/lost/a" "$tmp/lost/a.mirrorleg" .
rm log
refused 'gone on without the other' 'source=0@' 'source=1@' -- a b log=disk:log

# --- yesterday's log
fresh
cp log "$tmp/yesterday"
start_mirror a b log=disk:log
write_pattern 2 1M 1M
stop_mirror
start_mirror a missing log=disk:log
write_pattern 3 2M 1M
stop_mirror
cp "$tmp/yesterday" log
planned 0 'older' -- a b log=disk:log
start_mirror a b log=disk:log
wait_mirror
said 'older'
reads 3 2M 1M
stop_mirror
legs_equal a b
cp "$tmp/yesterday" log
rm a a.mirrorleg
refused 'source=' -- missing b log=disk:log

# --- the log of a clean end, and the heartbeats since went with the power
fresh
cp log "$tmp/yesterday"
start_mirror a b log=disk:log
crash_after 'h.pwrite (b"x" * 4096, 8 << 20)'
for leg in a b; do
  dd if=/dev/zero of="$leg.mirrorleg" bs=4096 seek=2 count=1 conv=notrunc \
    status=none
done
printf other | dd of=b bs=1 seek=9M conv=notrunc status=none
cp "$tmp/yesterday" log
planned 0 'from a clean end since which the mirror has begun again' \
  'EVERYTHING is copied from leg' -- a b log=disk:log
start_mirror a b log=disk:log
wait_mirror
stop_mirror
legs_equal a b

# --- the records: removed by the user, and where there shall be none
fresh
rm a.mirrorleg
start_mirror a b log=disk:log
wait_for "$deadline" test -s a.mirrorleg
expect 'record' "$(json '.legs[0].record')" file
rm a.mirrorleg
wait_said "$d/a.mirrorleg was removed, and was made anew"
stop_mirror
start_mirror a b log=disk:log leg-records=off
expect 'record' "$(json '.legs[0].record')" none
stop_mirror
[ ! -e a.mirrorleg ] || fail 'leg-records=off left a record'

# --- exports: a leg that a snapshot brought back
rm -f ./*
truncate -s 16M a b
start_leg a file "$d/a"
start_leg b file "$d/b"
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:log leg-records=on
expect 'size' "$(json '.mirror.size')" $(((16 << 20) - 65536))
expect 'record' "$(json '.legs[1].record')" trailer
write_pattern 1 0 4M
stop_mirror
cp b old
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:log
write_pattern 1 5M 4K
stop_mirror
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:log
stop_mirror
legs_equal a b
cp old b
refused "leg ${leg_uri[b]}: was rolled back" -- \
  "${leg_uri[a]}" "${leg_uri[b]}" log=disk:log
kill_leg a
kill_leg b

# --- a disk with data to its end has none, and is not touched there
rm -f ./*
truncate -s 16M b
head -c 16M /dev/zero | tr '\0' x >a
cp a before
start_leg a file "$d/a"
start_leg b file "$d/b"
refused "leg-records=on: leg ${leg_uri[a]}" -- \
  "${leg_uri[a]}" "${leg_uri[b]}" log=disk:log leg-records=on
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:log
said "leg ${leg_uri[a]}: has no record of its own"
wait_mirror
expect 'size' "$(json '.mirror.size')" $((16 << 20))
stop_mirror
cmp a before
cmp b before
kill_leg a
kill_leg b

# --- one file behind two servers: what is written to one is read from the other
rm -f ./*
truncate -s 16M a
start_leg a file "$d/a"
start_leg b file "$d/a"
! try_start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:log ||
  fail 'a mirror of one disk'
said 'are one disk'
