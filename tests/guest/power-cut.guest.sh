# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# shellcheck disable=SC2154 # from /env

# Runs in the guest: the mirror on three disks, until the power goes.  /env
# says which boot this is and which is the last one; /durable is what earlier
# boots' stamp-load said.

# shellcheck source=/dev/null
. /env
ifconfig lo up
for disk in a b c; do
  mkdir -p "/mnt/$disk"
  mount -t ext4 "/dev/vd$disk" "/mnt/$disk"
done
if [ "$boot" = 1 ]; then
  truncate -s 16M /mnt/a/leg /mnt/b/leg
  sync # what comes later is the mirror's to make durable
fi

uri='nbd+unix:///?socket=/run/sock'
nbdkit -f -U /run/sock -P /run/pid /plugin.so /mnt/a/leg /mnt/b/leg \
  log=disk:/mnt/c/log region-size=64K control=/run/control &
mirror=$!
left=2000
until [ -s /run/pid ] && [ -S /run/control ]; do
  left=$((left - 1))
  [ $left -gt 0 ]
  kill -0 $mirror
  sleep 0.1
done
nbdmirror wait --timeout 200 /run/control
echo "RESYNC $(nbdmirror status --json /run/control | tr -d '\n')"
stamp-load check "$uri" </durable
if [ "$boot" = "$last" ]; then
  kill $mirror
  wait $mirror
  umount /mnt/a /mnt/b /mnt/c
  exit 0
fi
stamp-load write "$uri" "$boot"00000000
