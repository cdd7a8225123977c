#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Two mirrors start with one log at the same time: one serves, the other is
# refused by the owner's name, and nothing is lost.  One that starts after a
# clean end gets the log at once; one after a crash when the lease is over.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq

truncate -s 16M "$tmp/leg0" "$tmp/leg1"
start_logd --lease 5 # a busy machine stands still for a second or two
start_leg 0 file "$tmp/leg0"
start_leg 1 file "$tmp/leg1"
args=("${leg_uri[0]}" "${leg_uri[1]}" log=userspace:"$logd_sock"/disk)

# In the background: which of them starts is in $tmp/NAME.pid.
declare -A racer
race ()
{
  local name
  for name in "$@"; do
    rm -f "$tmp/$name".{pid,log,sock,control}
    # shellcheck disable=SC2086
    background "$name" ${NBDMIRROR_WRAPPER:-} \
      nbdkit --exit-with-parent -P "$tmp/$name.pid" -U "$tmp/$name.sock" \
             "$plugin" "${args[@]}" control="$tmp/$name.control"
    racer[$name]=$!
  done
}

one_is_refused ()
{
  local name dead=0
  for name in one two; do
    running "${racer[$name]}" || dead=$((dead + 1))
  done
  [ "$dead" -eq 1 ] || return 1
}

for ((round = 0; round < 4; round++)); do
  race one two
  wait_for "$deadline" one_is_refused
  winner=one loser=two
  running "${racer[one]}" || { winner=two loser=one; }
  wait_for "$deadline" test -s "$tmp/$winner.pid"
  reap "${racer[$loser]}" && fail "$loser ended with status 0"
  grep -q "owned by .*${racer[$winner]}" "$tmp/$loser.log" ||
    fail "no owner is named: $(cat "$tmp/$loser.log")"
  qemu-io -f raw "nbd+unix:///?socket=$tmp/$winner.sock" \
    -c "write -P $((round + 1)) 0 1M" -c 'flush' >"$tmp/qemu-io.log"
  if [ $((round % 2)) -eq 0 ]; then
    kill -TERM "${racer[$winner]}"
  else
    kill -KILL "${racer[$winner]}"
  fi
  reap "${racer[$winner]}" || true
done
start_mirror "${args[@]}"
wait_mirror
qemu-io -f raw "$uri" -c "read -P $round 0 1M" >"$tmp/qemu-io.log" ||
  fail 'the last write is not there'
stop_mirror
legs_equal "$tmp/leg0" "$tmp/leg1"
