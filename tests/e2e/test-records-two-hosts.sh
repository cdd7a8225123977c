#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Two hosts, each a network namespace with a host name of its own, and a third
# one with an export that both have as a leg.  There is no log server: each mirror
# has a log of its own.  The second mirror is refused by the first one's host
# name, and no byte of the first is harmed; when the first was killed the second
# starts.  And a mirror that is paused finds out when it goes on.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq unshare
requires nbdsh -c pass

store=10.78.0.1
limit=15 # seconds, for a refusal or a start
truncate -s 64M "$tmp/leg"
netns store $store
netns hosta 10.78.0.2
netns hostb 10.78.0.3

in_netns=(ip netns exec "${netns[store]}")
background leg "${in_netns[@]}" nbdkit --exit-with-parent \
  -P "$tmp/leg.pid" -i $store -p 10820 file "$tmp/leg"
wait_server leg $! || fail 'the leg did not start'
leg=nbd://$store:10820

# host NAME: the following commands run there, with a mirror of that name.
host ()
{
  mirror=$1
  control=$tmp/$1.control
  uri="nbd+unix:///?socket=$tmp/$1.sock"
  # shellcheck disable=SC2016 # the other shell expands it
  in_netns=(ip netns exec "${netns[$1]}" unshare --uts bash -c
            'hostname "$0" && exec "$@"' "$1")
}

# within SECONDS CMD...: CMD ends in time.
within ()
{
  local end=$((SECONDS + $1))
  shift
  "$@"
  [ "$SECONDS" -le "$end" ] || fail "took longer than $limit seconds: $*"
}

refused_here ()
{
  ! try_start_mirror "$@" || fail "it started: $*"
}

# --- the first one runs
host hosta
start_mirror "$leg" missing log=disk:"$tmp/a.dirty"
write_pattern 1 0 32M
host hostb
within $limit refused_here "$leg" missing log=disk:"$tmp/b.dirty"
said 'in use by another mirror'
said 'on host hosta'
[ ! -e "$tmp/b.dirty" ] || fail 'a log was made'
host hosta
write_pattern 2 1M 1M
qemu-io -f raw "$uri" -c 'read -P 1 0 1M' -c 'read -P 2 1M 1M' \
  -c 'read -P 1 2M 30M' -c 'read -P 0 32M 16M' >"$tmp/qemu-io.out"
expect 'state of the first' "$(json .legs[0].state)" in-sync
expect 'errors of the first' "$(json .legs[0].last_error)" ''

# --- it is killed
kill_mirror
host hostb
within $limit start_mirror "$leg" missing log=disk:"$tmp/b.dirty"
said 'may be in use by process'
qemu-io -f raw "$uri" -c 'read -P 2 1M 1M' >"$tmp/qemu-io.out"

# --- the second one is stopped, is taken for dead, and wakes up
kill -STOP "$mirror_pid"
stopped=$mirror_pid
host hosta
rm "$tmp/a.dirty"
within $limit start_mirror "$leg" missing log=disk:"$tmp/a.dirty"
kill -CONT "$stopped"
host hostb
wait_said 'another mirror writes to it'
said 'on host hosta'
# shellcheck disable=SC2016 # nbdsh expands nothing
nbdsh -u "$uri" -c '
try:
    h.pwrite (b"x" * 512, 0)
    raise SystemExit ("the stopped mirror still writes")
except nbd.Error:
    pass
'
host hosta
qemu-io -f raw "$uri" -c 'read -P 1 0 1M' >"$tmp/qemu-io.out"
expect 'state of the survivor' "$(json .legs[0].state)" in-sync
stop_mirror

# --- a clean end needs no wait
host hostb
kill_mirror
within 3 start_mirror "$leg" missing log=disk:"$tmp/c.dirty"
