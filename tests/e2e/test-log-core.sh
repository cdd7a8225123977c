#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# log=core makes no file; after a restart leg 0 is copied to the others, and
# an empty leg 0 beside a leg with data is refused.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 8M a b c
start_mirror a b log=core
write_pattern 1 0 4M
expect 'log' "$(json .log.type)" core
stop_mirror
expect 'files' "$(find . -type f | sort | xargs)" \
  './a ./a.mirrorleg ./b ./b.mirrorleg ./c'
legs_equal a b

# The other leg differs now.
printf 'other' | dd of=b bs=1M seek=1 conv=notrunc status=none
planned 0 "leg $d/b: full resync" -- a b log=core
start_mirror a b log=core
wait_mirror
expect 'looked at' "$(looked_at)" $((8 << 20))
qemu-io -f raw "$uri" -c 'read -P 1 0 4M' >"$tmp/qemu-io.log"
stop_mirror
legs_equal a b

# Without a record of what it holds.
rm b.mirrorleg
refused "leg $d/b: holds data" -- c b log=core
planned 1 "leg $d/b: holds data" -- c b log=core
refused "leg $d/nothing" missing -- a nothing log=core

# A leg that can't have a record, for it holds data to its end, does not make a
# restart a question.
rm -f ./*.mirrorleg
truncate -s 0 b
truncate -s 8M b
qemu-io -f raw a -c 'write -P 2 0 8M' >>"$tmp/qemu-io.log"
start_leg raw file "$d/a"
for _ in new restarted; do
  start_mirror "${leg_uri[raw]}" "$d/b" log=core
  wait_mirror
  stop_mirror
  legs_equal a b
done
start_mirror "$d/b" "${leg_uri[raw]}" log=core
wait_mirror
stop_mirror
