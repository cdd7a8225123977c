#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The power is back: 200 clients come at once to a server over etcd, and nobody
# waits in vain.  What they write many times does not make the database grow
# without end, if etcd compacts it as the page says.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/etcd.sh"
requires_mirror
requires_etcd

nr=200
etcd_options=(--auto-compaction-mode periodic --auto-compaction-retention 1s)
server_options=(--lease 10 --socket "$tmp/a.sock")
etcd_lease=20 # on a busy machine, too, no request is given up for it
start_etcd 1
start_server a
many ()
{
  rm -f "$tmp/ready"
  timeout -s KILL 60 "$top_srcdir/tests/e2e/light-clients" many \
    "$tmp/a.sock" "$1" "$2" "$tmp/ready" /dev/null || fail 'clients gave up'
}

began=$(date +%s%N)
many $nr 1
echo "$nr clients: $((($(date +%s%N) - began) / 1000000)) ms"
server_says a 'no lease' && fail 'the lease was lost'
expect 'logs' "$("$tool" log list --json "$tmp/a.sock" | jq '.logs | length')" \
  $nr
curl -s --unix-socket "$tmp/a.status" http://localhost/status >"$tmp/status"
expect 'requests that failed' "$(jq .server.etcd.failures "$tmp/status")" 0

# --- the same log again and again
in_use ()
{
  ETCDCTL_API=3 etcdctl --endpoints "$etcd_members" endpoint status -w json |
    jq '.[0].Status.dbSizeInUse'
}
many 1 300
first=$(in_use)
smaller ()
{
  [ "$(in_use)" -lt "$first" ]
}
wait_for "$deadline" smaller
