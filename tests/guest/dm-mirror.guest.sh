# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# shellcheck disable=SC2154 # from /env

# Runs in the guest: dm-mirror on three sets of legs and log.  /env gives
# for each set its table line, in which HELD stands for a device over the
# leg that is not the primary; while that one is suspended nothing is
# written to it, so neither resync nor writes get on.
#
#   ours      a log of nbdmirror's; then used by the kernel
#   poisoned  the same as it was, on copies
#   kernel    a log that is new to the kernel
#
# The last thing is that the power goes while writes are in flight.

# shellcheck source=/dev/null
. /env

# wait_for SECONDS CMD...
wait_for ()
{
  left=$(($1 * 10))
  shift
  until "$@"; do
    left=$((left - 1))
    if [ $left -le 0 ]; then
      echo "timed out waiting for: $*"
      return 1
    fi
    sleep 0.1
  done
}

number ()
{
  dmsetup info -c --noheadings -o major,minor --separator : "$1"
}

# Create set $1 with the table $2 over the leg $3, held.
assemble ()
{
  echo "0 $(blockdev --getsz "$3") linear $3 0" |
    dmsetup create --noudevsync "$1-held"
  dmsetup suspend --noflush --nolockfs "$1-held"
  echo "$2" | sed "s|HELD|$(number "$1-held")|" |
    dmsetup create --noudevsync "$1"
  dmsetup mknodes
  status "$1" created
}

status ()
{
  echo "STATUS $1 $2 $(dmsetup status "$1")"
}

synced ()
{
  dmsetup status "$1" | grep -q ' \([0-9]*\)/\1 '
}

release ()
{
  dmsetup resume "$1-held"
  wait_for 200 synced "$1"
  status "$1" synced
}

# Where region $1 begins, in blocks of 4 KiB.
blocks ()
{
  echo $(($1 * region_sectors / 8))
}

# The kernel has marked region $2 in the log $1.
marked ()
{
  byte=$(dd if="$1" iflag=direct bs=4k count=1 2>/dev/null |
    od -An -v -tu1 -j $((1024 + $2 / 8)) -N 1)
  [ $((byte >> ($2 % 8) & 1)) -eq 0 ]
}

# Region $2 of the device $1 begins with the data that put_in_flight writes.
arrived ()
{
  dd if="$1" iflag=direct bs=4k skip="$(blocks "$2")" count=1 2>/dev/null |
    cmp -s - /flight
}

# Writes to the regions $4... of set $1 are marked in the log $2 and have
# reached the primary $3; they never reach the other leg.
put_in_flight ()
{
  set_name=$1
  log=$2
  primary=$3
  shift 3
  dmsetup suspend --noflush --nolockfs "$set_name-held"
  for region; do
    dd if=/flight of="/dev/mapper/$set_name" oflag=direct bs=4k \
      seek="$(blocks "$region")" count=1 2>/dev/null &
  done
  for region; do
    wait_for 200 marked "$log" "$region"
    wait_for 200 arrived "$primary" "$region"
  done
}

yes flight | head -c 4096 > /flight

assemble ours "$ours_table" /dev/vdb
release ours
assemble poisoned "$poisoned_table" /dev/vde
release poisoned
dmsetup remove --noudevsync poisoned
assemble kernel "$kernel_table" /dev/vdh
release kernel

# Written and synced: must be there after the power cut.
yes synced | head -c 1048576 > /synced
for region in $kernel_synced; do
  dd if=/synced of=/dev/mapper/kernel bs=4k seek="$(blocks "$region")" \
    conv=fsync 2>/dev/null
done
dd if=/synced of=/dev/mapper/ours bs=4k \
  seek="$(blocks "$ours_synced")" conv=fsync 2>/dev/null

# shellcheck disable=SC2086
put_in_flight kernel /dev/vdi /dev/vdg $kernel_in_flight
# shellcheck disable=SC2086
put_in_flight ours /dev/vdc /dev/vda $ours_in_flight
status kernel cut
status ours cut
echo "CUT NOW"
while :; do sleep 1; done # until the power goes
