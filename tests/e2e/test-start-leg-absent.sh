#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# With one leg absent the mirror serves degraded; when the leg is back only
# what it missed is copied.  Without any leg that is in-sync the start is
# refused, with the words that override it.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 32M a b
start_mirror a b log=disk:log region-size=64K
write_pattern 1 0 32M
stop_mirror

# --- leg 1 is absent, by name or not named
for how in absent missing unnamed; do
  mv b b.away
  case $how in
    absent) legs=(a b) ;;
    missing) legs=(a missing) ;;
    unnamed) legs=(a) ;;
  esac
  planned 0 'absent' 'would serve' -- "${legs[@]}" log=disk:log
  start_mirror "${legs[@]}" log=disk:log
  expect "state, $how" "$(json .mirror.state)" degraded
  expect "legs, $how" "$(json '.legs | length')" 2
  write_pattern 2 1M 128k
  qemu-io -f raw "$uri" -c 'write -P 3 4100k 4k' -c 'write -P 4 20M 4k' \
    >>"$tmp/qemu-io.log"
  stop_mirror
  mv b.away b
  expect "missed, $how" \
    "$(dump '.legs[] | select(.name|endswith("/b")) | .missed.count' log)" 4
  planned 0 'resync' 'would serve' -- a b log=disk:log
  start_mirror a b log=disk:log
  wait_mirror
  expect "bytes looked at, $how" "$(looked_at)" $((4 * 65536))
  [ "$(json .resync.copied_bytes)" -le $((4 * 65536)) ] || fail 'copied more'
  stop_mirror
  legs_equal a b
  start_mirror a b log=disk:log
  expect "copied later, $how" "$(json .resync.copied_bytes)" 0
  write_pattern 1 1M 20M
  stop_mirror
done

# --- the first leg is absent: the other one is the source
mv a a.away
start_mirror a b log=disk:log
expect 'state without leg 0' "$(json .mirror.state)" degraded
write_pattern 5 2M 64k
stop_mirror
mv a.away a

# --- and now the in-sync one is absent
mv b b.away
generation=$(dump .generation log)
refused "$d/b" "source=0@$generation" -- a b log=disk:log
planned 1 "source=0@$generation" 'would refuse' -- a b log=disk:log
# An override for another generation does not count.
refused "source=0@$generation" -- \
  a b log=disk:log source=0@$((generation + 7))
planned 0 "leg $d/a: source" -- a b log=disk:log source=0@"$generation"
start_mirror a b log=disk:log source=0@"$generation"
expect 'state with an override' "$(json .mirror.state)" degraded
qemu-io -f raw "$uri" -c 'read -P 1 2M 64k' -c 'write -P 6 3M 64k' \
  >>"$tmp/qemu-io.log"
stop_mirror
[ "$(dump .generation log)" -gt "$generation" ] || fail 'same generation'

# The override may stay in a unit file.  Leg 1 is back, with a history of its
# own since it was absent: what either has written is copied.
mv b.away b
start_mirror a b log=disk:log source=0@"$generation"
said 'ignored'
wait_mirror
qemu-io -f raw "$uri" -c 'read -P 1 2M 64k' -c 'read -P 6 3M 64k' \
  >>"$tmp/qemu-io.log"
[ "$(json .resync.copied_bytes)" -le $((4 << 20)) ] ||
  fail "copied $(json .resync.copied_bytes)"
stop_mirror
legs_equal a b
