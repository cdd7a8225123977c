#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The same legs under other names, with other identities, in another order:
# what they hold decides, and where nothing says which is which, the user.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"

new_mirror ()
{
  rm -rf ./*
  truncate -s 16M a b
  start_mirror a b log=disk:log region-size=64K
  wait_mirror
  write_pattern 1 0 16M
  stop_mirror
}

# --- restored under their names: other files, the same legs
new_mirror
for leg in a b; do
  cp "$leg" copy
  mv copy "$leg"
done
start_mirror b a log=disk:log
said 'another identity'
expect 'looked at, restored' "$(looked_at)" 0
expect 'state, restored' "$(json .mirror.state)" in-sync
stop_mirror

# The same while one is stale: it gets what it missed.
start_mirror a missing log=disk:log
write_pattern 2 5M 128k
stop_mirror
for leg in a b; do
  cp "$leg" copy
  mv copy "$leg"
done
start_mirror a b log=disk:log
wait_mirror
expect 'looked at, restored while stale' "$(looked_at)" $((128 << 10))
stop_mirror
legs_equal a b

# Alone, nobody confirms that it is the leg.
cp a copy
mv copy a
refused "leg $d/a: is another object" "source=0@$(dump .generation log)" -- \
  a missing log=disk:log
start_mirror a missing log=disk:log source=0@"$(dump .generation log)"
stop_mirror

# --- one leg moves while it is stale
new_mirror
start_mirror a missing log=disk:log
write_pattern 2 5M 128k
stop_mirror
cp b moved
rm b
planned 0 "leg $d/moved: its content says that it is leg $d/b" \
  "leg $d/moved: resync of missed" -- moved a log=disk:log
start_mirror moved a log=disk:log
wait_mirror
expect 'looked at, moved while stale' "$(looked_at)" $((128 << 10))
stop_mirror
legs_equal a moved

# --- all legs have new names: the log may be another mirror's
new_mirror
mkdir there
cp a there/y
cp b there/x
cp log there/log
generation=$(dump .generation log)
refused "needs one of: $d/a $d/b" "source=0@$generation (leg $d/there/x)" \
  "source=1@$generation (leg $d/there/y)" -- \
  there/x there/y log=disk:there/log
planned 0 "leg $d/there/y: source" "leg $d/there/x: full resync" -- \
  there/x there/y log=disk:there/log source=1@"$generation"
start_mirror there/x there/y log=disk:there/log source=1@"$generation"
wait_mirror
qemu-io -f raw "$uri" -c 'read -P 1 0 16M' >>"$tmp/qemu-io.log"
stop_mirror
legs_equal there/x there/y
start_mirror there/y there/x log=disk:there/log source=1@"$generation"
expect 'looked at, later' "$(looked_at)" 0
stop_mirror
# Not over a disk that is no leg.
cp log there/log
rm there/*.mirrorleg
head -c 16M /dev/urandom >there/x
sync there
refused "leg $d/there/x: holds data and is not a leg of the log" -- \
  there/x there/y log=disk:there/log source=1@"$generation"

# --- NBD legs without records: another URI of one, then of both
rm -rf ./*
without="leg-records=off"
truncate -s 16M a b
start_leg one file "$d/a"
start_leg two file "$d/b"
start_mirror "${leg_uri[one]}" "${leg_uri[two]}" log=disk:log $without
wait_mirror
write_pattern 1 0 16M
stop_mirror
kill_leg two
start_leg three file "$d/b"
start_mirror "${leg_uri[three]}" "${leg_uri[one]}" log=disk:log $without
said "leg ${leg_uri[three]}: its content says that it is leg ${leg_uri[two]}"
expect 'looked at, one URI' "$(looked_at)" 0
stop_mirror
kill_leg one
kill_leg three
start_leg four file "$d/a"
start_leg five file "$d/b"
generation=$(dump .generation log)
refused "${leg_uri[one]}" "source=0@$generation" "source=1@$generation" -- \
  "${leg_uri[four]}" "${leg_uri[five]}" log=disk:log $without
start_mirror "${leg_uri[four]}" "${leg_uri[five]}" log=disk:log \
  source=0@"$generation" quarantine=1 $without
wait_mirror
stop_mirror
legs_equal a b

# --- with records, which say it whatever the URIs are
rm -f ./*
leg_file 16 a b
start_leg six file "$d/a"
start_leg seven file "$d/b"
start_mirror "${leg_uri[six]}" "${leg_uri[seven]}" log=disk:log
write_pattern 1 0 16M
stop_mirror
kill_leg six
kill_leg seven
start_leg eight file "$d/a"
start_leg nine file "$d/b"
start_mirror "${leg_uri[nine]}" "${leg_uri[eight]}" log=disk:log
expect 'looked at, records' "$(looked_at)" 0
expect 'state, records' "$(json .mirror.state)" in-sync
stop_mirror
legs_equal a b
