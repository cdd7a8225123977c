#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# An NBD leg that is slow, but does what it is asked, is no failed leg: a server
# that does more at a time than it can answer within leg-timeout, and one whose
# flush takes longer than that.  Who wants a hard limit has one.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq qemu-img
requires nbdkit eval --version

size=32M

# serve NBDKIT-ARG... -- PLUGIN-ARG...: a mirror of a file and that leg
serve ()
{
  local words=()

  while [ "$1" != -- ]; do
    words+=("$1")
    shift
  done
  shift
  rm -f "$tmp/log" "$tmp/a" "$tmp/b"
  truncate -s "$size" "$tmp/a" "$tmp/b"
  start_leg b "${words[@]}"
  : >"$tmp/mirror.log"
  start_mirror "$tmp/a" "${leg_uri[b]}" log=disk:"$tmp/log" region-size=64K \
    "$@"
  wait_mirror
}

# No leg was lost, and they are equal.  (At the end of the server a leg gets no
# more than leg-timeout.)
all_is_well ()
{
  expect "$1: state" "$(json .mirror.state)" in-sync
  expect "$1: times lost" "$(lost "${leg_uri[b]}")" 0
  stop_mirror
  legs_equal "$tmp/a" "$tmp/b"
  kill_leg b
}

# --- 2 MiB a second: one large request, then many at a time
serve --filter=rate file "$tmp/b" rate=16M burstiness=1 -- leg-timeout=4
write_pattern 1 0 10M
all_is_well 'a large request'

serve --filter=rate file "$tmp/b" rate=16M burstiness=1 -- leg-timeout=4
qemu-img bench -f raw -w -c 64 -d 64 -s 256k --pattern=3 "$uri" \
  >"$tmp/bench.log"
all_is_well 'many requests'

# --- a server that serves nothing else while it flushes
size=1M
# shellcheck disable=SC2016 # $3 and $4 are the server's
serve eval get_size="echo $size" thread_model='echo serialize_all_requests' \
  pread="dd if='$tmp/b' bs=64k iflag=skip_bytes,count_bytes "'skip=$4 count=$3' \
  pwrite="dd of='$tmp/b' bs=64k conv=notrunc oflag=seek_bytes "'seek=$4' \
  can_flush='exit 0' flush='sleep 3' -- leg-timeout=2
qemu-io -f raw "$uri" -c 'write -P 1 0 64k' -c flush \
  -c 'write -P 2 512k 64k' -c flush >>"$tmp/qemu-io.log"
all_is_well 'a slow flush'
size=32M

# --- whatever moves, no request takes longer than that
serve --filter=delay file "$tmp/b" delay-write=30 -- leg-timeout=60 \
  leg-fail-after=2 leg-records=off
write_pattern 1 0 64k
expect 'a hard limit: state' "$(json .mirror.state)" degraded
said 'a request was not answered in 2 s'
stop_mirror
