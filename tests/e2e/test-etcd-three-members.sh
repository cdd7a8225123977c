#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Three members of etcd and three log servers, each of them killed, or stopped
# and woken, one after the other, under load with verification: clients see no
# error, and another server has the log within five seconds.  With two members
# away nothing new is stored, and nothing is lost.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/etcd.sh"
requires_mirror
requires_etcd
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
truncate -s 512M "$tmp/leg0" "$tmp/leg1"
etcd_lease=3
start_etcd 3
for name in a b c; do
  start_server "$name"
done
start_mirror "$tmp/leg0" "$tmp/leg1" region-size=65536 \
  log=userspace:"${server_at[a]},${server_at[b]},${server_at[c]}/vm1"
background load "$check" load --rate 1500 --seed 7 --blocks 6000 "$tmp/state" "$uri"
load=$!

# The name of the server that has the log.
serving ()
{
  local name
  for name in a b c; do
    if served_by vm1 "$name"; then
      echo "$name"
      return
    fi
  done
  return 1
}

marks_more_than ()
{
  running "$load" || fail "the load saw an error: $(tail -n 3 "$tmp/load.log")"
  [ "$(json .log.marks)" -gt "$1" ]
}

# The mirror marks, and the log server stores it; within so many seconds.
goes_on ()
{
  local marks
  wait_for "$1" json_is .log.state ok
  marks=$(json .log.marks)
  wait_for "$1" marks_more_than $((marks + 20))
}

another_serves ()
{
  local now
  now=$(serving) && [ "$now" != "$1" ]
}

goes_on "$deadline"

# --- a server is killed
was=$(serving)
began=$(date +%s%N)
kill_server "$was"
wait_for "$deadline" another_serves "$was"
took=$((($(date +%s%N) - began) / 1000000))
goes_on "$deadline"
echo "a server was killed: another one has the log after $took ms"
start_server "$was"

# --- a server is stopped; when it wakes it has lost the log
was=$(serving)
signal STOP "${server_pid[$was]}"
wait_for "$deadline" another_serves "$was"
goes_on "$deadline"
now=$(serving)
signal CONT "${server_pid[$was]}"
wait_for "$deadline" server_says "$was" 'the lease is over'
wait_for "$deadline" server_answers "$was"
goes_on "$deadline"
served_by vm1 "$now" || fail 'the log moved without a reason'

# --- each member is killed, or stopped
leader ()
{
  local i
  for i in 0 1 2; do
    if ETCDCTL_API=3 etcdctl --endpoints "${etcd_member[$i]}" endpoint status \
         -w json 2>/dev/null |
       jq -e '.[0].Status | .leader == .header.member_id' >/dev/null; then
      echo "$i"
      return
    fi
  done
  return 1
}
first=$(leader)
kill_member "$first"
goes_on "$deadline"
run_member "$first"
wait_for "$deadline" etcd_is_healthy "${etcd_member[$first]}"
wait_for "$deadline" leader
second=$(leader)
signal STOP "${etcd_pid[$second]}"
goes_on "$deadline"
signal CONT "${etcd_pid[$second]}"
wait_for "$deadline" etcd_is_healthy "${etcd_member[$second]}"

# --- two of three are away: nothing more is stored
goes_on "$deadline"
kill_member 0
kill_member 1
says_no ()
{
  ! json_is .log.state ok
}
wait_for "$deadline" says_no
run_member 0
run_member 1
goes_on "$deadline"

kill -TERM "$load"
reap "$load" || fail "the load saw an error: $(tail -n 3 "$tmp/load.log")"
"$check" verify "$tmp/state" "$uri" "$tmp/leg0" "$tmp/leg1"

# --- mirror and server die together: only what is marked is copied
"$check" load --seconds 30 --seed 8 --kill "$mirror_pid" --kill-after 2000 \
  "$tmp/state" "$uri"
reap "$mirror_pid" || true
was=$(serving)
kill_server "$was"
start_mirror "$tmp/leg0" "$tmp/leg1" \
  log=userspace:"${server_at[a]},${server_at[b]},${server_at[c]}/vm1"
wait_mirror
[ "$(json '.resync.copied_bytes + .resync.skipped_bytes')" -lt 268435456 ] ||
  fail 'all was copied'
"$check" verify "$tmp/state" "$uri" "$tmp/leg0" "$tmp/leg1"
stop_mirror
legs_equal "$tmp/leg0" "$tmp/leg1"
