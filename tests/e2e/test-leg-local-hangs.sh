#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A local leg that hangs in the kernel (a file over FUSE, whose server is
# stopped): status and a message say so while clients wait, and the exit code
# is 1; when it answers again nothing has failed.  With local-timeout= the leg
# has failed, clients go on, and it comes back when it answers.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool nbdfuse jq
[ "$(id -u)" -eq 0 ] || skip 'FUSE without its helper needs root'
[ -c /dev/fuse ] || skip 'there is no /dev/fuse'

mkdir "$tmp/mnt"
start_leg below memory 8M
cleanup_fn umount -l "$tmp/mnt"
background fuse nbdfuse "$tmp/mnt/leg" "${leg_uri[below]}"
fuse=$!
mounted ()
{
  [ -s "$tmp/mnt/leg" ] || not running "$fuse"
}
wait_for "$deadline" mounted
running "$fuse" || skip "nbdfuse: $(tail -n 1 "$tmp/fuse.log")"

truncate -s 8M "$tmp/a"
start_mirror "$tmp/a" "$tmp/mnt/leg" log=disk:"$tmp/log" read-policy=first
wait_mirror
write_pattern 1 0 1M
expect 'seconds' "$(json '.legs[1].no_answer_seconds')" 0

kill -STOP "${leg_pid[below]}"
background write qemu-io -f raw "$uri" -c 'write -P 2 0 64k' -c 'read -P 2 0 64k'
write=$!
wait_said "leg $tmp/mnt/leg: has not answered for "
[ "$(json '.legs[1].no_answer_seconds')" -ge 5 ] ||
  fail "$(json '.legs[1]')"
expect 'state' "$(json .legs[1].state)" in-sync
json .mirror.reason | grep -q '^leg 1 has not answered for ' ||
  fail "reason: $(json .mirror.reason)"
status=0
"$tool" status "$control" >"$tmp/status.log" || status=$?
expect 'exit code' "$status" 1
grep -q '^leg 1 has not answered for .* seconds, and requests wait' \
  "$tmp/status.log" || fail "$(cat "$tmp/status.log")"
running "$write" || fail 'the write did not wait'

kill -CONT "${leg_pid[below]}"
wait_said "leg $tmp/mnt/leg: answers again"
reap "$write" || fail "the write got an error: status $?"
wait_mirror
expect 'times said' "$(times_said 'has not answered')" 1
stop_mirror

# --- a limit
: >"$tmp/mirror.log"
start_mirror "$tmp/a" "$tmp/mnt/leg" log=disk:"$tmp/log" read-policy=first \
  local-timeout=1
wait_mirror
write_pattern 3 0 1M
kill -STOP "${leg_pid[below]}"
write_pattern 4 64k 64k # waits, and is answered
expect 'state' "$(json .legs[1].state)" failed
expect 'last error' "$(json .legs[1].last_error)" 'no answer for 1 seconds'
write_pattern 5 128k 64k
kill -CONT "${leg_pid[below]}"
wait_mirror
said "leg $tmp/mnt/leg: is back"
stop_mirror
legs_equal "$tmp/a" "$tmp/mnt/leg"
