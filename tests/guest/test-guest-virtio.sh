#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A guest keeps an ext4 file system on the mirror, which qemu attaches as a
# virtio disk; both legs then hold that file system.

. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/guest.sh"
requires_mirror
guest_setup e2fsck

truncate -s 192M "$tmp/leg0" "$tmp/leg1"
start_mirror "$tmp/leg0" "$tmp/leg1" log=disk:"$tmp/log"

mkdir "$tmp/guest-virtio"
cp "$guest_dir/fs-load.sh" "$tmp/guest-virtio"
start_guest virtio "$guest_dir/virtio.guest.sh" -nic none \
  -drive "file=nbd+unix:///?socket=$sock,if=virtio,format=raw,discard=unmap,detect-zeroes=unmap,cache=none"
finish_guest

wait_mirror
stop_mirror
legs_equal "$tmp/leg0" "$tmp/leg1"
for leg in leg0 leg1; do
  e2fsck -f -n "$tmp/$leg" || fail "e2fsck of $leg: status $?"
done
