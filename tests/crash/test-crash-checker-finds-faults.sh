#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# What the crash tests rely on can fail: a block that holds what it never
# held, an older write, half of a write; legs that differ; a server that lost
# what it had acknowledged.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check

# must_fail WHAT CMD...
must_fail ()
{
  local what=$1
  shift
  if "$@" >>"$tmp/must-fail.log" 2>&1; then
    fail "not found: $what"
  fi
}

truncate -s 8M "$tmp/a" "$tmp/b"
start_mirror "$tmp/a" "$tmp/b" region-size=64K
"$check" load --blocks 64 --stop-after 1000 "$tmp/state" "$uri"
wait_mirror
cp "$tmp/a" "$tmp/old"
"$check" load --blocks 64 --stop-after 1000 "$tmp/state" "$uri"
"$check" verify "$tmp/state" "$uri" "$tmp/a" "$tmp/b"
stop_mirror
legs_equal "$tmp/a" "$tmp/b"

must_fail 'all older writes' "$check" verify "$tmp/state" "$tmp/old"
# The first block of the load that both copies have with data.
block=$(nbdsh -c "
a = open ('$tmp/a', 'rb').read ()
old = open ('$tmp/old', 'rb').read ()
for i in range (0, len (a), 4096):
    if any (a[i:i+16]) and any (old[i:i+16]) and a[i:i+16] != old[i:i+16]:
        print (i // 4096)
        break
")
[ -n "$block" ] || fail 'no block changed'
damage ()
{
  cp "$tmp/a" "$tmp/damaged"
  dd if="$1" of="$tmp/damaged" bs="$2" skip="$3" seek="$3" count="$4" \
    conv=notrunc status=none
}
damage "$tmp/old" 4096 "$block" 1
must_fail 'one older write' "$check" verify "$tmp/state" "$tmp/damaged"
must_fail 'legs that differ' "$check" verify "$tmp/state" "$tmp/a" \
  "$tmp/damaged"
must_fail 'legs that differ' cmp "$tmp/a" "$tmp/damaged"
expect 'the region that differs' \
  "$("$check" diff 65536 "$tmp/a" "$tmp/damaged")" $((block / 16))
damage "$tmp/old" 512 "$((block * 8 + 3))" 1
must_fail 'part of an older write' "$check" verify "$tmp/state" "$tmp/damaged"
damage /dev/urandom 512 "$((block * 8))" 1
must_fail 'a foreign byte' "$check" verify "$tmp/state" "$tmp/damaged"
damage /dev/zero 4096 "$block" 1
must_fail 'zeroes' "$check" verify "$tmp/state" "$tmp/damaged"
"$check" verify "$tmp/state" "$tmp/a"

# A server that loses its cache when it is killed: acknowledged writes are
# gone, what was flushed is there.
truncate -s 8M "$tmp/lossy"
start_leg lossy --filter=cache file "$tmp/lossy"
"$check" load --blocks 64 --kill "${leg_pid[lossy]}" --kill-after 2000 \
  --volatile "$tmp/state-lossy" "${leg_uri[lossy]}"
reap "${leg_pid[lossy]}" || true
must_fail 'lost writes' "$check" verify "$tmp/state-lossy" "$tmp/lossy"
"$check" verify --volatile "$tmp/state-lossy" "$tmp/lossy"

# One that also lies about FUA and flush.
truncate -s 8M "$tmp/liar"
start_leg liar --filter=cache file "$tmp/liar" cache=unsafe
"$check" load --blocks 64 --kill "${leg_pid[liar]}" --kill-after 2000 \
  --volatile "$tmp/state-liar" "${leg_uri[liar]}"
reap "${leg_pid[liar]}" || true
must_fail 'a flush that was a lie' "$check" verify --volatile \
  "$tmp/state-liar" "$tmp/liar"
