#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Two histories: leg 0 alone is written, then, by source=, leg 1 alone.  When
# both are back nothing is lost that was acknowledged after the override, and
# what leg 0 has written before it is gone from both.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 32M a b
start_mirror a b log=disk:log region-size=64K
wait_mirror
write_pattern 1 0 32M
stop_mirror

# end HOW: the server ends, its legs equal or not.
end ()
{
  case $1 in
    clean) stop_mirror ;;
    crash) kill_mirror ;;
  esac
}

g ()
{
  dump .generation log
}

# histories HOW: leg 0 alone, then leg 1 alone; the words are in $override.
histories ()
{
  start_mirror a missing log=disk:log
  write_pattern 2 1M 128k # only leg 0 writes here
  write_pattern 2 4M 128k # both will
  end "$1"
  mv a a.away
  refused "source=1@$(g)" -- a b log=disk:log
  override=source=1@$(g)
  start_mirror a b log=disk:log "$override"
  qemu-io -f raw "$uri" -c 'read -P 1 0 32M' >>"$tmp/qemu-io.log"
  write_pattern 3 4M 128k
  write_pattern 3 9M 128k # only leg 1 does
  end "$1"
  mv a.away a
}

acknowledged ()
{
  qemu-io -f raw "$uri" -c 'read -P 1 0 4M' -c 'read -P 3 4M 128k' \
    -c 'read -P 3 9M 128k' -c 'read -P 1 4224k 1M' >>"$tmp/qemu-io.log"
}

for how in clean crash; do
  for order in 'a b' 'b a'; do
    histories "$how"
    read -ra legs <<<"$order"
    planned 0 "leg $d/b: source" 'would serve' -- "${legs[@]}" log=disk:log
    start_mirror "${legs[@]}" log=disk:log "$override"
    acknowledged
    wait_mirror
    expect "regions looked at, $how, $order" \
      "$(json '(.resync.copied_bytes + .resync.skipped_bytes) / 65536')" 6
    stop_mirror
    legs_equal a b
    start_mirror a b log=disk:log
    acknowledged
    write_pattern 1 0 32M
    stop_mirror
  done
done

# A crash while the other leg is being brought up to date; the one that is
# not is no source then, whatever words are in the unit file.
histories crash
start_mirror a b log=disk:log "$override" resync-rate=4K
write_pattern 4 20M 64k
kill_mirror
mv b b.away
refused "$d/b" "source=0@$(g)" -- a b log=disk:log "$override" sync=force
mv b.away b
start_mirror a b log=disk:log "$override"
acknowledged
qemu-io -f raw "$uri" -c 'read -P 4 20M 64k' >>"$tmp/qemu-io.log"
wait_mirror
stop_mirror
legs_equal a b
