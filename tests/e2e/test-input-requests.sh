#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A client that sends what nobody offered it, or what is nonsense, gets errors.
# The server lives, other clients do not notice, no leg is blamed for it, and
# the legs stay equal.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq python3

# odd BLOCK [OPTION]: every request that there is.
odd ()
{
  "$(dirname "$0")/odd-requests" "$sock" "$@" || {
    running "$mirror_pid" || fail 'the server has ended'
    fail 'a request was not answered as it should'
  }
  expect 'state' "$(json .mirror.state)" in-sync
  expect 'errors of legs' "$(json '[.legs[] |
    .read_errors + .write_errors + .flush_errors + .read_repairs] | add')" 0
  expect 'last errors' "$(json '[.legs[].last_error] | add')" ''
}

# A leg without fast zero (and with blocks of 512), one with.
truncate -s 16M "$tmp/a" "$tmp/b"
start_leg a --filter=blocksize-policy --filter=nozero file "$tmp/a" \
  blocksize-minimum=512 blocksize-preferred=4096 blocksize-maximum=32M \
  zeromode=emulate fastzeromode=none
start_mirror "${leg_uri[a]}" "$tmp/b" log=disk:"$tmp/log"
wait_mirror
odd 512
stop_mirror
legs_equal "$tmp/a" "$tmp/b"

mirror_options=(-r)
start_mirror "${leg_uri[a]}" "$tmp/b" log=disk:"$tmp/log"
odd 512 --read-only
stop_mirror
mirror_options=()

# Two files: all that there is, and blocks of one byte.
rm "$tmp/log" "$tmp/b.mirrorleg"
truncate -s 0 "$tmp/b"
truncate -s 96M "$tmp/b" "$tmp/c"
start_mirror "$tmp/b" "$tmp/c" log=disk:"$tmp/log"
odd 1
stop_mirror
legs_equal "$tmp/b" "$tmp/c"
