#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The kernel's dm-mirror and nbdmirror take over from each other after a
# crash, with the same legs and the same log, and resync just the regions
# that the other left dirty:
#
#   ours      nbdmirror, killed under load -> dm-mirror, power cut -> nbdmirror
#   poisoned  the same log on copies, with other data in a region that is
#             clean: dm-mirror must not copy it
#   kernel    dm-mirror on a log of its own, power cut -> nbdmirror

. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/guest.sh"
requires_mirror
guest_setup fio jq qemu-io nbdcopy

regions=128
region_size=$((512 * 1024))
size=$((regions * region_size))

# The regions that the kernel's bitmap in the log $1 calls dirty, in order.
dirty_regions ()
{
  local bytes byte r=0
  # shellcheck disable=SC2207
  bytes=($(od -An -v -tu1 -j 1024 -N $((regions / 8)) "$1"))
  for byte in "${bytes[@]}"; do
    for _ in 0 1 2 3 4 5 6 7; do
      [ $((byte & 1)) -eq 1 ] || echo "$r"
      byte=$((byte >> 1))
      r=$((r + 1))
    done
  done
}

# put TEXT FILE REGION [OFFSET]: 4 KiB of TEXT.
put ()
{
  { yes "$1" || true; } | head -c 4096 |
    dd of="$2" bs=4k seek=$((($3 * region_size + ${4:-0}) / 4096)) \
       conv=notrunc status=none
}

# holds TEXT FILE REGION [OFFSET [LENGTH]]
holds ()
{
  cmp -s <({ yes "$1" || true; } | head -c "${5:-4096}") \
    <(dd if="$2" bs=4k skip=$((($3 * region_size + ${4:-0}) / 4096)) \
         count=$((${5:-4096} / 4096)) status=none) ||
    fail "${2##*/}, region $3: not the $1 data"
}

# The regions in sync, as `dmsetup status` gave them in the guest.
guest_sync ()
{
  tr -d '\r' < "$guest_log" |
    awk -v set="$1" -v when="$2" \
      '$1 == "STATUS" && $2 == set && $3 == when { print $(8 + $7) }'
}

# --- nbdmirror is killed under load.

truncate -s "$size" "$tmp/leg0" "$tmp/leg1"
start_mirror leg="$tmp/leg0" leg="$tmp/leg1" log=disk:"$tmp/log" \
  region-size="$region_size"
wait_mirror
head -c 4M /dev/urandom > "$tmp/data"
nbdcopy "$tmp/data" "$uri"
# Later some regions must be clean that hold data.
wait_for "$deadline" json_is .mirror.dirty_regions 0

busy ()
{
  [ "$(json .legs[1].writes)" -gt 500 ]
}
background fio timeout -s KILL 60 \
  fio --name=load --ioengine=nbd --uri="$uri" --rw=randwrite --bs=4k \
      --iodepth=8 --offset=16M --size=12M --time_based --runtime=60 \
      --refill_buffers --fsync=16
load=$!
wait_for "$deadline" busy
kill_mirror
# It may have ended with its server.
kill -KILL "$load" 2>/dev/null || true
reap "$load" || true

"$tool" dump --json "$tmp/log" > "$tmp/dump.json"
out_of_sync=$(jq '[(.marked.runs[], .legs[].missed.runs[]) |
                   range (.first; .first + .count)] | unique | length' \
                 "$tmp/dump.json")
mapfile -t dirty < <(dirty_regions "$tmp/log")
expect "dirty in the kernel's bitmap" "${#dirty[@]}" "$out_of_sync"
[ "$out_of_sync" -gt 0 ] || fail "the load left nothing dirty"
[ "$out_of_sync" -lt $((regions / 2)) ] || fail "$out_of_sync regions dirty"
echo "nbdmirror killed: $out_of_sync of $regions regions out of sync"

# A write that was in flight: it has reached one leg only.
put half-done "$tmp/leg0" "${dirty[0]}"
cp --sparse=always "$tmp/leg0" "$tmp/leg0.copy"
cp --sparse=always "$tmp/leg1" "$tmp/leg1.copy"
cp "$tmp/log" "$tmp/log.copy"
poisoned=3
put poison "$tmp/leg1.copy" "$poisoned" 8192

table=$("$tool" dump --dm-table "$tmp/log")
echo "dm-table: $table"
case $table in
  *" $tmp/leg0 0 $tmp/leg1 0"*) ;;
  *) fail "leg 0 is the primary and must come first: $table" ;;
