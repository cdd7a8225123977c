#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Clients go away without waiting for the answers to what they have asked,
# while others write.  nbdkit before 1.34 may end by an assertion then, which
# the plugin says at the start; a later one lives.  A mirror so ended (or, where
# it was not, aborted) and started again has lost nothing.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass
ulimit -c 0

check=$top_srcdir/tests/lib/register-check
truncate -s 32M "$tmp/a" "$tmp/b"
nbdkit_version=$(nbdkit --dump-config | sed -n 's/^version_minor=//p')

# The answers do not fit into the socket.
hang_up ()
{
  nbdsh -c "
import sys
for i in range (100):
    h = nbd.NBD ()
    try:
        h.connect_uri ('$uri')
        for j in range (64):
            h.aio_pread (nbd.Buffer (65536), 65536 * j)
    except nbd.Error:
        sys.exit (0)
    del h
" >>"$tmp/hang-up.log" 2>&1
}

written ()
{
  [ "$(json .legs[0].writes)" -ge $((before + 200)) ]
}

for round in 1 2 3; do
  start_mirror "$tmp/a" "$tmp/b" region-size=64K
  wait_mirror
  before=$(json .legs[0].writes)
  background load "$check" load --seed "$round" --seconds "$deadline" \
    "$tmp/state" "$uri"
  load=$!
  wait_for "$deadline" written
  hang_up
  how='by itself'
  if running "$mirror_pid"; then
    how='by the test'
    kill -ABRT "$mirror_pid"
  elif [ "$nbdkit_version" -ge 34 ]; then
    fail "nbdkit 1.$nbdkit_version ended when a client went away"
  fi
  wait_for "$deadline" not running "$mirror_pid"
  reap "$mirror_pid" || true
  status=0
  reap "$load" || status=$?
  expect 'errors before the end' "$status" 0
  echo "round $round: ended $how"

  start_mirror "$tmp/a" "$tmp/b" region-size=64K
  "$check" verify "$tmp/state" "$uri"
  wait_mirror
  "$check" verify "$tmp/state" "$uri" "$tmp/a" "$tmp/b"
  stop_mirror
  legs_equal "$tmp/a" "$tmp/b"
done

# Once for each start, and only where it is so.
count=$(grep -c 'older than 1.34' "$tmp/mirror.log" || true)
if [ "$nbdkit_version" -lt 34 ]; then
  expect 'warnings' "$count" 6
else
  expect 'warnings' "$count" 0
fi
