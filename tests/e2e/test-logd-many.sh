#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A log server with 200 logs, each with a client, while real mirrors use it,
# too; ten thousand damaged frames beside them; and a log of 4 Mi regions,
# whose mirror is killed: only what is marked is copied.  Nobody is disturbed,
# and the memory of the server stays bounded.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

light=$top_srcdir/tests/e2e/light-clients
nr=200
max_rss=65536 # kB: 200 logs, or one of 4 Mi regions
start_logd --lease 5

rss ()
{
  sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$logd_pid/status"
}

rss_bounded ()
{
  local now
  now=$(rss)
  echo "the server has $now kB, $1"
  [ "$now" -le "$max_rss" ] || fail "the server has $now kB, $1"
}

# --- many
background many "$light" many "$logd_sock" $nr 20 "$tmp/ready" "$tmp/go"
many=$!
for mirror in one two three; do
  truncate -s 16M "$tmp/$mirror.0" "$tmp/$mirror.1"
  start_mirror "$tmp/$mirror.0" "$tmp/$mirror.1" \
    log=userspace:"$logd_sock/$mirror" region-size=64K
  write_pattern 7 0 1M
done
ready ()
{
  [ -e "$tmp/ready" ] || not running "$many"
}
wait_for 60 ready
running "$many" || fail 'the light clients gave up'
"$tool" log list --json "$logd_sock" >"$tmp/list"
expect 'logs' "$(jq '.logs | length' "$tmp/list")" $((nr + 3))
expect 'logs with an owner that is there' \
  "$(jq '[.logs[] | select (.owner_state == "connected" and .epoch == 1)]
         | length' "$tmp/list")" $((nr + 3))
rss_bounded "with $nr logs and clients"

# --- damaged frames beside them
timeout -s KILL 60 "$light" damage "$logd_sock" 10000 "$$" >"$tmp/damage.log" \
  2>&1 || fail 'the server does not bear damaged frames'
cat "$tmp/damage.log"
for mirror in one two three; do
  control=$tmp/$mirror.control
  uri="nbd+unix:///?socket=$tmp/$mirror.sock"
  write_pattern 8 1M 1M
  json_is .log.state ok || fail "mirror $mirror lost the server"
done
rss_bounded 'after ten thousand damaged frames'
touch "$tmp/go"
wait_for 60 not running "$many"
reap "$many" || fail 'the light clients saw an error'
for mirror in one two three; do
  stop_mirror
  legs_equal "$tmp/$mirror.0" "$tmp/$mirror.1"
  expect "marked, $mirror" "$(dump .marked.count "$tmp/logs/$mirror.log")" 0
done
marked=$(for ((i = 0; i < nr; i++)); do
  "$tool" dump --json "$tmp/logs/light$i.log"
done | jq -s 'map (.marked.count) | add')
expect 'marks of the light clients' "$marked" "$(cat "$tmp/many.log")"

# --- large
mirror=large
size=$((256 << 30))
truncate -s $size "$tmp/large.0" "$tmp/large.1"
begin=$SECONDS
start ()
{
  start_mirror "$tmp/large.0" "$tmp/large.1" \
    log=userspace:"$logd_sock/large" "$@"
}
start region-size=64K
expect 'regions' "$(json .mirror.regions)" $((4 << 20))
nbdsh -u "$uri" -c "
import random
random.seed (1)
for i in range (300):
  h.pwrite (b'x' * 4096, random.randrange ($size >> 16) << 16)
"
kill_mirror
marked=$(dump .marked.count "$tmp/logs/large.log")
[ "$marked" -ge 100 ] || fail "only $marked regions are marked"
start
wait_mirror
took=$((SECONDS - begin))
echo "4 Mi regions: made, $marked marked, killed, resynced in $took s"
[ "$took" -le 30 ] || fail "a log of 4 Mi regions took $took s"
expect 'bytes looked at by the resync' "$(looked_at)" $((marked << 16))
rss_bounded 'with a log of 4 Mi regions'
stop_mirror
expect 'marked' "$(dump .marked.count "$tmp/logs/large.log")" 0
nbdsh -c "
import random
random.seed (1)
legs = [open ('$tmp/large.%d' % i, 'rb') for i in range (2)]
for i in range (300):
  at = random.randrange ($size >> 16) << 16
  for leg in legs:
    leg.seek (at)
    assert leg.read (4096) == b'x' * 4096, at
"
stop_logd
