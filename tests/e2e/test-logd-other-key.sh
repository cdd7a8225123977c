#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Hosts that take over from each other, each with a key of its own for the
# servers of the legs: the legs are the same under the other host's URIs, so
# nothing is said of them, and no more is copied than what was marked.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

for host in a b; do
  key=$(head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n')
  echo "host$host:$key" >"$tmp/$host.psk"
  echo "host$host:$key" >>"$tmp/keys"
done
leg_file 16 "$tmp/leg0" "$tmp/leg1"
start_leg 0 --tls=require --tls-psk="$tmp/keys" file "$tmp/leg0"
start_leg 1 --tls=require --tls-psk="$tmp/keys" file "$tmp/leg1"
start_logd --lease 3

# as HOST LEG...: HOST's mirror of these legs, as HOST writes them.
as ()
{
  local host=$1 legs=() i
  shift
  mirror=$host
  : >"$tmp/$mirror.log"
  for i; do
    case $host$i in
      *missing) legs+=(missing) ;;
      a*) legs+=("nbds+unix://hosta@/?socket=${leg_sock[$i]}&tls-psk-file=$tmp/a.psk") ;;
      b*) legs+=("nbds+unix://hostb@/?tls-psk-file=$tmp/b.psk&socket=${leg_sock[$i]}") ;;
    esac
  done
  start_mirror "${legs[@]}" log=userspace:"$logd_sock"/disk \
    region-size=64K quarantine=1
  if grep -E 'identity|its content says|another object|new in this mirror' \
    "$tmp/$mirror.log"; then
    fail "host $host takes a leg for another one"
  fi
}

as a 0 1
wait_mirror
write_pattern 1 0 16M
stop_mirror

as b 0 1
expect 'state after a clean end' "$(json .mirror.state)" in-sync
expect 'looked at after a clean end' "$(looked_at)" 0
crash_after 'h.pwrite (b"x" * 65536, 5 << 20)'

as a 1 0
wait_mirror
expect 'looked at after a crash' "$(looked_at)" 65536
stop_mirror

# Also one of them alone, which no other leg confirms.
as b missing 1
expect 'legs in-sync' "$(json '[.legs[] | select (.state == "in-sync")] | length')" 1
write_pattern 2 8M 128k
stop_mirror
as a 0 1
wait_mirror
expect 'looked at after an absence' "$(looked_at)" $((128 << 10))
stop_mirror
legs_equal "$tmp/leg0" "$tmp/leg1"
