#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# fio writes, flushes and verifies, by one connection with blocks of any size
# and by four at a time, on two local legs and an NBD leg.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool fio
requires fio --enghelp=nbd

truncate -s 64M "$tmp/a" "$tmp/b" "$tmp/c"
start_leg c file "$tmp/c"
start_mirror "$tmp/a" "$tmp/b" "${leg_uri[c]}" region-size=64K

fio_nbd ()
{
  (cd "$tmp" && fio --ioengine=nbd --uri="$uri" --output="$tmp/fio.log" "$@")
}

fio_nbd --name=one --rw=randwrite --bsrange=512-128k --blockalign=512 \
  --iodepth=16 --serialize_overlap=1 --size=24M --fsync=32 --verify=crc32c \
  --verify_fatal=1 --do_verify=1 --refill_buffers
fio_nbd --name=four --rw=randwrite --bs=4k --iodepth=16 --numjobs=4 \
  --offset_increment=16M --size=6M --verify=sha256 --verify_fatal=1 \
  --do_verify=1
expect 'state' "$(json .mirror.state)" in-sync
wait_mirror
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
legs_equal "$tmp/a" "$tmp/c"
