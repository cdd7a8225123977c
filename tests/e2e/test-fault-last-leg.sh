#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The last in-sync leg fails a read, a write, a flush, and is lost: each time
# the client gets an error, and a message says why, but not for each request.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdkit eval --version
requires nbdsh -c pass

truncate -s 1M "$tmp/a"
fails ()
{
  echo "[ ! -e $tmp/bad-$1 ] || { echo EIO $1 >&2; exit 1; }"
}
start_leg a eval get_size='echo 1M' can_write='exit 0' can_flush='exit 0' \
  pread="$(fails pread); dd if=$tmp/a skip=\$4 count=\$3 iflag=count_bytes,skip_bytes status=none" \
  pwrite="$(fails pwrite); dd of=$tmp/a seek=\$4 oflag=seek_bytes conv=notrunc status=none" \
  flush="$(fails flush)"
start_leg b memory 1M
start_mirror "${leg_uri[a]}" "${leg_uri[b]}" log=disk:"$tmp/log" leg-timeout=2
wait_mirror
kill_leg b
wait_for "$deadline" json_is .mirror.state degraded

# errors PYTHON: each of three requests gets EIO.
errors ()
{
  nbdsh -u "$uri" -c "
import errno
for i in range (3):
    try:
        $1
        raise SystemExit ('no error')
    except nbd.Error as e:
        assert e.errnum == errno.EIO, e
"
}

# said_once WORDS
said_once ()
{
  wait_said "leg ${leg_uri[a]}: $1"
  expect "messages: $1" "$(times_said "leg ${leg_uri[a]}: $1")" 1
}

kept='no other leg could do it, so clients get the error'

touch "$tmp/bad-pread"
errors 'h.pread (512, 4096)'
said_once "read at offset 4096: Input/output error; $kept"
rm "$tmp/bad-pread"

touch "$tmp/bad-pwrite"
errors 'h.pwrite (bytearray (512), 8192)'
said_once "write at offset 8192: Input/output error; $kept"
rm "$tmp/bad-pwrite"
expect 'state' "$(json .mirror.state)" degraded

# It can't be relied on any more.
touch "$tmp/bad-flush"
errors 'h.flush ()'
said_once "flush failed: Input/output error; $kept"
rm "$tmp/bad-flush"
expect 'state after a failed flush' "$(json .mirror.state)" failed

kill_leg a
wait_said "leg ${leg_uri[a]}: lost, and no other leg is in-sync"
errors 'h.pread (512, 4096)'
said_once 'lost, '
expect 'state without a leg' "$(json .mirror.state)" failed
