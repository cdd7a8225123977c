#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A disk under the log server that fills up: a server that is killed then and
# started again knows the owner, and can record it anew, so the mirror goes on,
# with new marks, and no client sees an error.  Also the next owner gets its log.

if [ "$(id -u)" -eq 0 ] && [ -z "${in_namespace:-}" ]; then
  in_namespace=1 exec unshare -m "$0" "$@"
fi
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass
[ "$(id -u)" -eq 0 ] || skip 'mounting a small tmpfs needs root'

mkdir "$tmp/logs"
mount -t tmpfs -o size=1M tmpfs "$tmp/logs" || skip 'tmpfs cannot be mounted'
cleanup_fn umount "$tmp/logs"
truncate -s 16M "$tmp/leg0" "$tmp/leg1"
start_logd
start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:"$logd_sock"/disk \
  region-size=64K
wait_mirror
write_pattern 1 0 64k

# Not even one more block, nor one more file.
dd if=/dev/zero of="$tmp/logs/filler" bs=4k 2>/dev/null || true
if dd if=/dev/zero of="$tmp/logs/more" bs=1k count=1 2>/dev/null; then
  fail 'the disk is not full'
fi

expect_owner ()
{
  expect "owner's $1" "$(jq -r ".$1" "$tmp/logs/disk.lease")" "$2"
}

for i in 2 3; do
  kill_logd
  start_logd
  write_pattern $i ${i}M 64k # it waits for the log
  expect_owner pid "$mirror_pid"
  expect_owner epoch 1
  expect_owner detached false
done
wait_for "$deadline" json_is .log.state ok
expect 'errors of the log' "$(json .log.flush_errors)" 0
stop_mirror
expect_owner detached true

mirror=next
start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:"$logd_sock"/disk \
  region-size=64K
write_pattern 4 4M 64k
expect_owner epoch 2
stop_mirror
stop_logd
legs_equal "$tmp/leg0" "$tmp/leg1"
