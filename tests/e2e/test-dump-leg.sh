#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# nbdmirror dump of legs: a file with its record beside it, a raw file and its
# export, a block device.  Nothing is changed, a server that hangs does not hang
# the tool, and what the page says about removing a record works.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq nbdsh

vectors=$top_srcdir/tests/vectors/leg-record
mirror_id=01020304-0506-0708-090a-0b0c0d0e0f10
area=65536
d=$tmp/data
mkdir "$d"

# put_record FILE OFFSET: slot 0 and the beat.
put_record ()
{
  dd if="$vectors/slot-0.bin" of="$1" oflag=seek_bytes seek="$2" \
    conv=notrunc status=none
  dd if="$vectors/beat.bin" of="$1" oflag=seek_bytes seek=$(($2 + 8192)) \
    conv=notrunc status=none
}

# dumped STATUS ARG...: output in $tmp/out, messages in $tmp/err; nothing in
# $tmp/data is changed.
dumped ()
{
  local wanted=$1 status=0 before
  shift
  before=$(state_of "$d")
  timeout -s KILL "$deadline" "$tool" dump "$@" >"$tmp/out" 2>"$tmp/err" ||
    status=$?
  expect "exit status of dump $*: $(cat "$tmp/out" "$tmp/err")" \
    "$status" "$wanted"
  diff - <(state_of "$d") <<<"$before" || fail "dump $* changed something"
}

# field FILTER VALUE: of the JSON.
field ()
{
  expect "$1" "$(jq -r "$1" "$tmp/out")" "$2"
}

told ()
{
  grep -qF -- "$1" "$tmp/out" "$tmp/err" ||
    fail "no \"$1\": $(cat "$tmp/out" "$tmp/err")"
}

# trailer_of SIZE
trailer_of ()
{
  echo $((($1 / 4096 * 4096) - area))
}

all_there ()
{
  field .leg_record.found valid
  field .leg_record.mirror "$mirror_id"
  field '.leg_record.slots | map (.found) | join (" ")' 'valid blank'
  field '.leg_record.legs | map ("\(.index) \(.state)") | join (", ")' \
    '0 stale, 1 in-sync, 2 in-sync, 7 in-sync'
  field '.leg_record.legs[] | select (.primary) | .index' 2
  field .leg_record.owner.host storage-1.example
  field .leg_record.owner.gone false
  field .beat.found valid
  field .beat.used true
  field .beat.interval_ms 5000
}

# --- a file, and its record beside it
truncate -s 8M "$d/a"
put_record "$d/a.mirrorleg" 0
dumped 0 --json "$d/a"
all_there
field .leg_record.place file
field .leg_record.path "$(realpath "$d/a").mirrorleg"
# The vector was made for no file of this host.
field .leg_record.other_file true
dumped 0 "$d/a.mirrorleg"
told "mirror      $mirror_id"
rm "$d/a.mirrorleg"
dumped 2 --leg "$d/a"
told 'has no record of a leg'

# --- a raw file, and what serves it; its size is not a multiple of 4096
size=$(((8 << 20) + 1536))
truncate -s $size "$d/raw"
echo 'a disk' | dd of="$d/raw" conv=notrunc status=none
put_record "$d/raw" "$(trailer_of $size)"
dumped 0 --json "$d/raw"
all_there
field .leg_record.place trailer
field .leg_record.offset "$(trailer_of $size)"
start_leg raw file "$d/raw"
dumped 0 --json "${leg_uri[raw]}"
all_there
field .name "${leg_uri[raw]}"
field .leg_record.offset "$(trailer_of $size)"

signal STOP "${leg_pid[raw]}"
begin=$SECONDS
dumped 3 --timeout 1 "${leg_uri[raw]}"
told 'within 1 seconds'
dumped 3 "${leg_uri[raw]}"
told 'within 10 seconds'
[ $((SECONDS - begin)) -le 25 ] || fail 'it waited for too long'
signal CONT "${leg_pid[raw]}"

# Removed, as the page says.
nbdsh -u "${leg_uri[raw]}" -c "h.zero ($area, $(trailer_of $size))"
dumped 2 "${leg_uri[raw]}"
told "none in a trailer at offset $(trailer_of $size)"
[ "$(head -c 6 "$d/raw")" = 'a disk' ] || fail 'the disk is damaged'
kill_leg raw
dumped 3 "${leg_uri[raw]}"
told 'connect: '
rm "$d/raw"

# --- a block device, also one that somebody owns
loop_device "$d/a"
dumped 2 --leg "$loop_dev"
told "none in a trailer at offset $(trailer_of $((8 << 20)))"
put_record "$loop_dev" "$(trailer_of $((8 << 20)))"
sync "$loop_dev"
dumped 0 --json "$loop_dev"
all_there
field .leg_record.place trailer
background owner python3 -c "
import os, signal
fd = os.open ('$loop_dev', os.O_RDWR | os.O_EXCL)
open ('$tmp/owned', 'w').close ()
signal.pause ()
"
owner=$!
wait_for "$deadline" test -e "$tmp/owned"
dumped 0 "$loop_dev"
told "mirror      $mirror_id"
kill "$owner"
reap "$owner" || true

requires_tool blkdiscard
blkdiscard --zeroout --offset "$(trailer_of $((8 << 20)))" --length $area \
  "$loop_dev"
dumped 2 --leg "$loop_dev"

# A log on a device is shown as before.
truncate -s 8M "$d/b" "$d/c"
start_mirror "$d/b" "$d/c" log=disk:"$loop_dev"
stop_mirror
dumped 0 --json "$loop_dev"
field .found ours
dumped 2 --leg "$loop_dev"
