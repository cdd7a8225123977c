#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The log remembers the block size that clients were told.  A leg that needs a
# larger one, as a 4 KiB disk in the place of a 512-byte one, is refused with
# the words that accept it: what clients do not align to it would fail.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

# leg_with_blocks NAME SIZE
leg_with_blocks ()
{
  start_leg "$1" --filter=blocksize-policy file "$tmp/$1" \
    blocksize-minimum="$2" blocksize-preferred=64K blocksize-maximum=1M \
    blocksize-error-policy=error
}

# told BYTES: by the server, the status, and the log.
told ()
{
  expect 'what clients are told' \
    "$(nbdsh -u "$uri" -c 'print (h.get_block_size (nbd.SIZE_MINIMUM))')" "$1"
  expect 'min_block' "$(json .mirror.min_block)" "$1"
}

in_log ()
{
  expect 'what the log remembers' "$(dump .min_block "$tmp/data/log")" "$1"
}

write_512 ()
{
  nbdsh -u "$uri" -c 'h.pwrite (b"x" * 512, 512)'
}

mkdir "$tmp/data"
log=disk:$tmp/data/log
truncate -s 16M "$tmp/data/a" "$tmp/b"
leg_with_blocks b 512
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log"
wait_mirror
told 512
write_512
stop_mirror
in_log 512

# --- the leg's server now has blocks of 4096: refused, and nothing is written
kill_leg b
leg_with_blocks b 4096
refused "leg ${leg_uri[b]}" 'blocks of 4096 bytes' 'promised blocks of 512' \
  minimum-block=4096 -- "$tmp/data/a" "${leg_uri[b]}" log="$log"
refused minimum-block=4096 -- "$tmp/data/a" "${leg_uri[b]}" log="$log" \
  minimum-block=2048
planned 1 minimum-block=4096 -- "$tmp/data/a" "${leg_uri[b]}" log="$log"
planned 0 'blocks of 4096 bytes' 'blocks of 512 bytes' -- \
  "$tmp/data/a" "${leg_uri[b]}" log="$log" minimum-block=4096

# --- without that leg all is as before
start_mirror "$tmp/data/a" missing log="$log"
told 512
write_512
stop_mirror

# --- accepted: from then on, with no more words
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log" minimum-block=4096
said 'clients were promised blocks of 512 bytes, and now 4096'
wait_mirror
told 4096
stop_mirror
in_log 4096
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log"
wait_mirror
told 4096
legs_equal "$tmp/data/a" "$tmp/b"
stop_mirror

# --- legs with smaller blocks: what was promised is kept
kill_leg b
leg_with_blocks b 512
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log"
wait_mirror
told 4096

# --- larger ones while it runs: not used, and it says how
kill_leg b
leg_with_blocks b 8192
wait_said 'has blocks of 8192 bytes now, but clients were promised 4096'
said minimum-block=8192
expect 'the leg' "$(json '.legs[1].state')" failed
stop_mirror
kill_leg b

# --- a new mirror may promise larger blocks from the start
rm "$tmp/data/log"
truncate -s 0 "$tmp/b"
truncate -s 16M "$tmp/b"
leg_with_blocks b 512
refused 'minimum-block=3000' 'power of 2' -- \
  "$tmp/data/a" "${leg_uri[b]}" log="$log" minimum-block=3000
refused 'minimum-block=128K' 64K -- \
  "$tmp/data/a" "${leg_uri[b]}" log="$log" minimum-block=128K
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log" minimum-block=8K
told 8192
stop_mirror
in_log 8192
kill_leg b
leg_with_blocks b 8192
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log"
wait_mirror
told 8192
stop_mirror
kill_leg b

# --- a size that is no multiple of the new blocks
truncate -s $((16 * 1048576 + 512)) "$tmp/data/c"
start_mirror "$tmp/data/c" missing log=disk:"$tmp/data/odd"
stop_mirror
refused minimum-block=4096 "does not divide the mirror's size" -- \
  "$tmp/data/c" missing log=disk:"$tmp/data/odd" minimum-block=4096

# --- a log on a server
truncate -s 0 "$tmp/b" "$tmp/data/a"
truncate -s 16M "$tmp/b" "$tmp/data/a"
rm "$tmp/data/a.mirrorleg"
start_logd
log=userspace:$logd_sock/x
leg_with_blocks b 512
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log"
wait_mirror
told 512
stop_mirror
kill_logd
start_logd
kill_leg b
leg_with_blocks b 4096
refused minimum-block=4096 -- "$tmp/data/a" "${leg_uri[b]}" log="$log"
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log" minimum-block=4096
wait_mirror
stop_mirror
start_mirror "$tmp/data/a" "${leg_uri[b]}" log="$log"
told 4096
stop_mirror
