# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh

# Runs in the guest: use the block device $1 as people do and see that it
# gives back what it was given.

dev=$1

show ()
{
  echo "$1: $(cat "/sys/block/${dev##*/}/queue/$1")"
}

show write_cache
show fua
show discard_max_bytes
show write_zeroes_max_bytes
show logical_block_size
show optimal_io_size

mkfs.ext4 -q -F "$dev"
mount -t ext4 "$dev" /mnt

mkdir /mnt/tree
cp -a /bin /lib /mnt/tree
i=1
while [ $i -le 16 ]; do
  dd if=/dev/urandom of=/mnt/random$i bs=37k count=$i conv=fsync 2>/dev/null
  i=$((i + 1))
done
dd if=/dev/urandom of=/mnt/direct bs=128k count=8 oflag=direct 2>/dev/null
cp -a /mnt/tree /mnt/gone
sync
rm -r /mnt/gone
dd if=/dev/urandom of=/mnt/random3 bs=4k seek=3 count=2 conv=notrunc,fsync \
  2>/dev/null
find /mnt -type f | sort | xargs md5sum > /run/sums
echo "files: $(wc -l < /run/sums), $(du -sk /mnt | cut -f1) KiB"
fstrim -v /mnt
sync
umount /mnt

e2fsck -f -n "$dev"
blockdev --flushbufs "$dev"
echo 3 > /proc/sys/vm/drop_caches
mount -t ext4 -o ro "$dev" /mnt
md5sum -c -s /run/sums
umount /mnt
echo "checked: $(wc -l < /run/sums) files"
