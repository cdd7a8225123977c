#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The log server is killed and started again, several times, under load with
# verification: clients see no error, nothing is lost, and the log is right
# after each of it.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool fio jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
region_size=65536
truncate -s 512M "$tmp/leg0" "$tmp/leg1"
start_logd --lease 3
start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:"$logd_sock"/disk \
  region-size=$region_size
wait_mirror

# More regions than may be marked at a time, so that marks and clears are
# always under way.
background load "$check" load --rate 1500 --seed 3 --blocks 6000 "$tmp/state" "$uri"
load=$!
connected ()
{
  json_is .log.state ok
}
for _ in 1 2 3 4; do
  wait_for "$deadline" connected
  wait_more 150 .log.marks
  kill_logd
  wait_for "$deadline" json_is .log.state disconnected
  start_logd --lease 3
done
wait_for "$deadline" connected
wait_more 0 .log.marks
kill -TERM "$load"
reap "$load" || fail "the load saw an error: $(tail -n 3 "$tmp/load.log")"
"$check" verify "$tmp/state" "$uri" "$tmp/leg0" "$tmp/leg1"
legs_equal "$tmp/leg0" "$tmp/leg1"

# The same with fio's own verification, on another mirror.
truncate -s 128M "$tmp/leg2" "$tmp/leg3"
mirror=fio
start_mirror "$tmp/leg2" "$tmp/leg3" log=userspace:"$logd_sock"/fio \
  region-size=$region_size
wait_mirror
fio --name=verify --ioengine=nbd --uri="$uri" --rw=randwrite --bs=4k \
  --iodepth=16 --size=128M --io_size=40M --verify=crc32c --verify_backlog=512 \
  --do_verify=1 --verify_fatal=1 --rate_iops=2000 >"$tmp/fio.log" 2>&1 &
load=$!
pids+=("$load")
marks_or_ended ()
{
  more_than "$marks" json .log.marks || not running "$load"
}
for ((i = 1; i <= 3; i++)); do
  marks=$(json .log.marks)
  wait_for "$deadline" marks_or_ended
  if [ "$i" -gt 1 ] && not running "$load"; then
    break # it was fast
  fi
  kill_logd
  wait_for "$deadline" json_is .log.state disconnected
  start_logd --lease 3
  wait_for "$deadline" connected
done
wait "$load" || fail "fio saw an error: $(tail -n 5 "$tmp/fio.log")"
stop_mirror
legs_equal "$tmp/leg2" "$tmp/leg3"
mirror=mirror
control=$tmp/mirror.control
uri="nbd+unix:///?socket=$tmp/mirror.sock"

# Mirror and log server are killed together: only what is marked is copied.
"$check" load --seconds 30 --seed 4 --kill "${mirror_pids[mirror]}" \
  --kill-after 4000 "$tmp/state" "$uri"
reap "${mirror_pids[mirror]}" || true
kill_logd
marked=$(dump .marked.count "$tmp/logs/disk.log")
start_logd --lease 3
start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:"$logd_sock"/disk
wait_mirror
expect 'bytes looked at by the resync' "$(looked_at)" $((marked * region_size))
"$check" verify "$tmp/state" "$uri" "$tmp/leg0" "$tmp/leg1"
stop_mirror
expect 'the log' "$(dump .marked.count "$tmp/logs/disk.log")" 0
legs_equal "$tmp/leg0" "$tmp/leg1"
