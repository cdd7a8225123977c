#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# One block of 4 KiB that the only source cannot read holds up no other region
# of a resync: all of them are copied at once, that one stays missed and is
# named once.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool qemu-io
requires nbdkit eval --version

truncate -s 64M "$tmp/a" "$tmp/b"
qemu-io -f raw -c 'write -P 1 0 64M' "$tmp/a" >>"$tmp/qemu-io.log"

# A byte in the middle of region 40 is in the bad block, until that is healed.
bad=$(((40 << 20) + 300000))
start_leg a eval get_size='echo 64M' \
  pread="[ \$4 -gt $bad ] || [ \$((\$4 + \$3)) -le $bad ] ||
           [ -e '$tmp/healed' ] || { echo EIO bad block >&2; exit 1; }
         dd if='$tmp/a' bs=1M skip=\$4 count=\$3 \
           iflag=skip_bytes,count_bytes status=none" \
  pwrite="dd of='$tmp/a' bs=1M seek=\$4 oflag=seek_bytes conv=notrunc \
            status=none" \
  flush="sync '$tmp/a'"

reads_of_source ()
{
  json '.legs[0].read_errors'
}

begin=$SECONDS
start_mirror "${leg_uri[a]}" "$tmp/b" log=disk:"$tmp/log" region-size=1M
wait_for "$deadline" json_is '.legs[1].missed_regions' 1
echo "all but one of 64 regions after $((SECONDS - begin)) s"
wait_for "$deadline" json_is '.legs[1].state' stale
said "leg ${leg_uri[a]}: resync: read at offset 41943040: Input/output error"
cmp -n $((40 << 20)) "$tmp/a" "$tmp/b" || fail 'before the bad block'
cmp -i $((41 << 20)) "$tmp/a" "$tmp/b" || fail 'behind the bad block'
# After 1, 2, 4, 8, 16 seconds, and not at each pass.
if [ $((SECONDS - begin)) -lt 29 ] && [ "$(reads_of_source)" -gt 6 ]; then
  fail "read $(reads_of_source) times"
fi

# Clients go on.  The next start finds a source that can be read.
write_pattern 2 0 64k
stop_mirror
touch "$tmp/healed"
start_mirror "${leg_uri[a]}" "$tmp/b" log=disk:"$tmp/log"
wait_mirror
stop_mirror
expect 'messages' "$(grep -c 'resync: read at offset' "$tmp/mirror.log")" 1
legs_equal "$tmp/a" "$tmp/b"
