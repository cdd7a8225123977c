#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Two hosts, each a network namespace, and a third one with the legs and the
# log.  Host A writes and is killed; host B takes over when A's lease is over,
# copies just what A had marked, and has all that A acknowledged.  Then B is
# paused for longer than its lease, A takes over, and B revived cannot write any
# more, nor read, also not what a client asked for meanwhile.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
lease=3
region_size=65536
store=10.77.0.1
leg_file 64 "$tmp/leg0" "$tmp/leg1"
netns store $store
netns a 10.77.0.2
netns b 10.77.0.3
echo "mirrors:$(head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n')" >"$tmp/psk"

in_netns=(ip netns exec "${netns[store]}")
start_logd --listen $store --tls-psk "$tmp/psk" --lease $lease
for i in 0 1; do
  background "leg$i" "${in_netns[@]}" nbdkit --exit-with-parent \
    -P "$tmp/leg$i.pid" -i $store -p 1082$i file "$tmp/leg$i"
  wait_server "leg$i" $! || fail "leg $i did not start"
done

# start HOST: its mirror, on a Unix socket for clients from here.
start ()
{
  mirror=$1
  in_netns=(ip netns exec "${netns[$1]}")
  start_mirror nbd://$store:10820 nbd://$store:10821 \
    log=userspace:$store/disk log-tls-psk="$tmp/psk" \
    log-tls-username=mirrors region-size=$region_size
}

# host HOST: the following commands mean its mirror.
host ()
{
  mirror=$1
  control=$tmp/$1.control
  uri="nbd+unix:///?socket=$tmp/$1.sock"
}

# The regions that the log has marked, sorted.
marked ()
{
  "$tool" dump --json "$tmp/logs/disk.log" |
    jq '.marked.runs[] | range (.first; .first + .count)' | sort -n
}

# --- A is killed
start a
wait_mirror
host a
"$check" load --seed 1 --kill "${mirror_pids[a]}" \
  --kill-after 5000 "$tmp/state" "$uri"
reap "${mirror_pids[a]}" || true
marked >"$tmp/marked"
nr=$(wc -l <"$tmp/marked")
[ "$nr" -gt 0 ] || fail 'A left nothing marked'
"$check" diff --size "$(disk_size "$tmp/leg0")" $region_size \
  "$tmp/leg0" "$tmp/leg1" | sort -n >"$tmp/differ"
[ -z "$(comm -23 <(sort "$tmp/differ") <(sort "$tmp/marked"))" ] ||
  fail 'regions differ that are not marked'

begin=$SECONDS
start b
[ $((SECONDS - begin)) -le $((lease + 5)) ] ||
  fail "B had to wait for $((SECONDS - begin)) seconds"
wait_mirror
expect 'bytes looked at by the resync' "$(looked_at)" $((nr * region_size))
"$check" verify "$tmp/state" "$uri" "$tmp/leg0" "$tmp/leg1"
legs_equal "$tmp/leg0" "$tmp/leg1"
echo "A was killed: B copied the $nr marked regions of 1024"

# --- B is paused, with a client's request on its way to it
"$check" load --stop-after 2000 --seed 2 "$tmp/state" "$uri"
kill -STOP "${mirror_pids[b]}"
background late qemu-io -f raw "$uri" -c 'write -P 66 0 64k'
late=$!
start a
wait_mirror
kill -CONT "${mirror_pids[b]}"
host b
wait_for "$deadline" json_is .mirror.state failed
wait_said 'lost: log disk is owned by'
wait_for "$deadline" not running "$late"
reap "$late" && fail 'B wrote without its lease'
qemu-io -f raw "$uri" -c 'write -P 66 0 64k' >"$tmp/late.log" 2>&1 &&
  fail 'B wrote without its lease'
qemu-io -r -f raw "$uri" -c 'read 0 64k' >>"$tmp/late.log" 2>&1 &&
  fail 'B read without its lease'
host a
"$check" verify "$tmp/state" "$uri" "$tmp/leg0" "$tmp/leg1"
legs_equal "$tmp/leg0" "$tmp/leg1"
stop_mirror
host b
stop_mirror
legs_equal "$tmp/leg0" "$tmp/leg1"
echo "B was paused: A has the log, B serves nothing"
