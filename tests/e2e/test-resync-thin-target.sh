#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A resync leaves a thin target thin: where the source has zeroes and the
# target reads as zeroes already nothing is written, also within a region, and
# clients see the same holes.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool nbdinfo
requires nbdsh -c pass

# Bytes allocated.
used ()
{
  echo $(($(stat -c '%b * %B' "$1")))
}

# Bytes that block status calls data.
data_of ()
{
  nbdinfo --map --totals "$1" | awk '$3 == 0 { n = $1 } END { print n + 0 }'
}

# 4 KiB of data in each 512 KiB of 256 MiB, not at its beginning.
sparse_source ()
{
  rm -f "$tmp/a" "$tmp/b" "$tmp/log"
  truncate -s 256M "$tmp/a" "$tmp/b"
  nbdsh -c "
import os
fd = os.open ('$tmp/a', os.O_WRONLY)
for i in range (512):
    os.pwrite (fd, b'data' * 1024, i * 524288 + 65536)
os.fsync (fd)
"
}

# Some file systems put more than was written into a file.
sparse_source
data=$(used "$tmp/a")
[ "$data" -le $((16 << 20)) ] || skip "this file system has no holes of 4 KiB"

# resynced WHAT LEG0 LEG1 PARAMETER...
resynced ()
{
  local what=$1
  shift
  start_mirror "$@" log=disk:"$tmp/log"
  wait_mirror
  expect "$what: data seen by clients" "$(data_of "$uri")" $((2 << 20))
  stop_mirror
  legs_equal "$tmp/a" "$tmp/b"
  sync "$tmp/b"
  echo "$what: $(used "$tmp/a") bytes used in leg 0, $(used "$tmp/b") in leg 1"
  [ "$(used "$tmp/b")" -le $((data + (1 << 20))) ] ||
    fail "$what: leg 1 uses $(used "$tmp/b") bytes, leg 0 $data"
}

for size in '' region-size=64K; do
  sparse_source
  resynced "file to file $size" "$tmp/a" "$tmp/b" ${size:+"$size"}

  sparse_source
  start_leg b file "$tmp/b"
  resynced "file to NBD $size" "$tmp/a" "${leg_uri[b]}" ${size:+"$size"}
  kill_leg b

  sparse_source
  start_leg a --filter=noextents file "$tmp/a"
  resynced "read in full to file $size" "${leg_uri[a]}" "$tmp/b" \
    write-mostly=0 ${size:+"$size"}
  kill_leg a
done

# A server that cannot make holes.
sparse_source
start_leg b --filter=nozero file "$tmp/b"
resynced "file to NBD without zeroes" "$tmp/a" "${leg_uri[b]}"
kill_leg b
