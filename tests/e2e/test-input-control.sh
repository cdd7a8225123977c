#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The control socket: a stale one is replaced, one that is in use or is no
# socket is refused; it is for the owner only.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

d=$tmp/data
mkdir "$d"
cd "$d"
truncate -s 1M a b c d

echo text >file
mkdir directory
refused "$d/file: exists and is not a socket" -- a b control=file
refused "$d/directory: exists and is not a socket" -- a b control=directory
refused "$d/nowhere/socket" 'No such file or directory' -- \
  a b control=nowhere/socket
long=$(printf '%0120d' 0)
refused "$long" 'socket' -- a b control="$long"
ln -s /nowhere dangling
refused "$d/dangling" -- a b control=dangling

start_mirror "$d/c" "$d/d"
expect 'mode of the control socket' "$(stat -c %a "$control")" 600
refused "$control is in use by a running server" -- a b control="$control"
wait_mirror
kill_mirror

# The dead server's socket is still there and is replaced.
[ -S "$control" ] || fail 'no stale socket'
start_mirror "$d/c" "$d/d"
wait_mirror
stop_mirror
[ ! -e "$control" ] || fail 'the control socket was left behind'
