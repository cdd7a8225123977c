#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A full disk: under the log nothing starts, or new marks fail until there is
# room; under one leg the mirror goes on without it; under all legs the client
# gets ENOSPC and everything written before is there.  When there is room
# again, all goes on.

if [ "$(id -u)" -eq 0 ] && [ -z "${in_namespace:-}" ]; then
  in_namespace=1 exec unshare -m "$0" "$@"
fi
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
[ "$(id -u)" -eq 0 ] || skip 'mounting a small tmpfs needs root'

# small_disk NAME SIZE: an empty file system $tmp/NAME.
small_disk ()
{
  mkdir "$tmp/$1"
  mount -t tmpfs -o "size=$2" tmpfs "$tmp/$1" || skip 'tmpfs cannot be mounted'
  cleanup_fn umount "$tmp/$1"
}

fill ()
{
  dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null || true
}

# pwrite_gets 'ERRNO...' OFFSET BYTE: a write of 64 KiB to the mirror gives
# one of these.
pwrite_gets ()
{
  nbdsh -u "$uri" -c "
import errno, nbd
seen = 'OK'
try:
    h.pwrite (bytes ([$3]) * 65536, $2)
except nbd.Error as e:
    seen = e.errno
print (seen)
" >"$tmp/pwrite.out" 2>&1
  case " $1 " in
    *" $(tail -n 1 "$tmp/pwrite.out") "*) ;;
    *) fail "write at $2: $(cat "$tmp/pwrite.out"), expected $1" ;;
  esac
}

# --- under a log that is to be created
small_disk disk1 1M
fill "$tmp/disk1"
mkdir "$tmp/data"
truncate -s 64M "$tmp/data/a" "$tmp/data/b"
refused "log disk:$tmp/disk1/log:" 'No space left on device' -- \
  "$tmp/data/a" "$tmp/data/b" log=disk:"$tmp/disk1/log"
rm "$tmp/disk1/filler"
mirror=log
start_mirror "$tmp/data/a" "$tmp/data/b" log=disk:"$tmp/disk1/log" \
  region-size=64K log-timeout=2

# --- under a log in use
fill "$tmp/disk1"
pwrite_gets 'OK EIO' 0 1
pwrite_gets 'OK EIO' $((60 << 20)) 1
kill_mirror
start_mirror "$tmp/data/a" "$tmp/data/b" log=disk:"$tmp/disk1/log"
wait_mirror
rm "$tmp/disk1/filler"
pwrite_gets OK 0 2
stop_mirror
legs_equal "$tmp/data/a" "$tmp/data/b"

# --- under one leg
mirror=one
small_disk disk2 2M
truncate -s 8M "$tmp/leg0" "$tmp/disk2/leg1"
start_mirror "$tmp/leg0" "$tmp/disk2/leg1" region-size=64K
for i in 0 1 2 3 4; do
  pwrite_gets OK "$((i << 20))" $((i + 1))
done
fill "$tmp/disk2"
for i in 5 6 7; do
  pwrite_gets OK "$((i << 20))" $((i + 1))
done
wait_said "leg $tmp/disk2/leg1: failed, the mirror goes on without it: write"
[ "$(json .mirror.state)" != in-sync ] || fail 'nothing failed'
json '.legs[1].last_error' | grep -q 'No space left on device' ||
  fail "last_error: $(json '.legs[1].last_error')"
# It is tried by itself, while the disk is full and when there is room.
said_stalled ()
{
  grep -q 'resync stalled, .* No space left on device' "$tmp/one.log"
}
wait_for "$deadline" said_stalled
wait_for "$deadline" json_is '.legs[1].state' stale
rm "$tmp/disk2/filler"
wait_mirror
[ "$(json .resync.copied_bytes)" -le $((100 * 65536)) ] ||
  fail "resync copied $(json .resync.copied_bytes)"
# Said once, unless it failed and came back in between.
stalls=$(grep -c 'resync stalled' "$tmp/one.log")
backs=$(grep -c 'is back' "$tmp/one.log" || true)
[ "$stalls" -le $((1 + backs)) ] ||
  fail "said $stalls times that it stalled, and $backs times that it is back"
stop_mirror
legs_equal "$tmp/leg0" "$tmp/disk2/leg1"

# --- under all legs
mirror=all
small_disk disk3 4M
truncate -s 8M "$tmp/disk3/leg0" "$tmp/disk3/leg1"
start_mirror "$tmp/disk3/leg0" "$tmp/disk3/leg1" log=disk:"$tmp/all.mirrorlog" \
  region-size=64K
pwrite_gets OK 0 1
fill "$tmp/disk3"
pwrite_gets ENOSPC $((4 << 20)) 2
pwrite_gets ENOSPC $((5 << 20)) 3
qemu-io -f raw "$uri" -c 'read -P 1 0 64k' >>"$tmp/qemu-io.log"
pwrite_gets OK 0 4
rm "$tmp/disk3/filler"
pwrite_gets OK $((4 << 20)) 5
wait_mirror
expect 'state' "$(json .mirror.state)" in-sync
qemu-io -f raw "$uri" -c 'read -P 4 0 64k' -c 'read -P 5 4M 64k' \
  >>"$tmp/qemu-io.log"
stop_mirror
legs_equal "$tmp/disk3/leg0" "$tmp/disk3/leg1"
