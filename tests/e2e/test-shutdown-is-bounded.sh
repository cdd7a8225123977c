#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# SIGTERM ends the server within leg-timeout + 5 s, whatever hangs: clients
# that are stopped, do not read, or are cut off; legs that are stopped or cut
# off, with and without requests under way; a log server that is stopped.  As
# long as a leg and the log are there, the log is clean.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
bound=7000 # milliseconds, for leg-timeout=2
netns near 10.79.0.1
netns far 10.79.0.2
near=(ip netns exec "${netns[near]}")
far=(ip netns exec "${netns[far]}")

# --- what there is

legs_of ()
{
  rm -f "$tmp"/leg-*.img* "$tmp/state"
  leg_file 32 "$tmp/leg-a.img" "$tmp/leg-b.img"
  truncate -s 32M "$tmp/leg-c.img"
  start_leg a file "$tmp/leg-a.img"
  start_leg b file "$tmp/leg-b.img"
}

# Three legs: a file, and two NBD servers, a and b.
begin ()
{
  what=$1
  log=disk:$tmp/log
  rm -f "$tmp/log"
  legs_of
  serve
}

serve ()
{
  start_mirror "$tmp/leg-c.img" "${leg_uri[a]}" "${leg_uri[b]}" log="$log" \
    region-size=64K leg-timeout=2
  wait_mirror
}

# A load on the mirror; it ends, with an error or without, when that does.
load ()
{
  background load "$@" "$check" load --blocks 500 "$tmp/state" "$uri"
  load=$!
  wait_more 200 '.legs[0].writes'
}

# client PYTHON: one that is ready when it has made $tmp/ready.
client ()
{
  rm -f "$tmp/ready"
  background client "${far[@]}" env PATH=/usr/bin:"$PATH" nbdsh -u "$uri" -c "
import time
h.pwrite (b'x' * 65536, 1048576)
$1
open ('$tmp/ready', 'w').close ()
time.sleep (1000)
"
  client=$!
  wait_for "$deadline" test -e "$tmp/ready"
}

leg_is ()
{
  kill -"$1" "${leg_pid[$2]}"
}

# --- what is expected

ends ()
{
  local begin=$EPOCHREALTIME took
  stop_mirror "$deadline"
  took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
  echo "$what: $took ms"
  [ "$took" -le "$bound" ] || fail "$what: it took $took ms"
}

gone ()
{
  local pid
  for pid; do
    signal KILL "$pid"
    reap "$pid" || true
  done
}

clean ()
{
  expect "$what: clean" "$(dump .clean "$tmp/log")" true
  expect "$what: marked" "$(dump .marked.count "$tmp/log")" 0
}

# Nobody copies anything if all legs were there to the end.
legs_are_equal ()
{
  legs_equal "$tmp/leg-c.img" "$tmp/leg-a.img"
  legs_equal "$tmp/leg-c.img" "$tmp/leg-b.img"
}

legs_gone ()
{
  gone "${leg_pid[a]}" "${leg_pid[b]}"
}

# --- clients

begin 'an idle client'
client ''
ends
clean
gone "$client"
legs_are_equal
legs_gone

begin 'busy clients'
load
ends
clean
wait_for "$deadline" not running "$load"
reap "$load" || true
legs_are_equal
legs_gone

begin 'a stopped client'
load
kill -STOP "$load"
ends
clean
gone "$load"
legs_are_equal
legs_gone

begin 'a client that does not read'
client "
bufs = [nbd.Buffer (1 << 25) for i in range (4)]
for b in bufs: h.aio_pread (b, 0)
while h.aio_get_direction () & nbd.AIO_DIRECTION_WRITE: h.poll (1)"
ends
clean
gone "$client"
legs_gone

what='a client that is cut off'
mirror_options=(-p 10809)
in_netns=("${near[@]}")
legs_of
log=disk:$tmp/log
rm -f "$tmp/log"
serve
uri=nbd://10.79.0.1
load "${far[@]}"
ip -n "${netns[far]}" link set dev eth0 down
ends
clean
ip -n "${netns[far]}" link set dev eth0 up
gone "$load"
legs_are_equal
legs_gone
mirror_options=()

# --- legs

begin 'a stopped leg'
write_pattern 1 0 64k
leg_is STOP a
ends
clean
legs_gone

begin 'a stopped leg with requests under way'
load
leg_is STOP a
ends
clean
gone "$load"
"$check" verify "$tmp/state" "$tmp/leg-c.img"
legs_gone

begin 'two stopped legs'
load
leg_is STOP a
leg_is STOP b
ends
clean
gone "$load"
"$check" verify "$tmp/state" "$tmp/leg-c.img"
legs_gone

what='a leg that is cut off'
legs_of
in_netns=("${far[@]}")
gone "${leg_pid[a]}"
background leg-far "${far[@]}" nbdkit -f -p 10809 -i 10.79.0.2 \
  file "$tmp/leg-a.img"
leg_pid[a]=$!
leg_uri[a]=nbd://10.79.0.2
in_netns=("${near[@]}")
wait_for "$deadline" "${near[@]}" nbdinfo --size "${leg_uri[a]}"
rm -f "$tmp/log"
serve
load
ip -n "${netns[far]}" link set dev eth0 down
ends
clean
ip -n "${netns[far]}" link set dev eth0 up
gone "$load"
"$check" verify "$tmp/state" "$tmp/leg-c.img"
legs_gone

what='all legs stopped'
legs_of
rm -f "$tmp/log"
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" \
  region-size=64K leg-timeout=2
wait_mirror
load
leg_is STOP a
leg_is STOP b
ends
gone "$load"
legs_gone
start_leg a file "$tmp/leg-a.img"
start_leg b file "$tmp/leg-b.img"
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" quarantine=1
wait_mirror
"$check" verify "$tmp/state" "$uri"
stop_mirror
legs_equal "$tmp/leg-a.img" "$tmp/leg-b.img"
legs_gone

# --- the log

what='a stopped log server'
start_logd --lease 3
legs_of
log=userspace:$logd_sock/disk
serve
load
kill -STOP "$logd_pid"
ends
gone "$load"
kill -CONT "$logd_pid"
legs_gone

# A client that never says what it wants does not count as one.
what='a takeover of the log'
legs_of
log=userspace:$logd_sock/asked
serve
background silent env PATH=/usr/bin:"$PATH" python3 -c "
import socket, time
s = socket.socket (socket.AF_UNIX)
s.connect ('$sock')
s.recv (8)
open ('$tmp/silent', 'w').close ()
time.sleep (1000)
"
silent=$!
wait_for "$deadline" test -e "$tmp/silent"
"$tool" log takeover "$logd_sock/asked" || fail "$what: status $?"
wait_for 7 not running "$mirror_pid"
reap "$mirror_pid" || fail "$what: the mirror ended with status $?"
gone "$silent"
legs_gone

what='a stopped log server, a stopped leg, a stopped client'
legs_of
log=userspace:$logd_sock/worse
serve
load
leg_is STOP a
kill -STOP "$logd_pid"
kill -STOP "$load"
ends
gone "$load"
kill -CONT "$logd_pid"
legs_gone
