#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# source=N@G and sync=force were given once and stay in the unit file, over
# restarts and crashes: the leg that is stale never wins.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 16M a b
start_mirror a b log=disk:log
wait_mirror
write_pattern 1 0 16M
stop_mirror
start_mirror a missing log=disk:log
write_pattern 2 1M 64k
stop_mirror

# The words for leg 1, which is stale; but leg 0 is back before the start.
generation=$(dump .generation log)
words=(source=1@"$generation")
mv a a.away
refused "${words[0]}" -- a b log=disk:log
mv a.away a

# At this generation nothing changes who is in-sync, and leg 1 stays stale.
start_mirror a missing log=disk:log source=0@"$generation"
said 'not needed, ignored'
write_pattern 3 2M 64k
stop_mirror
start_mirror a b log=disk:log resync-rate=4K "${words[@]}"
kill_mirror
mv a a.away
refused "$d/a" "source=1@" -- a b log=disk:log "${words[@]}"
mv a.away a

# The next generations' words, given too early, do not come true either.
later=$(($(dump .generation log) + 3))
start_mirror a b log=disk:log source=1@$later
[ "$(dump .generation log)" -gt "$later" ] ||
  fail "the log is not past generation $later"
kill_mirror

words+=(sync=force)
for round in 1 2 3 4 5; do
  start_mirror a b log=disk:log resync-rate=4K "${words[@]}"
  qemu-io -f raw "$uri" -c 'read -P 2 1M 64k' -c 'read -P 3 2M 64k' \
    -c "write -P $((10 + round)) 8M 64k" >>"$tmp/qemu-io.log"
  kill_mirror
  expect "primary, round $round" \
    "$(dump '.legs[] | select(.primary) | .name' log)" "$d/a"
  expect "state of leg 0, round $round" "$(dump '.legs[0].state' log)" in-sync
  expect "state of leg 1, round $round" "$(dump '.legs[1].state' log)" stale
  mv a a.away
  refused "$d/a" 'source=1@' -- a b log=disk:log "${words[@]}"
  mv a.away a
done

start_mirror a b log=disk:log "${words[@]}"
wait_mirror
qemu-io -f raw "$uri" -c 'read -P 2 1M 64k' -c 'read -P 15 8M 64k' \
  >>"$tmp/qemu-io.log"
stop_mirror
legs_equal a b

# A foreign disk under the name of leg 1.
mv b b.good
head -c 16M /dev/urandom >b
sync b
refused "$d/b: is not the leg that the log $d/log knows" -- \
  a b log=disk:log "${words[@]}"
