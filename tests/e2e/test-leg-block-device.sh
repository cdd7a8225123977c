#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A block device as a leg beside a file and an NBD server, and as the log;
# it is owned, so that nobody else writes to it, and checked as files are.

if [ "$(id -u)" -eq 0 ] && [ -z "${in_namespace:-}" ]; then
  in_namespace=1 exec unshare -m "$0" "$@"
fi
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool qemu-io

mkdir "$tmp/data"
truncate -s 32M "$tmp/a" "$tmp/d"
leg_file 32 "$tmp/b" "$tmp/c"
truncate -s 4M "$tmp/logdev"
loop_device "$tmp/b"
b=$loop_dev
loop_device "$tmp/logdev"
logdev=$loop_dev
start_leg c file "$tmp/c"

# The default log would be beside leg 0.
refused 'log=disk:PATH' 'log=core' -- "$b" "$tmp/a"
start_mirror "$b" "$tmp/a" "${leg_uri[c]}" log=disk:"$logdev" region-size=64K
wait_mirror
expect 'kinds' "$(json '[.legs[].kind] | join (" ")')" 'block file nbd'
refused "leg $b" "$mirror_pid" -- "$b" "$tmp/d" log=core
refused "$logdev" "$mirror_pid" -- "$tmp/d" log=disk:"$logdev"
refused "leg $b and leg $b are the same" -- "$b" "$b" log=core
refused "log=disk:$b: leg $b is the same" -- "$b" "$tmp/d" log=disk:"$b"
qemu-io -f raw -d unmap "$uri" -c 'write -P 1 0 16M' -c 'write -z 2M 3M' \
  -c 'write -P 2 777 1000' -c 'discard 8M 1M' -c 'write -f -P 3 31M 1M' \
  -c 'write -z -u 10M 1M' -c 'read -P 2 777 1000' -c 'read -P 0 10M 1M' \
  >"$tmp/qemu-io.log"
crash_after 'h.pwrite (b"x" * 65536, 20 << 20)'

marked=$("$tool" dump --json "$logdev" | jq .marked.count)
[ "$marked" -gt 0 ] || fail 'nothing is marked'
start_mirror "$b" "$tmp/a" "${leg_uri[c]}" log=disk:"$logdev" quarantine=1
wait_mirror
expect 'bytes looked at' "$(looked_at)" $((marked * 65536 * 2))
stop_mirror
legs_equal "$b" "$tmp/a"
legs_equal "$tmp/a" "$tmp/c"
start_mirror "$tmp/a" "$b" "${leg_uri[c]}" log=disk:"$logdev"
expect 'copied after a clean end' "$(json .resync.copied_bytes)" 0
stop_mirror

# The device fails writes while the mirror runs, and does them again later.
mkdir "$tmp/small"
mount -t tmpfs -o size=8M tmpfs "$tmp/small"
cleanup_fn umount "$tmp/small"
truncate -s 32M "$tmp/small/disk"
loop_device "$tmp/small/disk"
failing=$loop_dev
truncate -s 32M "$tmp/e"
mirror=failing
start_mirror "$tmp/e" "$failing" log=disk:"$tmp/e.log" region-size=64K
write_pattern 1 0 4M
head -c 8M /dev/zero >"$tmp/small/filler" 2>/dev/null || true
write_pattern 2 8M 1M
qemu-io -f raw "$uri" -c flush >>"$tmp/qemu-io.log"
wait_for "$deadline" grep -q "leg $failing: failed, the mirror goes on" \
  "$tmp/failing.log"
write_pattern 3 9M 64k
rm "$tmp/small/filler"
wait_mirror
stop_mirror
legs_equal "$tmp/e" "$tmp/small/disk"

# Mounted or held devices are refused.
mke2fs -q -F -t ext4 "$b"
mkdir "$tmp/mnt"
if mount "$b" "$tmp/mnt"; then
  cleanup_fn umount "$tmp/mnt"
  refused "leg $b" -- "$b" "$tmp/d" log=core
fi
