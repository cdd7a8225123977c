#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A leg that an older copy was restored over: the same file, and nearly all of
# it is right.  The regions that were written last tell, and the start is
# refused, whatever sync= says; source= decides, once.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 64M a b
start_mirror a b log=disk:log
write_pattern 1 0 64M
stop_mirror

# restore FROM TO: over the same file.  Its blocks are allocated when this
# returns, or a check that nothing changed would see it later.
restore ()
{
  cp "$1" "$2"
  sync "$2"
}

# write_few PATTERN: in places that no sample covers, acknowledged.
write_few ()
{
  local at
  for at in 5004k 21100k 33000k; do
    write_pattern "$1" "$at" 4k
  done
}

# after_snapshot HOW: the mirror writes to few places after a snapshot.
after_snapshot ()
{
  start_mirror a b log=disk:log
  wait_mirror
  write_pattern 1 0 64M
  stop_mirror
  restore a old
  start_mirror a b log=disk:log
  write_few 2
  case $1 in
    clean) stop_mirror ;;
    idle)
      # The marks go away by themselves, then the server is killed.
      wait_for "$deadline" json_is .mirror.dirty_regions 0
      kill_mirror
      ;;
  esac
  restore a good
}

for how in clean idle; do
  for leg in a b; do
    after_snapshot "$how"
    expect "regions cleared last, $how" \
      "$(dump '.cleared_last[:3] | sort | tostring' log)" '[9,41,64]'
    generation=$(dump .generation log)
    restore old "$leg"
    for sync in default force; do
      refused "$d/a" "$d/b" 'rolled back' "source=0@$generation (leg $d/a)" \
        "source=1@$generation (leg $d/b)" 'How to replace a leg' -- \
        a b log=disk:log sync="$sync"
    done
    legs=(a b)
    right=1
    [ "$leg" = a ] || right=0
    start_mirror a b log=disk:log source="$right@$generation"
    wait_mirror
    stop_mirror
    legs_equal good a
    legs_equal good b
    # The words stay in the unit file, and never count again.
    restore old "${legs[right]}"
    refused 'rolled back' -- a b log=disk:log source="$right@$generation"
    restore good "${legs[right]}"
  done
done

# The other leg's old copy.
after_snapshot clean
restore old b
refused 'rolled back' -- a b log=disk:log
# Without the wrong one; later it is still wrong.
start_mirror a missing log=disk:log
write_pattern 3 1M 64k
stop_mirror
refused "$d/b: its content differs from leg $d/a" -- a b log=disk:log
rm b
truncate -s 64M b
start_mirror a b log=disk:log
wait_mirror
stop_mirror
legs_equal a b

# While the mirror runs: the leg's server goes away and comes back with an
# older copy; meanwhile many other regions are written.
rm -rf ./*
truncate -s 64M a
leg_file 64 b
start_leg b file "$d/b"
start_mirror a "${leg_uri[b]}" log=disk:log
wait_mirror
write_pattern 1 0 64M
wait_for "$deadline" json_is .mirror.dirty_regions 0
cp b old
write_few 2
wait_for "$deadline" json_is .mirror.dirty_regions 0
kill_leg b
wait_for "$deadline" json_is '.legs[1].state' failed
write_pattern 3 34M 20M
wait_for "$deadline" json_is .mirror.dirty_regions 0
restore old b
start_leg b file "$d/b"
wait_for "$deadline" grep -q 'its content differs' "$tmp/mirror.log"
expect 'leg 1' "$(json '.legs[1].state')" failed
stop_mirror
