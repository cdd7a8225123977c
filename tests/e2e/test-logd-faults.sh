#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The way to the log server breaks in every way: it is stopped for less and
# for more than the lease, packets are dropped silently, connections are
# reset.  Shorter than the lease: no client sees anything.  Longer: requests
# wait, or end in EIO after log-timeout, and all is well afterwards.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
truncate -s 512M "$tmp/leg0" "$tmp/leg1"
netns server 10.78.0.1
netns mirror 10.78.0.2
in_netns=(ip netns exec "${netns[server]}")
start_logd --listen 10.78.0.1 --insecure --lease 3
in_netns=(ip netns exec "${netns[mirror]}")
start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:10.78.0.1/disk \
  region-size=64K log-timeout=12
wait_mirror

# To more regions than may be marked at a time, so that there are new marks
# all the time, however fast it is.
load ()
{
  "$check" load "$@" --blocks 6000 "$tmp/state" "$uri" \
    >"$tmp/load.log" 2>&1 &
  load=$!
  pids+=("$load")
}

load_succeeds ()
{
  kill -TERM "$load"
  wait "$load" || fail "$1: the load saw an error: $(cat "$tmp/load.log")"
  "$check" verify "$tmp/state" "$uri" "$tmp/leg0" "$tmp/leg1"
}

connected_and_marking ()
{
  marks=$(json .log.marks)
  wait_for "$deadline" json_is .log.state ok
  wait_for "$deadline" more_than "$marks" json .log.marks
}

link_is ()
{
  ip -n "${netns[server]}" link set dev eth0 "$1"
}

# --- shorter than the lease
load --seed 1
connected_and_marking
kill -STOP "$logd_pid"
sleep 1 # how long the fault lasts
kill -CONT "$logd_pid"
connected_and_marking
link_is down
sleep 1 # how long the fault lasts
link_is up
connected_and_marking
ip netns exec "${netns[server]}" ss -K dport != 0 >"$tmp/ss.log" 2>&1 || true
connected_and_marking
load_succeeds 'a short break'

# --- longer: the mirror says that it serves nothing, and goes on later
for how in stop drop; do
  load --seed 2
  connected_and_marking
  if [ $how = stop ]; then kill -STOP "$logd_pid"; else link_is down; fi
  wait_for "$deadline" json_is .mirror.state failed
  wait_for "$deadline" json_is .log.state disconnected
  if [ $how = stop ]; then kill -CONT "$logd_pid"; else link_is up; fi
  connected_and_marking
  load_succeeds "a break of the lease, then all well ($how)"
done

# --- longer than log-timeout: EIO, in bounded time, reads too
link_is down
wait_for "$deadline" json_is .mirror.state failed
# Not qemu-io, which flushes when it ends, and waits for that as well.
request ()
{
  background "$1" env PATH=/usr/bin:"$PATH" nbdsh -u "$uri" -c "$2"
}
request read 'h.pread (4096, 0)'
read=$!
request write 'h.pwrite (b"x" * 4096, 0)'
write=$!
wait_for 40 not running "$read"
wait_for 40 not running "$write"
reap "$read" && fail 'a read without a lease succeeded'
reap "$write" && fail 'a write without a log server succeeded'
link_is up
wait_for "$deadline" json_is .mirror.state in-sync
qemu-io -f raw "$uri" -c 'write -P 5 8M 4k' -c 'read -P 5 8M 4k' \
  >"$tmp/qemu-io.log"
stop_mirror
legs_equal "$tmp/leg0" "$tmp/leg1"
