#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A leg that was replaced by a blank file gets a full copy, said loudly; one
# replaced by a file with data of its own is refused and not touched; one
# that was only copied or moved is still the leg it was.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 32M a b
start_mirror a b log=disk:log region-size=64K
write_pattern 1 0 32M
stop_mirror
cp a wanted

# Blank.
rm b
truncate -s 32M b
planned 0 "leg $d/b" 'full' 'would serve' -- a b log=disk:log
start_mirror a b log=disk:log
said "leg $d/b: is empty though the log knows it, will get a full copy"
wait_mirror
stop_mirror
legs_equal wanted a
legs_equal wanted b

# The recorded primary is blank: it never wins over the good leg, not even
# with sync=force, and alone it is refused.
rm a
truncate -s 32M a
refused 'source=0@' -- a missing log=disk:log
planned 0 "leg $d/b: source" 'would serve' -- a b log=disk:log sync=force
start_mirror a b log=disk:log
said "leg $d/a: is empty though the log knows it, will get a full copy"
wait_mirror
stop_mirror
legs_equal wanted a
legs_equal wanted b

# Foreign.
mv b b.good
head -c 32M /dev/urandom >b
refused "leg $d/b: is not the leg that the log $d/log knows" -- \
  a b log=disk:log
planned 1 "leg $d/b: is not the leg that the log $d/log knows" -- \
  a b log=disk:log
mv b.good b

# A copy is the leg.
cp b b.copy
rm b
planned 0 'nothing to copy' -- a b.copy log=disk:log
start_mirror a b.copy log=disk:log
expect 'copied' "$(json .resync.copied_bytes)" 0
expect 'state' "$(json .mirror.state)" in-sync
stop_mirror
legs_equal a b.copy

# Smaller.
truncate -s 16M b.copy
refused "leg $d/b.copy: has 16777216 bytes" -- a b.copy log=disk:log
