#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Legs that are the same file twice, the log, too small, unreadable,
# read-only, in use or no leg at all are refused by name, and nothing is
# written.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 8M a b c
ln -s a a.symlink
ln a a.hardlink
mkdir directory
mkfifo fifo
: >empty

# The same leg by any path.
refused "leg $d/a and leg $d/a are the same" -- a a
refused "leg $d/a and leg $d/a.symlink are the same" -- "$d/a" a.symlink
refused "leg $d/a and leg $d/a.hardlink are the same" -- "$d/a" a.hardlink
refused "directory/../a are the same" -- "$d/a" directory/../a
refused "directory/../a are the same" -- "$d/a" b ./directory/../a
refused 'are the same' -- nbd://localhost:1/x nbd://localhost:1/x log=core

# A leg is the log.
refused "log=disk:$d/b: leg $d/b is the same" -- a b log=disk:b
refused "log=disk:$d/a.hardlink: leg $d/a is the same" -- \
  a b log=disk:a.hardlink
refused "log=disk:$d/a.symlink: leg $d/a is the same" -- a b log=disk:a.symlink

# What is no leg.
refused "leg $d/directory: not a regular file or block device" -- a directory
refused "leg $d/fifo: not a regular file or block device" -- a fifo
refused "leg $d/nothing: No such file or directory" missing -- a nothing
refused "leg $d/nothing: No such file or directory" -- nothing a log=core
refused "leg $d/empty" -- a empty
refused 'leg http://host/disk: unknown scheme' nbd+unix -- a http://host/disk
refused 'leg nbd+unix://' -- a nbd+unix://
refused 'leg nbd+unix:///?socket=/nowhere/socket' -- \
  a 'nbd+unix:///?socket=/nowhere/socket'
refused 'leg nbd://localhost:1' 'Connection refused' -- a nbd://localhost:1

# A regular file that somebody may not read or write.
chmod 755 "$tmp" "$d"
if [ "$(id -u)" -eq 0 ] &&
   setpriv --reuid=65534 --regid=65534 --clear-groups \
     test -x "$(dirname "$plugin")/$(basename "$plugin")"; then
  run_as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 666 a b c
  chmod 000 b
  chmod 777 "$tmp"
  refused "leg $d/b: open: Permission denied" -- a b log=core
  chmod 444 b
  refused "leg $d/b: open: Permission denied" -- a b log=core
  chmod 644 b
  run_as=()
elif [ "$(id -u)" -ne 0 ]; then
  chmod 000 b
  refused "leg $d/b: open: Permission denied" -- a b log=core
  chmod 444 b
  refused "leg $d/b: open: Permission denied" -- a b log=core
  chmod 644 b
fi

# A leg smaller than the mirror that its log knows.
mirror=first
start_mirror a b log=disk:"$tmp/first.mirrorlog"
write_pattern 7 0 1M
stop_mirror
cp "$tmp/first.mirrorlog" log
truncate -s 4M small
refused "leg $d/small: has 4194304 bytes" "$d/log" 8388608 -- \
  a small log=disk:log
refused "leg $d/small: has 4194304 bytes" 8388608 -- small b log=disk:log

# In use by a running server, whose process is named.
start_mirror a b log=disk:"$tmp/first.mirrorlog"
refused "leg $d/a: in use by process $mirror_pid" -- a c log=core
refused "leg $d/b: in use by process $mirror_pid" -- c b log=core
refused "leg $d/a.hardlink: in use by process $mirror_pid" -- \
  c a.hardlink log=core
refused "log disk:$tmp/first.mirrorlog: in use by process $mirror_pid" -- \
  a b log=disk:"$tmp/first.mirrorlog"
write_pattern 8 1M 1M
stop_mirror
legs_equal a b
