#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Legs come and go under load: added, replaced (one that is dead, too), renamed,
# removed; no client sees an error, and the legs are equal in the end.  What is
# refused leaves a disk as it was.  What was changed is what a restart finds, also
# after a crash; a command line that names other legs is told so.

in_memory=yes
. "$(dirname "$0")/../lib/orders.sh"
requires_mirror
requires nbdsh -c pass

names ()
{
  json '[.legs[].name] | join(" ")'
}

cd "$tmp"
truncate -s 16M a b c d f small
truncate -s 15M small
start_leg c file "$tmp/c"
start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/log" quarantine=0
wait_mirror
start_load

says 'becomes a leg' add --wait --timeout "$deadline" "$control" "${leg_uri[c]}"
says 'already' add "$control" "${leg_uri[c]}"
declines 'but the mirror has' add "$control" small
ln -s a link
declines 'are the same disk' add "$control" link
declines 'are the same disk' add "$control" log
printf data | dd of=f conv=notrunc status=none
declines 'holds data' add "$control" f
says 'would be' add --overwrite --dry-run "$control" f
expect 'what f holds' "$(head -c 4 f)" data

# One that is dead is replaced, by a disk with old data.
kill_leg c
wait_for "$deadline" json_is '.legs[2].state' failed
says 'replaces leg 2' replace --overwrite --wait --timeout "$deadline" \
  "$control" 2 f
expect legs "$(names)" "$tmp/a $tmp/b $tmp/f"

# One that works; it has all data until the other one has.
says 'paused' resync pause "$control"
says 'replaces leg 0' replace "$control" a d
expect 'who replaces leg 0' "$(json '.legs[] | select(.replaces == 0).name')" "$tmp/d"
says 'go on' resync resume "$control"
wait_for "$deadline" json_is '[.legs[].replaces] | unique' '[
  null
]'
expect legs "$(names)" "$tmp/d $tmp/b $tmp/f"

mv b moved
says 'leg 1 is' rename --wait --timeout "$deadline" "$control" 1 moved
[ -e moved.mirrorleg ] || fail 'its record did not go along'
[ ! -e b.mirrorleg ] || fail 'its record was left behind'
says 'is no leg any more' remove "$control" f
expect legs "$(names)" "$tmp/d $tmp/moved"

end_load "$tmp/d" "$tmp/moved"

# --- a crash; then with the right names, and with wrong ones

kill_mirror
start_mirror "$tmp/d" "$tmp/moved" log=disk:"$tmp/log"
wait_mirror
expect legs "$(names)" "$tmp/d $tmp/moved"
stop_mirror
mkdir data
refused "leg $tmp/a: holds data and is not a leg of the log $tmp/log any more" \
  "nbdkit mirror $tmp/moved $tmp/d log=disk:$tmp/log" -- \
  "$tmp/a" "$tmp/moved" log=disk:"$tmp/log"
start_mirror "$tmp/d" log=disk:"$tmp/log"
said "leg $tmp/moved: is a leg of the log, and nobody has named it"
said "nbdkit mirror $tmp/d $tmp/moved log=disk:$tmp/log"
says 'may come back' attach --wait --timeout "$deadline" "$control" moved
legs_equal d moved

# --- a crash while one replaces another

says 'paused' resync pause "$control"
truncate -s 0 c f
truncate -s 16M c
says 'replaces leg 1' replace "$control" moved c
kill_mirror
start_mirror "$tmp/d" "$tmp/moved" "$tmp/c" log=disk:"$tmp/log"
wait_for "$deadline" json_is '[.legs[].name] | join(" ")' "$tmp/d $tmp/c"
wait_mirror
legs_equal d c
stop_mirror
