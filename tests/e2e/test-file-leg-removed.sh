#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The file of a leg is removed, replaced or cut while the mirror uses it.  The
# leg has failed with that reason, not only after the next crash, and what is
# under its name then comes back.  The last in-sync leg serves on from the open
# file, and that is said.  A directory that is renamed fails no leg.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

in_sync_and_equal ()
{
  wait_for "$deadline" more_than "$1" synced "$tmp/b"
  wait_mirror
  "$tool" wait --timeout "$deadline" "$control"
  legs_equal "$tmp/a" "$tmp/b"
}

truncate -s 32M "$tmp/a" "$tmp/b"
start_mirror "$tmp/a" "$tmp/b" log=disk:"$tmp/log" region-size=64K
wait_mirror
write_pattern 1 0 32M

# --- removed
rm "$tmp/b"
wait_for "$deadline" more_than 0 lost "$tmp/b"
said 'its file was removed'
expect 'a leg that was removed' "$(json '.legs[1].state')" failed
status=0
"$tool" status "$control" >/dev/null || status=$?
expect 'exit status' "$status" 1
write_pattern 2 1M 1M
truncate -s 32M "$tmp/b"
in_sync_and_equal "$(synced "$tmp/b")"
said 'is back but empty'

# --- renamed, and back: the same file gets only what it missed
before=$(lost "$tmp/b")
mv "$tmp/b" "$tmp/b.away"
wait_for "$deadline" more_than "$before" lost "$tmp/b"
said 'its file has another name now'
write_pattern 3 2M 64k
before=$(synced "$tmp/b")
mv "$tmp/b.away" "$tmp/b"
in_sync_and_equal "$before"

# --- replaced by a copy of itself that lacks a write which no sample shows: the
# regions cleared last are others
cp "$tmp/b" "$tmp/b.copy"
write_pattern 4 9001k 3k
wait_for "$deadline" json_is .mirror.dirty_regions 0
write_pattern 1 16M 2M
wait_for "$deadline" json_is .mirror.dirty_regions 0
before=$(lost "$tmp/b")
again=$(synced "$tmp/b")
mv "$tmp/b.copy" "$tmp/b"
wait_for "$deadline" more_than "$before" lost "$tmp/b"
said 'another file has its name now'
in_sync_and_equal "$again"
said 'another file, which gets everything'

# --- cut, and made longer again: what was behind the end is copied
before=$(lost "$tmp/b")
again=$(synced "$tmp/b")
truncate -s 20M "$tmp/b"
wait_for "$deadline" more_than "$before" lost "$tmp/b"
said 'its file is 20971520 bytes long now'
truncate -s 32M "$tmp/b"
in_sync_and_equal "$again"

# --- the directory renamed: the file is whole
stop_mirror
mkdir "$tmp/d"
mv "$tmp/b" "$tmp/d/b"
start_mirror "$tmp/a" "$tmp/d/b" log=disk:"$tmp/log"
wait_mirror
mv "$tmp/d" "$tmp/e"
wait_said 'its directory was renamed'
expect 'the mirror' "$(json .mirror.state)" degraded
expect 'the leg' "$(json '.legs[1].state')" in-sync
write_pattern 5 4M 64k
legs_equal "$tmp/a" "$tmp/e/b"
mv "$tmp/e" "$tmp/d"
wait_said 'its file is where it was again'
expect 'the mirror' "$(json .mirror.state)" in-sync
expect 'lost' "$(lost "$tmp/d/b")" 0

# --- the last one in-sync
rm "$tmp/d/b"
wait_for "$deadline" more_than 0 lost "$tmp/d/b"
rm "$tmp/a"
wait_said "leg $tmp/a: its file was removed, and no other leg is in-sync"
expect 'said once' \
  "$(grep -cF "leg $tmp/a: its file was removed" "$tmp/mirror.log")" 1
expect 'the mirror' "$(json .mirror.state)" degraded
expect 'last error' "$(json '.legs[0].last_error')" 'its file was removed'
qemu-io -f raw "$uri" -c 'read -P 5 4M 64k' | grep -q '^read 65536/65536'
write_pattern 6 5M 64k
# Its data can go to another leg, and then the first one is lost as any other.
truncate -s 32M "$tmp/d/b"
wait_for "$deadline" more_than 0 lost "$tmp/a"
truncate -s 32M "$tmp/a"
wait_mirror
legs_equal "$tmp/a" "$tmp/d/b"
rm "$tmp/d/b"
wait_for "$deadline" more_than 1 lost "$tmp/d/b"
mv "$tmp/a" "$tmp/a.away"
wait_said "leg $tmp/a: its file has another name now, and no other leg"
stop_mirror
said 'rename it back before the next start'
mv "$tmp/a.away" "$tmp/a"
truncate -s 32M "$tmp/d/b"
start_mirror "$tmp/a" "$tmp/d/b" log=disk:"$tmp/log"
wait_mirror
legs_equal "$tmp/a" "$tmp/d/b"
stop_mirror

# --- a mirror of one leg that says in-sync has one
truncate -s 1M "$tmp/one"
start_mirror "$tmp/one" log=disk:"$tmp/log1"
expect 'the mirror' "$(json .mirror.state)" in-sync
rm "$tmp/one"
wait_for "$deadline" json_is .mirror.state degraded
stop_mirror
