#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A log server whose address comes up after it: it waits, says for what, and
# serves clients as soon as an interface has the address, IPv4 or IPv6.

. "$(dirname "$0")/../lib/functions.sh"
server=10.80.0.1
late=10.80.0.9
late6=fd00:80::9
netns server $server
in_netns=(ip netns exec "${netns[server]}")
start_logd --listen $server --listen $late --listen "[$late6]" --insecure

# Only what is not there is waited for.
for address in $late "\[$late6\]"; do
  grep -q " $address:10810: waiting for this address" \
    "$tmp/logd.log" || fail "it does not say that it waits for $address"
done
expect 'addresses that it waits for' \
  "$(grep -c 'waiting for this address' "$tmp/logd.log")" 2

lists ()
{
  "${in_netns[@]}" "$tool" log list --timeout 2 "$1" >"$tmp/out" 2>&1
}
lists $server || fail "$(cat "$tmp/out")"
if lists $late; then
  fail 'the address is there already'
fi
ip -n "${netns[server]}" address add $late/24 dev eth0
ip -n "${netns[server]}" address add $late6/64 dev eth0 nodad
wait_for "$deadline" lists $late
wait_for "$deadline" lists "[$late6]"
stop_logd