esac
table=${table//"$tmp/log"/LOG}
table=${table//"$tmp/leg0"/PRIMARY}
table=${table//"$tmp/leg1"/HELD}

# --- dm-mirror takes over, in a guest, and loses power.

truncate -s "$size" "$tmp/kernel0" "$tmp/kernel1"
truncate -s 1M "$tmp/kernel-log"
truncate -s %4096 "$tmp/log" "$tmp/log.copy"

ours_in_flight="7 40 127"
kernel_in_flight="5 33"
kernel_synced="20 90"
mkdir "$tmp/guest-dm"
sectors=$((region_size / 512))
cat > "$tmp/guest-dm/env" <<END
region_sectors=$sectors
ours_table='$(sed 's|LOG|/dev/vdc|; s|PRIMARY|/dev/vda|' <<< "$table")'
poisoned_table='$(sed 's|LOG|/dev/vdf|; s|PRIMARY|/dev/vdd|' <<< "$table")'
kernel_table='0 $((size / 512)) mirror disk 2 /dev/vdi $sectors 2 /dev/vdg 0 HELD 0 1 handle_errors'
ours_synced=60
ours_in_flight='$ours_in_flight'
kernel_synced='$kernel_synced'
kernel_in_flight='$kernel_in_flight'
END
mapfile -t disks < <(
  for f in leg0 leg1 log leg0.copy leg1.copy log.copy \
           kernel0 kernel1 kernel-log; do
    guest_disk "$tmp/$f"
  done
)
start_guest dm "$guest_dir/dm-mirror.guest.sh" -nic none "${disks[@]}"
wait_for "$guest_deadline" guest_says "CUT NOW"
grep -q '^CUT NOW' "$guest_log" || fail "the guest ended before the cut"
cut_guest
grep -a '^STATUS' "$guest_log"

in_sync=$((regions - out_of_sync))
expect "dm-mirror on our log" "$(guest_sync ours created)" "$in_sync/$regions"
expect "dm-mirror on its copy" "$(guest_sync poisoned created)" \
  "$in_sync/$regions"
expect "after its resync" "$(guest_sync ours synced)" "$regions/$regions"
expect "after the copy's" "$(guest_sync poisoned synced)" "$regions/$regions"

# Copied: what was in flight.  Not copied: what is clean.
holds half-done "$tmp/leg1.copy" "${dirty[0]}"
holds poison "$tmp/leg1.copy" "$poisoned" 8192
dd if="$tmp/leg0.copy" of="$tmp/leg1.copy" bs=4k count=1 conv=notrunc \
   status=none skip=$(((poisoned * region_size + 8192) / 4096)) \
   seek=$(((poisoned * region_size + 8192) / 4096))
legs_equal "$tmp/leg0.copy" "$tmp/leg1.copy"

# --- nbdmirror takes over from the kernel.

# takeover SET LEG0 LEG1 LOG IN-FLIGHT PLUGIN-ARG...
takeover ()
{
  local set=$1 leg0=$2 leg1=$3 log=$4 regions_in_flight n r
  read -ra regions_in_flight <<< "$5"
  shift 5
  n=${#regions_in_flight[@]}

  expect "$set: header version after kernel use" \
    "$(od -An -tu4 -j 4 -N 4 "$log" | tr -d ' ')" 2
  expect "$set: what the kernel left dirty" \
    "$(dirty_regions "$log" | xargs)" "${regions_in_flight[*]}"
  for r in "${regions_in_flight[@]}"; do
    holds flight "$leg0" "$r"
    if cmp -s -n 4096 -i $((r * region_size)) "$leg0" "$leg1"; then
      fail "$set: region $r did not differ"
    fi
  done

  # Clean: must not be copied.
  put poison "$leg1" 70

  start_mirror "$@" log=disk:"$log"
  # Some may have been copied by now.
  expect "$set: regions in flight, out of sync at first" \
    "$(json '.resync.total_bytes / .mirror.region_size')" "$n"
  wait_mirror --timeout 90
  expect "$set: out of sync in the end" \
    "$(json .mirror.out_of_sync_regions)" 0
  expect "$set: bytes that resync went over" "$(looked_at)" \
    $((n * region_size))
  for r in "${regions_in_flight[@]}"; do
    qemu-io -r -f raw "$uri" -c "read -P 0x66 $((r * region_size)) 1"
  done
  stop_mirror
  echo "$set: $n regions in flight, copied, no others"

  holds poison "$leg1" 70
  dd if="$leg0" of="$leg1" bs=4k count=1 conv=notrunc status=none \
     skip=$((70 * region_size / 4096)) seek=$((70 * region_size / 4096))
  legs_equal "$leg0" "$leg1"
}

start_leg nbd file "$tmp/kernel1"
takeover kernel "$tmp/kernel0" "$tmp/kernel1" "$tmp/kernel-log" \
  "$kernel_in_flight" \
  leg="$tmp/kernel0" leg="${leg_uri[nbd]}" region-size="$region_size"
for r in $kernel_synced; do
  holds synced "$tmp/kernel1" "$r" 0 1048576
done
kill_leg nbd

start_leg nbd file "$tmp/leg1"
takeover ours "$tmp/leg0" "$tmp/leg1" "$tmp/log" "$ours_in_flight" \
  leg="$tmp/leg0" leg="${leg_uri[nbd]}"
holds synced "$tmp/leg1" 60 0 1048576
head -c $((region_size * 7)) "$tmp/data" | cmp - <(head -c $((region_size * 7)) "$tmp/leg1") ||
  fail "data written before the first crash is gone"
