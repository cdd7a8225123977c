#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# SIGTERM ends the server within seconds, also with clients attached, idle or
# busy, or with a leg that hangs; the log is clean and the legs are equal.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check
truncate -s 32M "$tmp/a" "$tmp/b"
start ()
{
  start_mirror "$tmp/a" "$tmp/b" region-size=64K
}

ended_well ()
{
  expect "clean shutdown, $1" "$(dump .clean "$tmp/a.mirrorlog")" true
  expect "marked, $1" "$(dump .marked.count "$tmp/a.mirrorlog")" 0
  legs_equal "$tmp/a" "$tmp/b"
}

# No client; one has been there.
start
write_pattern 1 0 8M
stop_mirror 10
ended_well 'no client'

# An idle client that wrote.
start
background idle env PATH=/usr/bin:"$PATH" nbdsh -u "$uri" -c "
import os, time
h.pwrite (b'x' * 65536, 1048576)
open ('$tmp/idle.ready', 'w').close ()
time.sleep (1000)
"
idle=$!
wait_for "$deadline" test -e "$tmp/idle.ready"
stop_mirror 10
ended_well 'idle client'
kill "$idle"
reap "$idle" || true

# Busy clients, on a disk of zeroes as the checker expects.
start
qemu-io -f raw "$uri" -c 'write -z 0 32M' >>"$tmp/qemu-io.log"
background load "$check" load --seconds 60 "$tmp/state" "$uri"
load=$!
wait_for "$deadline" more_than 500 json '.legs[0].writes'
stop_mirror 10
ended_well 'busy clients'
wait_for "$deadline" not running "$load"
reap "$load" || true
"$check" verify "$tmp/state" "$tmp/a" "$tmp/b"

# The same again, with SIGINT, and nothing to copy afterwards.
start
expect 'copied after a clean end' "$(json .resync.copied_bytes)" 0
expect 'state after a clean end' "$(json .mirror.state)" in-sync
write_pattern 2 0 8M
kill -INT "$mirror_pid"
wait_for 10 not running "$mirror_pid"
reap "$mirror_pid" || fail "exit status $? after SIGINT"
ended_well 'SIGINT'
