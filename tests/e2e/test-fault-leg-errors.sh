#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A leg that fails reads, writes, zeroes or flushes: the client sees no error
# as long as another leg is good, and data is right after the leg's return.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool qemu-io

truncate -s 8M "$tmp/a" "$tmp/b"
for fault in pread pwrite zero extents; do
  rm -f "$tmp/log" "$tmp/a.mirrorleg" "$tmp/trigger"
  truncate -s 0 "$tmp/a" "$tmp/b"
  truncate -s 8M "$tmp/a" "$tmp/b"
  start_leg b --filter=error file "$tmp/b" error-$fault=EIO \
    error-$fault-rate=100% error-$fault-file="$tmp/trigger"
  # The leg with errors is the one that is read first.
  start_mirror "${leg_uri[b]}" "$tmp/a" log=disk:"$tmp/log" region-size=64K \
    read-policy=first
  qemu-io -f raw "$uri" -c 'write -P 1 0 4M' >"$tmp/qemu-io.log"
  : >"$tmp/trigger"
  qemu-io -f raw -d unmap "$uri" -c 'read -P 1 1M 64k' -c 'write -P 2 1M 1M' \
    -c 'write -z 3M 64k' -c 'write -z -u 3200k 64k' -c flush \
    -c 'read -P 2 1M 1M' -c 'read -P 0 3M 64k' >>"$tmp/qemu-io.log" ||
    fail "$fault: the client got an error"
  nbdinfo --map "$uri" >>"$tmp/qemu-io.log" ||
    fail "$fault: the client got an error"
  state=$(json '.legs[0].state')
  errors=$(json '.legs[0] | .read_errors + .write_errors')
  echo "$fault: leg 0 is $state, $errors errors, $(json '.legs[0].last_error')"
  # It is tried again soon, so that by now it may be in any state.
  case $fault in
    pwrite|zero) wait_for "$deadline" more_than 0 lost "${leg_uri[b]}" ;;
  esac
  stop_mirror
  rm "$tmp/trigger" "$tmp/mirror.log"
  start_mirror "${leg_uri[b]}" "$tmp/a" log=disk:"$tmp/log" quarantine=1
  wait_mirror
  qemu-io -f raw "$uri" -c 'read -P 2 1M 1M' -c 'read -P 0 3M 64k' \
    -c 'read -P 1 2M 1M' >>"$tmp/qemu-io.log" || fail "$fault: wrong data"
  stop_mirror
  legs_equal "$tmp/a" "$tmp/b"
  kill_leg b
done
