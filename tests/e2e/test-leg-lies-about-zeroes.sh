#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A leg whose block status calls data a hole: it is not overwritten as empty,
# a resync from it or to it makes the legs equal, clients are told of data, and
# one message says so.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool nbdinfo
requires nbdkit eval --version
requires nbdsh -c pass

d=$tmp/data
mkdir "$d"

# liar FILE: a leg that keeps its data in FILE and says what is in FILE.map of
# where they are.
liar ()
{
  local f=$d/$1
  start_leg "$1" eval \
    thread_model='echo parallel' \
    get_size="stat -c %s $f" \
    pread="dd if=$f skip=\$4 count=\$3 bs=1M iflag=skip_bytes,count_bytes \
             status=none" \
    pwrite="dd of=$f seek=\$4 bs=1M oflag=seek_bytes conv=notrunc status=none" \
    zero="fallocate -z -o \$4 -l \$3 $f" \
    can_zero='exit 0' can_flush='exit 0' flush="sync $f" can_extents='exit 0' \
    extents="cat $tmp/$1.map"
}

# fresh A B: 8 MiB each; full, empty, or 64 KiB of data in the MIDDLE.
fresh ()
{
  local name
  rm -f "$d"/*
  for name in a b; do
    truncate -s 8M "$d/$name"
    echo '0 8M hole,zero' >"$tmp/$name.map"
    case $1 in
      full) head -c 8M /dev/urandom >"$d/$name" ;;
      middle)
        head -c 64k /dev/urandom |
          dd of="$d/$name" bs=64k seek=84 conv=notrunc status=none
        ;;
    esac
    shift
  done
}

# Runs that block status calls zeroes and that are not.
lies_seen_by_clients ()
{
  nbdsh -c 'h.add_meta_context ("base:allocation")' \
    -c "h.connect_uri ('$uri')" -c '
runs = []
def extent (context, offset, entries, err):
    for length, flags in zip (entries[0::2], entries[1::2]):
        if flags & 2:
            runs.append ((length, offset))
        offset += length
size = h.get_size ()
for offset in range (0, size, 1 << 20):
    h.block_status (size - offset, offset, extent)
print (sum (any (h.pread (*run)) for run in runs))
'
}

said_once ()
{
  expect "times that leg $1 is said to lie" \
    "$(times_said "leg $1: its block status calls zeroes what is not")" 1
}

# It holds data, which are not overwritten.
for data in full middle; do
  fresh full "$data"
  liar b
  refused "holds data" sync=force -- "$d/a" "${leg_uri[b]}" log=disk:"$tmp/l"
  planned 1 'would refuse' -- "$d/a" "${leg_uri[b]}" log=disk:"$tmp/l"
  kill_leg b
  rm -f "$tmp/l"
done

# It is the source.
for data in full middle; do
  fresh empty "$data"
  liar b
  start_mirror "${leg_uri[b]}" "$d/a" log=disk:"$tmp/l"
  wait_mirror
  expect 'lies to clients' "$(lies_seen_by_clients)" 0
  stop_mirror
  legs_equal "$d/a" "$d/b"
  said_once "${leg_uri[b]}"
  kill_leg b
  rm "$tmp/l" "$tmp/mirror.log"
done

# It is overwritten, and says that it needs nothing.
for data in full middle; do
  fresh empty "$data"
  liar b
  start_mirror "$d/a" "${leg_uri[b]}" log=disk:"$tmp/l" sync=force
  wait_mirror
  stop_mirror
  legs_equal "$d/a" "$d/b"
  said_once "${leg_uri[b]}"
  kill_leg b
  rm "$tmp/l" "$tmp/mirror.log"
done

# It tells the truth at the start, and lies later.
fresh full full
cp "$d/a" "$d/b"
truncate -s 8M "$d/c"
echo '0 8M' >"$tmp/b.map"
liar b
start_leg c file "$d/c"
start_mirror "${leg_uri[b]}" "${leg_uri[c]}" log=disk:"$tmp/l" quarantine=0 \
  region-size=64K read-policy=first
wait_mirror
nbdinfo --map "$uri" >"$tmp/map.log"
kill_leg c
write_pattern 7 1M 1M
write_pattern 0 3M 1M
wait_for "$deadline" json_is .mirror.dirty_regions 0
echo '0 8M hole,zero' >"$tmp/b.map"
before=$(synced "${leg_uri[c]}")
start_leg c file "$d/c"
wait_for "$deadline" leg_synced c "$before"
expect 'lies to clients' "$(lies_seen_by_clients)" 0
said_once "${leg_uri[b]}"
stop_mirror
legs_equal "$d/b" "$d/c"

# That it was found out stays so, also when it tells the truth again.
start_mirror "${leg_uri[b]}" "${leg_uri[c]}" log=disk:"$tmp/l" quarantine=0 \
  read-policy=first
printf '0 3M\n3M 1M hole,zero\n4M 4M\n' >"$tmp/b.map"
expect 'zeroes' "$(nbdinfo --map --totals "$uri" | awk '$3 == 3' | wc -l)" 0
stop_mirror

# Opened anew it is believed.
start_mirror "${leg_uri[b]}" "${leg_uri[c]}" log=disk:"$tmp/l" quarantine=0 \
  read-policy=first
expect 'zeroes' "$(nbdinfo --map --totals "$uri" | awk '$3 == 3' | wc -l)" 1
stop_mirror
