#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The TCP connections to a leg and to the log server end under load: reset, in
# good order, or silent when the leg is to be opened again.  A leg fails by it,
# however soon its server can be reached again, and comes back by itself; the
# log server's clients just connect again.  No client of the mirror sees it,
# and status is answered meanwhile.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check

# start_proxy NAME SOCKET: its process is in ${proxy[NAME]}, its port in
# ${port[NAME]}.
declare -A proxy port
start_proxy ()
{
  background "proxy-$1" "$top_srcdir/tests/e2e/tcp-proxy" "$tmp/port-$1" "$2"
  proxy[$1]=$!
  wait_for "$deadline" test -s "$tmp/port-$1"
  port[$1]=$(<"$tmp/port-$1")
}

truncate -s 32M "$tmp/a" "$tmp/b"
start_leg b file "$tmp/b"
start_logd
start_proxy leg "${leg_sock[b]}"
start_proxy log "$logd_sock"
leg=nbd://127.0.0.1:${port[leg]}
start_mirror "$tmp/a" "$leg" log=userspace:127.0.0.1:"${port[log]}"/the \
  region-size=64K leg-timeout=2 quarantine=1
wait_mirror
background load "$check" load --rate 1500 --blocks 500 "$tmp/state" "$uri"
load=$!

goes_on ()
{
  wait_more 500 '.legs[0].writes'
}

# log_ends SIGNAL: the log's server is lost and found.
log_ends ()
{
  local before
  before=$(times_said 'connected again')
  kill -"$1" "${proxy[log]}"
  goes_on
  wait_for "$deadline" more_than "$before" times_said 'connected again'
  wait_for "$deadline" json_is .log.state ok
}

lost_because ()
{
  grep -c "leg $leg: failed, the mirror goes on without it: $1" \
    "$tmp/mirror.log" || true
}

# ends SIGNAL WHY: the leg fails and comes back.
ends ()
{
  local before
  before=$(lost_because "$2")
  goes_on
  kill -"$1" "${proxy[leg]}"
  wait_for "$deadline" more_than "$before" lost_because "$2"
  goes_on
  wait_for "$deadline" in_sync_again b
}

# --- the leg
ends USR1 'connection lost: .*Connection reset by peer'
ends USR2 'connection lost: '
# ...its server ends well
goes_on
kill_leg b TERM
wait_for "$deadline" json_is '.legs[1].state' failed
goes_on
start_leg b file "$tmp/b"
wait_mirror

# ...it is lost, and silent when it is opened: the first try takes 2 s
kill -HUP "${proxy[leg]}"
wait_for "$deadline" json_is '.legs[1].state' failed
for _ in 1 2 3; do
  goes_on
  timeout -s KILL 1 "$tool" status --json "$control" >"$tmp/status" ||
    [ $? -eq 1 ] || fail 'status waits for a leg that is being opened'
done
wait_for "$deadline" \
  eval "json '.legs[1].last_error' | grep -q 'connect: no answer for 2 s'"
kill -USR1 "${proxy[leg]}"
wait_for "$deadline" in_sync_again b

# --- the log server
log_ends USR1
log_ends USR2
kill -TERM "$load"
reap "$load" || fail 'the load saw an error'
wait_mirror

# --- the end, while the leg is being opened
kill -HUP "${proxy[leg]}"
# If all is clean nobody else asks the leg for anything.
qemu-io -f raw "$uri" -c flush >"$tmp/qemu-io.log"
wait_for "$deadline" json_is '.legs[1].state' failed
stop_mirror 10
"$check" verify "$tmp/state" "$tmp/a"

kill -USR1 "${proxy[leg]}"
start_mirror "$tmp/a" "$leg" log=userspace:127.0.0.1:"${port[log]}"/the \
  quarantine=1
wait_for "$deadline" in_sync_again b
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
"$check" verify "$tmp/state" "$tmp/a" "$tmp/b"
