#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# An NBD leg behind a network, under load: slow, paused, stopped, killed,
# silently cut off; and an idle one.  No client sees an error or wrong data, none
# waits much longer than leg-timeout; only a slow leg stays in use; and all legs
# are equal in the end.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
netns mirror 10.80.0.1
netns leg 10.80.0.2
far=(ip netns exec "${netns[leg]}")
uri_far=nbd://10.80.0.2

# The leg's server, with filters; its process is in $far_pid.
start_far ()
{
  rm -f "$tmp/far.pid"
  far_words=("$@")
  background far "${far[@]}" nbdkit -f -P "$tmp/far.pid" -p 10809 \
    -i 10.80.0.2 "$@"
  far_pid=$!
  wait_for "$deadline" test -s "$tmp/far.pid"
}

stop_far ()
{
  signal KILL "$far_pid"
  reap "$far_pid" || true
}

# A server that hangs may do so in a flush.
flush_timeout=2

# begin WHAT NBDKIT-ARG...
begin ()
{
  what=$1
  shift
  rm -f "$tmp/log" "$tmp/state" "$tmp/a" "$tmp/b"
  truncate -s 32M "$tmp/a" "$tmp/b"
  start_far "$@"
  in_netns=(ip netns exec "${netns[mirror]}")
  start_mirror "$uri_far" "$tmp/a" log=disk:"$tmp/log" region-size=64K \
    leg-timeout=2 flush-timeout=$flush_timeout quarantine=1
  in_netns=()
  wait_mirror
  background load "$check" load --rate 1500 --blocks 500 "$tmp/state" "$uri"
  load=$!
  goes_on
}

# The load makes progress, so requests that the fault held up have ended.
goes_on ()
{
  wait_more 200 '.legs[1].writes' 12
}

# The leg may be back before anybody looks, but not what was said.
fails_with ()
{
  wait_for 12 more_than 0 lost "$uri_far"
  goes_on
  grep -Eq "leg $uri_far: failed, .*: $1" "$tmp/mirror.log" ||
    fail "$what: no message \"$1\""
  [ "$(json '.legs[0].last_error')" != '' ] || fail "$what: no last_error"
  : >"$tmp/mirror.log"
}

end ()
{
  kill -TERM "$load"
  reap "$load" || fail "$what: the load saw an error"
  stop_mirror
  "$check" verify "$tmp/state" "$tmp/a"
}

far_in_sync ()
{
  # nbdkit before 1.34 may abort when a client is gone while it answers.
  running "$far_pid" || start_far "${far_words[@]}"
  json_is .mirror.state in-sync
}

# end_equal [NBDKIT-ARG...]: all is well again, by itself, or with a new start of
# the mirror, and of the leg's server with these words.
end_equal ()
{
  end
  if [ $# -gt 0 ]; then
    stop_far
    start_far "$@"
  fi
  in_netns=(ip netns exec "${netns[mirror]}")
  start_mirror "$uri_far" "$tmp/a" log=disk:"$tmp/log" leg-timeout=2 \
    quarantine=1
  in_netns=()
  wait_for "$deadline" far_in_sync
  stop_mirror
  "$check" verify "$tmp/state" "$tmp/a" "$tmp/b"
  legs_equal "$tmp/a" "$tmp/b"
  stop_far
}

link_is ()
{
  ip -n "${netns[leg]}" link set dev eth0 "$1"
}

# --- slow, but not dead: it stays, and is hardly read
begin 'a slow leg' --filter=delay file "$tmp/b" delay-read=100ms \
  delay-write=20ms
wait_for 60 more_than 300 json '.legs[1].reads'
expect "$what" "$(json '.legs[0].state')" in-sync
slow=$(json '.legs[0].reads')
fast=$(json '.legs[1].reads')
echo "$what: $slow reads, the other one $fast"
[ "$((slow * 4))" -lt "$fast" ] || fail "$what: $slow reads of $fast"
end_equal file "$tmp/b"

# --- it does not answer, in two ways
silent='no answer (to a flush )?for 2 s'
begin 'a paused leg' --filter=pause file "$tmp/b" pause-control="$tmp/pause"
pause ()
{
  python3 -c "
import socket, sys
s = socket.socket (socket.AF_UNIX)
s.connect ('$tmp/pause')
s.send (b'$1')
s.recv (1)"
}
pause p
fails_with "$silent"
pause r
end_equal

begin 'a stopped leg' file "$tmp/b"
kill -STOP "$far_pid"
fails_with "$silent"
stop_far
start_far file "$tmp/b"
end_equal

# --- the connection goes
begin 'a leg whose server is killed' file "$tmp/b"
stop_far
fails_with 'connection lost'
start_far file "$tmp/b"
end_equal

# Of a host that is gone nobody waits for a flush.
flush_timeout=60
begin 'a leg that is cut off' file "$tmp/b"
link_is down
fails_with 'no answer for 2 s'
link_is up
end_equal

# --- nobody asks it anything
what='an idle leg that is cut off'
truncate -s 0 "$tmp/a" "$tmp/b"
truncate -s 32M "$tmp/a" "$tmp/b"
rm -f "$tmp/log" "$tmp/a.mirrorleg"
start_far file "$tmp/b"
in_netns=(ip netns exec "${netns[mirror]}")
start_mirror "$uri_far" "$tmp/a" log=disk:"$tmp/log" leg-timeout=2
in_netns=()
wait_mirror
link_is down
wait_for 12 more_than 0 lost "$uri_far"
link_is up
stop_mirror
