#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# qemu's clients: every kind of request by qemu-io; images copied, compared
# and mapped by qemu-img; both legs hold the same.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool qemu-io qemu-img

truncate -s 64M "$tmp/a" "$tmp/b" "$tmp/mirrored"
start_mirror "$tmp/a" "$tmp/b" region-size=64K

# The same commands on a file are the oracle.
commands=(
  -c 'write -P 0x5a 0 1M' -c 'write -f -P 0xa5 1M 64k'
  -c 'write -z 2M 1M' -c 'write -z -u 4M 1M' -c 'write -P 7 65000 1000'
  -c 'discard 8M 1M' -c flush -c 'read -P 0 2M 1M' -c 'read -P 0x5a 0 64000'
  -c 'aio_write -P 1 16M 64k' -c 'aio_write -P 2 17M 64k'
  -c 'aio_write -z 19M 4k' -c aio_flush
  -c 'writev -P 3 18M 4k 8k 512 4k' -c 'write -P 4 67108352 512'
  -c 'write -P 9 30M 8M' -c 'write -z 31M 5M' -c 'write -P 8 33M 4k'
  -c 'read -P 0 31M 2M' -c 'read -P 8 33M 4k' -c 'read -P 9 36M 2M'
)
qemu-io -f raw -d unmap "$uri" "${commands[@]}" >"$tmp/qemu-io.log"
qemu-io -f raw -d unmap "$tmp/mirrored" "${commands[@]}" >"$tmp/qemu-io-file.log"
qemu-img compare -f raw -F raw "$uri" "$tmp/mirrored"
qemu-io -f raw "$uri" -c 'read -P 1 0 4k' >"$tmp/wrong.log" &&
  fail 'qemu-io did not see a wrong pattern'
wait_mirror
legs_equal "$tmp/a" "$tmp/mirrored"
legs_equal "$tmp/b" "$tmp/mirrored"

# convert in (qcow2 with holes) and out, compare, map.
qemu-img create -q -f qcow2 "$tmp/disk.qcow2" 64M
qemu-io -f qcow2 "$tmp/disk.qcow2" -c 'write -P 17 3M 5M' \
  -c 'write -P 18 40M 64k' >>"$tmp/qemu-io.log"
qemu-img convert -n -f qcow2 -O raw "$tmp/disk.qcow2" "$uri"
qemu-img compare -f raw -F qcow2 "$uri" "$tmp/disk.qcow2"
qemu-img convert -f raw -O qcow2 "$uri" "$tmp/back.qcow2"
qemu-img compare "$tmp/back.qcow2" "$tmp/disk.qcow2"
qemu-img map --output=json "$uri" >"$tmp/map.json"
expect 'bytes mapped as data' \
  "$(jq '[.[] | select (.data) | .length] | add' "$tmp/map.json")" \
  $(((5 << 20) + (64 << 10)))
qemu-img bench -f raw -w -c 1000 -d 16 -s 4096 --flush-interval=64 "$uri" \
  >"$tmp/bench.log"
wait_mirror
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
