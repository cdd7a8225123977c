#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A mirror of two sparse files of 15 TiB starts in about a second, in-sync,
# with little memory; with some data in leg 0 a resync takes time for the
# data, not for the size.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool qemu-io

size=$((15 << 40))
truncate -s "$size" "$tmp/a" "$tmp/b" 2>/dev/null ||
  skip 'the file system has no files of 15 TiB'

# What nbdkit itself needs.
start_leg null null "$size"

rss ()
{
  awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"
}

# milliseconds CMD...: how long it took, in $took.
milliseconds ()
{
  local begin=$EPOCHREALTIME
  "$@"
  took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
}

start_in_sync ()
{
  start_mirror "$tmp/a" "$tmp/b"
  expect 'state' "$(json .mirror.state)" in-sync
}

check_memory ()
{
  extra=$(($(rss "$mirror_pid") - $(rss "${leg_pid[null]}")))
  echo "$1: $extra KiB more than nbdkit null"
  [ "$extra" -lt 65536 ] || fail "$1: $extra KiB more than nbdkit null"
}

milliseconds start_in_sync
echo "start of a new mirror: $took ms"
[ "$took" -lt 3000 ] || fail "the start took $took ms"
expect 'regions' "$(json .mirror.regions)" $((size / (4 << 20)))
expect 'bytes looked at' "$(looked_at)" 0
check_memory 'new mirror'
qemu-io -f raw "$uri" -c 'write -P 1 14T 64k' -c 'write -P 2 0 64k' \
  -c "write -P 3 $((size - 4096)) 4k" -c 'read -P 1 14T 64k' \
  -c 'read -P 0 7T 2M' >"$tmp/qemu-io.log"
milliseconds "$tool" status "$control" >/dev/null
echo "status: $took ms"
check_memory 'after writes'
stop_mirror
milliseconds start_in_sync
echo "start of a known mirror: $took ms"
[ "$took" -lt 3000 ] || fail "the start took $took ms"
kill_mirror
start_mirror "$tmp/a" "$tmp/b"
wait_mirror
stop_mirror

# Some data at random places.
rm "$tmp/a" "$tmp/b" "$tmp/a.mirrorlog"
truncate -s "$size" "$tmp/a" "$tmp/b"
RANDOM=15
offsets=()
for ((i = 0; i < 32; i++)); do
  offsets+=($(((RANDOM << 30 | RANDOM << 15 | RANDOM) % (size >> 20) << 20)))
done
for offset in "${offsets[@]}"; do
  head -c 131072 /dev/urandom |
    dd of="$tmp/a" bs=64k seek=$((offset >> 16)) conv=notrunc status=none
done
resynced ()
{
  start_mirror "$tmp/a" "$tmp/b"
  wait_mirror
}
milliseconds resynced
echo "start and resync of 32 pieces of data: $took ms," \
  "$(json .resync.copied_bytes) bytes copied"
[ "$took" -lt 15000 ] || fail "the resync took $took ms"
[ "$(json .resync.copied_bytes)" -le $((32 * 2 * (4 << 20))) ] ||
  fail "copied $(json .resync.copied_bytes) bytes"
check_memory 'after a resync'
stop_mirror
for offset in "${offsets[@]}"; do
  cmp -n 1048576 -i "$offset" "$tmp/a" "$tmp/b"
done
allocated=$(($(stat -c %b "$tmp/b") * 512))
[ "$allocated" -le $((48 << 20)) ] || fail "leg 1 has $allocated bytes"
