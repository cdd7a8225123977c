#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Files that the URI of a leg names, its socket and its key, are found from the
# directory in which nbdkit was started, also when it goes into the background,
# which is in another one, and when the leg returns.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdkit --tls=require --tls-psk=/dev/null --dump-config

cd "$tmp"
mkdir keys
echo me:00112233445566778899aabbccddeeff >keys/psk
truncate -s 8M a b
start_leg b --tls=require --tls-psk="$tmp/keys/psk" file "$tmp/b"

control=$tmp/control
nbdkit -P "$tmp/mirror.pid" -U "$tmp/mirror.sock" "$plugin" \
  a 'nbds+unix://me@/?socket=./leg-b.sock&tls-psk-file=keys/psk' \
  quarantine=0 control="$control" 2>mirror.log
wait_for "$deadline" test -s mirror.pid
mirror_pid=$(<mirror.pid)
cleanup_fn kill "$mirror_pid"
uri="nbd+unix:///?socket=$tmp/mirror.sock"
wait_for "$deadline" json_is .mirror.state in-sync
expect 'its directory' "$(readlink "/proc/$mirror_pid/cwd")" /
write_pattern 1 0 1M

kill_leg b
write_pattern 2 0 64k
expect 'without the leg' "$(json .mirror.state)" degraded
start_leg b --tls=require --tls-psk="$tmp/keys/psk" file "$tmp/b"
wait_for "$deadline" json_is .mirror.state in-sync
legs_equal a b
