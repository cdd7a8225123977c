#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# An NBD leg that does not answer any more fails after leg-timeout; the
# client's request succeeds then, on the other legs, and all later ones at
# once.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

truncate -s 8M "$tmp/a" "$tmp/b"
start_leg b file "$tmp/b"
start_mirror "$tmp/a" "${leg_uri[b]}" region-size=64K leg-timeout=2
write_pattern 1 0 1M
kill -STOP "${leg_pid[b]}"
cleanup_fn kill -CONT "${leg_pid[b]}"

seconds_of ()
{
  local begin=$EPOCHREALTIME
  "$@"
  took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
}

seconds_of write_pattern 2 0 64k
if [ "$took" -lt 1000 ] || [ "$took" -gt 6000 ]; then
  fail "the write took $took ms, leg-timeout is 2 s"
fi
expect 'state' "$(json .mirror.state)" degraded
expect 'leg 1' "$(json '.legs[1].state')" failed
# What waited for the leg would take as long again.
seconds_of write_pattern 3 4M 64k
[ "$took" -lt 2000 ] || fail "a later write took $took ms"
seconds_of qemu-io -f raw "$uri" -c 'read -P 3 4M 64k' -c 'read -P 2 0 64k' \
  -c 'read -P 1 64k 64k'
[ "$took" -lt 2000 ] || fail "a later read took $took ms"
# The end is bounded with a leg that still hangs.
stop_mirror 10
expect 'clean' "$(dump .clean "$tmp/a.mirrorlog")" true
missed=$(dump '.legs[1].missed.count' "$tmp/a.mirrorlog")

# A leg that hangs cannot be opened: the mirror starts without it, in time.
seconds_of start_mirror "$tmp/a" "${leg_uri[b]}" leg-timeout=2
[ "$took" -lt 6000 ] || fail "the start took $took ms"
expect 'state' "$(json .mirror.state)" degraded
stop_mirror 10

# And refuses to make a new mirror with it, in time.
mkdir "$tmp/data"
truncate -s 8M "$tmp/data/c"
seconds_of refused "leg ${leg_uri[b]}: connect: no answer for 2 s" missing -- \
  "$tmp/data/c" "${leg_uri[b]}" leg-timeout=2
[ "$took" -lt 6000 ] || fail "the refusal took $took ms"

kill -CONT "${leg_pid[b]}"
start_mirror "$tmp/a" "${leg_uri[b]}" leg-timeout=2 quarantine=1
wait_for "$deadline" in_sync_again b
looked=$(looked_at)
expect 'bytes looked at by the resync' "$looked" "$((missed * 65536))"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
