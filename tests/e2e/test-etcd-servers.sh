#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Two log servers on one etcd: who asks the wrong one finds the right one, the
# log of one that is killed is the other's, with all that was marked, and what
# is deleted leaves nothing.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/etcd.sh"
requires_mirror
requires_etcd
requires nbdsh -c pass

truncate -s 16M "$tmp/leg0" "$tmp/leg1"
start_etcd 1
start_server a
start_server b
a=${server_at[a]} b=${server_at[b]}
start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:"$a,$b/vm1" \
  region-size=65536
served_by vm1 a || fail 'the first one of the list does not serve it'

# --- the wrong one
shown ()
{
  [ "$("$tool" log show --json "$b/vm1" |
       jq -rc '[.server, .owner_state]')" = "[\"$a\",\"connected\"]" ]
}
wait_for "$deadline" shown
"$tool" log list --json "$b" >"$tmp/list"
expect 'the log in the list of the other one' \
  "$(jq -r '.logs[0] | .name + " " + .state' "$tmp/list")" 'vm1 ok'
"$tool" log list --json "$a,$b,$etcd_host:9" >"$tmp/list"
expect 'who was asked' "$(jq -rc '[.servers[].state]' "$tmp/list")" \
  '["answered","not-asked","not-asked"]'
"$tool" log list --json "$etcd_host:9,$b" >"$tmp/list" 2>"$tmp/list.err"
expect 'who is away' "$(jq -rc '[.servers[].state]' "$tmp/list")" \
  '["away","answered","answered"]'
curl -s --unix-socket "$tmp/a.status" http://localhost/status >"$tmp/status"
expect 'the lease' "$(jq -r .server.etcd.lease "$tmp/status")" valid
curl -s --unix-socket "$tmp/a.status" http://localhost/metrics >"$tmp/metrics"
grep -q '^nbdmirror_logd_etcd_lease_left_seconds [0-9]' "$tmp/metrics" ||
  fail 'no metric of the lease'

expect 'the servers, says the mirror' \
  "$(json '[.log.servers[].state] | join (" ")')" 'connected not-asked'

# --- the right one is killed
nbdsh -u "$uri" -c '
import os, signal, time
h.pwrite (b"1" * 4096, 0)
os.kill ('"${server_pid[a]}"', signal.SIGKILL)
h.pwrite (b"2" * 4096, 1 << 20)
began = time.monotonic ()
h.pwrite (b"3" * 4096, 2 << 20)
took = time.monotonic () - began
assert took < 8, took
'
reap "${server_pid[a]}" || true
wait_for "$deadline" served_by vm1 b
[ "$("$tool" log show --json "$b/vm1" | jq .dirty_regions)" -le 3 ] ||
  fail 'more is marked than was written'
expect 'the mirror' "$(json .mirror.state)" in-sync

expect 'the servers then' \
  "$(json '[.log.servers[].state] | join (" ")')" 'away connected'

# --- and comes back, and the other one ends: it gives up what it has
start_server a
kill -TERM "${server_pid[b]}"
reap "${server_pid[b]}" || fail 'the server did not end well'
write_pattern 4 3M 4k
wait_for "$deadline" served_by vm1 a
stop_mirror
legs_equal "$tmp/leg0" "$tmp/leg1"

# --- the end
expect 'the log' "$("$tool" log list --json "$a" |
  jq -rc '.logs[0] | [.state, .owner_state]')" '["closed","free"]'
"$tool" log delete "$a/vm1"
gone ()
{
  [ -z "$(etcd_get --prefix --keys-only nbdmirror/)" ]
}
wait_for "$deadline" gone
