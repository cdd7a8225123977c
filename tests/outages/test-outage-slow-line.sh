#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A thin but steady line to a leg, 1 MiB a second, and a client that writes as
# much at a time as it can: the client is slow, and no leg fails.
#
#   tests/outages/test-outage-slow-line.sh [MIB [PLUGIN-ARG...]]
#
# By hand, with default settings, 200 seconds: ... 200

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
. "$top_srcdir/tests/outages/outage-faults.sh"

mib=3
options=(leg-timeout=1)
if [ $# -gt 0 ]; then
  mib=$1
  options=("${@:2}")
fi
requires_mirror
requires_tool jq tc nbdcopy

new_host mirror a b
leg_file "$mib" "$tmp/a" "$tmp/b"
serve a
serve b
in_netns=(ip netns exec "${netns[mirror]}")
start_mirror nbd://"${address[a]}" nbd://"${address[b]}" \
  log=disk:"$tmp/log" "${options[@]}"
in_netns=()
wait_mirror
tc -n "${netns[hub]}" qdisc add dev b root tbf rate 8192kibit burst 32k \
  latency 400ms

head -c "$mib"M /dev/urandom >"$tmp/data"
begin=$SECONDS
nbdcopy --flush "$tmp/data" "$uri" || fail "a client got an error"
took=$((SECONDS - begin))
echo "$mib MiB took $took seconds"
for leg in a b; do
  expect "times leg $leg was lost" "$(lost nbd://"${address[$leg]}")" 0
done
[ "$took" -ge $((mib * 3 / 4)) ] || fail 'the line is not thin'
expect 'state' "$(json .mirror.state)" in-sync
stop_mirror
cmp -n "$((mib << 20))" "$tmp/data" "$tmp/b"
legs_equal "$tmp/a" "$tmp/b"
