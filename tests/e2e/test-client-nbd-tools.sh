#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# libnbd's tools: all features are offered; an ext4 image copied in and out is
# identical and both legs hold it; bad requests get the errors that nbdkit's
# own plugins give, and the connection lives on.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool nbdinfo nbdcopy mke2fs e2fsck
requires nbdsh -c pass

truncate -s 64M "$tmp/a" "$tmp/b"
start_mirror "$tmp/a" "$tmp/b"

expect 'size' "$(nbdinfo --size "$uri")" $((64 << 20))
for feature in flush fua trim zero fast-zero cache df multi-conn write \
               'structured reply' connect; do
  nbdinfo --can "$feature" "$uri" || fail "cannot $feature"
done
nbdinfo --is read-only "$uri" && fail 'it is read-only'
nbdinfo --json "$uri" >"$tmp/info.json"
expect 'minimum block' "$(jq '.exports[0].block_size_minimum' \
  "$tmp/info.json")" 1
[ "$(jq '.exports[0].block_size_preferred' "$tmp/info.json")" -ge 4096 ] ||
  fail 'the preferred block is small'
expect 'contexts' "$(jq -r '.exports[0].contexts[0]' "$tmp/info.json")" \
  base:allocation
nbdinfo --map "$uri" >"$tmp/map"
expect 'map of an empty mirror' "$(awk '{ print $2, $4 }' "$tmp/map")" \
  "$((64 << 20)) hole,zero"

# A real disk image, in and out.
mkdir "$tmp/tree"
cp "$top_srcdir"/tests/e2e/*.sh "$top_srcdir"/plugin/*.c "$tmp/tree"
head -c 8M /dev/urandom >"$tmp/tree/random"
truncate -s 64M "$tmp/image"
mke2fs -q -F -t ext4 -d "$tmp/tree" "$tmp/image"
nbdcopy --flush "$tmp/image" "$uri"
nbdcopy "$uri" "$tmp/out"
cmp "$tmp/image" "$tmp/out"
nbdcopy -C 4 --requests=32 --request-size=131072 "$uri" - | cmp - "$tmp/image"
legs_equal "$tmp/a" "$tmp/image"
legs_equal "$tmp/b" "$tmp/image"
nbdinfo --map --totals "$uri" | grep -q 'hole,zero' || fail 'no holes left'
# Over what is there, by several connections, with zeroes detected.
head -c 64M /dev/urandom >"$tmp/random"
nbdcopy -C 4 -S 4096 --flush "$tmp/random" "$uri"
legs_equal "$tmp/a" "$tmp/random"
legs_equal "$tmp/b" "$tmp/random"
nbdcopy -C 4 -S 4096 --flush "$tmp/image" "$uri"
legs_equal "$tmp/a" "$tmp/image"
legs_equal "$tmp/b" "$tmp/image"
e2fsck -f -n "$tmp/b" >"$tmp/e2fsck.log"

cat >"$tmp/requests.py" <<'END'
import errno

size = h.get_size()
h.set_strict_mode(0)


def gets(wanted, call, *args):
    try:
        call(*args)
        seen = None
    except nbd.Error as e:
        seen = e.errnum
    assert seen == wanted, (call.__name__, args[-2:], seen, wanted)


gets(errno.EINVAL, h.pread, 4096, size)
gets(errno.EINVAL, h.pread, 4096, size - 512)
gets(errno.EINVAL, h.pread, 4096, 2**63)
gets(errno.ENOSPC, h.pwrite, b'x' * 4096, size)
gets(errno.ENOSPC, h.pwrite, b'x' * 4096, size - 512)
gets(errno.EINVAL, h.trim, 4096, size)
gets(errno.ENOSPC, h.zero, 4096, size)
gets(errno.EINVAL, h.cache, 4096, size)
gets(errno.EINVAL, h.pread, 4096, 0, 0x8000)

# Any alignment, across regions, down to a byte.
h.pwrite(b'a' * 3, 524287)
h.pwrite(b'b', 0)
h.pwrite(b'c', size - 1, nbd.CMD_FLAG_FUA)
h.zero(777, 1000, nbd.CMD_FLAG_NO_HOLE)
h.zero(777, 2000, nbd.CMD_FLAG_FUA)
h.trim(1, 5)
assert h.pread(3, 524287) == b'aaa'
assert h.pread(1, 0) == b'b'
assert h.pread(1, size - 1) == b'c'
assert h.pread(777, 1000) == bytes(777)
assert h.pread(777, 2000) == bytes(777)
h.cache(1 << 20, 1 << 20)
h.pwrite(b'z' * (32 << 20), 1 << 20)
assert h.pread(32 << 20, 1 << 20) == b'z' * (32 << 20)
h.flush()

entries = []
h.block_status(size, 0, lambda c, o, e, err: entries.extend(e[0::2]))
assert sum(entries) <= size, entries
h.block_status(512, 1 << 20, lambda c, o, e, err: entries.append(e[0]),
               nbd.CMD_FLAG_REQ_ONE)
assert entries[-1] <= 512, entries
h.shutdown()
END
nbdsh --base-allocation -u "$uri" -c "$(cat "$tmp/requests.py")"
wait_mirror
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
