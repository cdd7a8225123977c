#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A kernel attaches the mirror with nbd-client and keeps an ext4 file system
# on it; both legs then hold that file system.

. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/guest.sh"
requires_mirror
guest_setup e2fsck

truncate -s 192M "$tmp/leg0" "$tmp/leg1"

# nbdkit cannot choose a free port itself.
for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 12000))
  mirror_options=(-i 127.0.0.1 -p "$port")
  if try_start_mirror "$tmp/leg0" "$tmp/leg1" log=disk:"$tmp/log"; then
    break
  fi
  grep -q 'Address already in use' "$tmp/mirror.log" ||
    fail "the mirror did not start"
  port=
done
[ -n "$port" ] || fail "no free port found"

mkdir "$tmp/guest-nbd"
cp "$guest_dir/fs-load.sh" "$tmp/guest-nbd"
echo "port=$port" > "$tmp/guest-nbd/env"
start_guest nbd "$guest_dir/nbd-client.guest.sh" \
  -netdev user,id=n0 -device virtio-net-pci,netdev=n0,romfile=
finish_guest

wait_mirror
stop_mirror
legs_equal "$tmp/leg0" "$tmp/leg1"
for leg in leg0 leg1; do
  e2fsck -f -n "$tmp/$leg" || fail "e2fsck of $leg: status $?"
done
