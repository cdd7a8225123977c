#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The default log is beside leg 0 and is found again beside whatever leg has
# it; two of them are refused; a clean restart, also with the legs in another
# order or moved, copies nothing; plan=1 says the same and does nothing.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 8M a b c

nothing_copied ()
{
  expect 'state' "$(json .mirror.state)" in-sync
  expect 'bytes looked at' "$(looked_at)" 0
}

planned 0 "log disk:$d/a.mirrorlog: new" '16 regions of 524288 bytes' \
  "leg $d/a: source" 'would serve' -- a b
start_mirror a b
expect 'log' "$(json .log.name)" "$d/a.mirrorlog"
expect 'mode of the log' "$(stat -c %a a.mirrorlog)" 600
nothing_copied
write_pattern 7 1M 2M
uuid=$(json .mirror.uuid)
stop_mirror
legs_equal a b

planned 0 'ours' 'clean' "leg $d/a: source" \
  "leg $d/b: in-sync, nothing to copy" 'would serve' -- a b
start_mirror a b
expect 'uuid after a restart' "$(json .mirror.uuid)" "$uuid"
nothing_copied
stop_mirror

# Leg 1 has it now; then the legs are moved.
start_mirror b a
expect 'log' "$(json .log.name)" "$d/a.mirrorlog"
expect 'uuid with swapped legs' "$(json .mirror.uuid)" "$uuid"
expect 'name of leg 0' "$(json '.legs[0].name')" "$d/b"
nothing_copied
stop_mirror
mkdir moved
mv a moved/x
mv b moved/y
mv a.mirrorlog moved/x.mirrorlog
start_mirror moved/x moved/y
expect 'uuid of moved legs' "$(json .mirror.uuid)" "$uuid"
nothing_copied
write_pattern 8 3M 1M
stop_mirror
legs_equal moved/x moved/y
mv moved/x a
mv moved/y b
mv moved/x.mirrorlog a.mirrorlog

# Two logs.
cp a.mirrorlog b.mirrorlog
refused "both $d/a.mirrorlog and $d/b.mirrorlog exist: say which with log=" \
  -- a b
refused "both $d/b.mirrorlog and $d/a.mirrorlog exist" -- b a
planned 1 -- a b
start_mirror a b log=disk:b.mirrorlog
nothing_copied
stop_mirror
rm b.mirrorlog

# A plan takes no lock, but sees that a start would not get it.
start_mirror a b
planned 1 'ours' "leg $d/b: in-sync, nothing to copy" \
  "would refuse: log disk:$d/a.mirrorlog: in use by process $mirror_pid" -- a b
write_pattern 9 0 1M
stop_mirror
legs_equal a b
