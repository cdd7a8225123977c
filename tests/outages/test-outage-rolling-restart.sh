#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The servers of all legs, the log server and the mirror are told to end and
# started again, one after the other, under load: no client that connects again
# sees an error, and all data are right.
#
#   tests/outages/test-outage-rolling-restart.sh [--kill] [--qemu] [--rounds N]
#                                          [--rate N]
#
# --kill: they are killed.  --qemu: the load goes through qemu's NBD client.
# --rate: requests a second; 0: as many as can be.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"

signal=TERM
through=
rounds=1
rate=300
while [ $# -gt 0 ]; do
  case $1 in
    --kill) signal=KILL ;;
    --qemu) through=qemu ;;
    --rounds) rounds=$2; shift ;;
    --rate) rate=$2; shift ;;
    *) fail "unknown option $1" ;;
  esac
  shift
done
requires_mirror
requires_tool jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
leg_file 64 "$tmp/a" "$tmp/b"

serve ()
{
  start_leg "$1" file "$tmp/$1"
}

start ()
{
  start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=userspace:"$logd_sock/disk" \
    region-size=64K quarantine=1
}

# end PID: it has been told to; or not.
end ()
{
  signal "$signal" "$1"
  wait_for "$deadline" not running "$1"
  reap "$1" || true
}

# A client without an answer for longer than that has an error.
patience=60

start_qemu ()
{
  requires_tool qemu-storage-daemon
  background qemu qemu-storage-daemon --pidfile "$tmp/qemu.pid" \
    --blockdev driver=nbd,node-name=disk,server.type=unix,server.path="$sock",reconnect-delay=$patience \
    --nbd-server addr.type=unix,addr.path="$tmp/qemu.sock" \
    --export type=nbd,id=e,node-name=disk,name=,writable=on
  wait_server qemu $! || fail 'qemu-storage-daemon did not start'
  client_uri="nbd+unix:///?socket=$tmp/qemu.sock"
}

writes ()
{
  json '[.legs[].writes] | max'
}

goes_on ()
{
  running "$load" || fail 'the load has ended'
  wait_for "$deadline" more_than $(($(writes) + 50)) writes
}


serve a
serve b
start_logd --lease 3
start
wait_mirror
client_uri=$uri
[ -z "$through" ] || start_qemu
background load "$check" load --clients 2 --rate "$rate" \
  --reconnect $patience \
  --report "$tmp/report" "$tmp/state" "$client_uri"
load=$!
goes_on

for ((i = 0; i < rounds; i++)); do
  for leg in a b; do
    lost=$(lost "${leg_uri[$leg]}")
    end "${leg_pid[$leg]}"
    serve "$leg"
    wait_for "$deadline" more_than "$lost" lost "${leg_uri[$leg]}"
    wait_for "$deadline" in_sync_again a b
    goes_on
  done
  end "$logd_pid"
  start_logd --lease 3
  wait_for "$deadline" json_is .log.state ok
  goes_on
  end "$mirror_pid"
  start
  wait_for "$deadline" in_sync_again a b
  goes_on
done

kill -TERM "$load"
wait_for "$deadline" not running "$load"
reap "$load" || fail 'a client saw an error, or wrong data'
cat "$tmp/report"
"$check" verify --live "$tmp/state" "$client_uri"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
"$check" verify "$tmp/state" "$tmp/a" "$tmp/b"
