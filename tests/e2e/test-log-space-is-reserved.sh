#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A log file that the server made has all its blocks, so that a file system
# that fills up later cannot stop the mirror from marking regions.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

truncate -s 1G "$tmp/a" "$tmp/b"
start_mirror "$tmp/a" "$tmp/b" region-size=64K
read -r size blocks < <(stat -c '%s %b' "$tmp/a.mirrorlog")
[ "$((blocks * 512))" -ge "$size" ] ||
  fail "the log has $size bytes, but only $((blocks * 512)) on the disk"
stop_mirror
