#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A change on its way to etcd is held up until another server has the log and
# has changed it: etcd refuses it.  With a server that does not compare it is
# made, and undoes marks, so the test sees what it is about.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/etcd.sh"
requires_mirror
requires_etcd
requires nbdsh -c pass

unguarded=$top_builddir/tests/e2e/logd-unguarded
truncate -s 16M "$tmp/leg0" "$tmp/leg1"
start_etcd 1
start_server b

all_of_log ()
{
  etcd_get --prefix "nbdmirror/$1/b/" | cksum
}

proxy_listens ()
{
  etcd_is_healthy "$etcd_host:3379"
}

# late NAME PROGRAM: server NAME behind a proxy that stands still for a while;
# what the log is before and after what was late is in $before and $after.
late ()
{
  local log=log-$1 proxy

  background "proxy-$1" "$top_srcdir/tests/e2e/tcp-forward" \
    "$etcd_host:3379" "$etcd_host:2379"
  proxy=$!
  wait_for "$deadline" proxy_listens
  server_program=$2 server_etcd=$etcd_host:3379 start_server "$1"
  mirror=mirror-$1
  start_mirror "$tmp/leg0" "$tmp/leg1" region-size=65536 sync=none \
    log=userspace:"${server_at[$1]},${server_at[b]}/$log"
  served_by "$log" "$1" || fail "$1 does not serve the log"
  signal STOP "$proxy"
  write_pattern 1 1M 4k # until the other one has the log
  served_by "$log" b || fail 'the other server does not serve the log'
  nbdsh -u "$uri" -c 'for i in range (4, 12): h.pwrite (b"x" * 512, i << 20)'
  # Nothing more is marked, nor cleared.
  signal STOP "$mirror_pid"
  signal STOP "${server_pid[b]}"
  before=$(all_of_log "$log")
  signal CONT "$proxy"
  wait_for "$deadline" "$3" "$1" "$log"
  after=$(all_of_log "$log")
  signal CONT "${server_pid[b]}"
  signal CONT "$mirror_pid"
  kill_mirror
  kill_server "$1"
  kill -KILL "$proxy"
  reap "$proxy" || true
}

lost ()
{
  server_says "$1" "$2: not ours any more"
}
late a "$logd" lost
expect 'the log after a change that came late' "$after" "$before"

changed ()
{
  [ "$(all_of_log "$2")" != "$before" ]
}
late c "$unguarded" changed
