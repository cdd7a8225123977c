#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The control socket is removed, with its directory too, or replaced, while the
# server runs: a free name is taken again; what is somebody else's is left alone.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

answers ()
{
  "$tool" status "$control"
}

made_again ()
{
  times_said 'the socket was removed, it was made again'
}

mkdir "$tmp/d"
truncate -s 1M "$tmp/a" "$tmp/b" "$tmp/c"
mirror=d/m
start_mirror "$tmp/a" "$tmp/b"
wait_mirror
background watch "$tool" status --watch "$control"
watcher=$!
wait_for "$deadline" test -s "$tmp/watch.log"

rm "$control"
wait_for "$deadline" answers
expect 'mode' "$(stat -c %a "$control")" 600
expect 'made again' "$(made_again)" 1

# --- moved away: that name leads nowhere any more
mv "$control" "$tmp/moved"
wait_for "$deadline" answers
expect 'made again' "$(made_again)" 2

# --- the directory is gone, and back
mv "$tmp/d" "$tmp/e"
wait_for "$deadline" grep -qF 'No such file or directory' "$tmp/e/m.log"
mkdir "$tmp/d"
mv "$tmp/e/m.log" "$tmp/e/m.pid" "$tmp/e/m.sock" "$tmp/d"
wait_for "$deadline" answers
expect 'made again' "$(made_again)" 3

# --- another server has the name: said once, and left alone; it goes again
rm "$control"
mirror=other
background other nbdkit -f -U "$control" -P "$tmp/other.pid" null
other=$!
wait_for "$deadline" test -s "$tmp/other.pid"
mirror=d/m
inode=$(stat -c %i "$control")
wait_said "$control is in use by a running server"
kill -TERM "$other"
reap "$other" || true
rm -f "$control"
wait_for "$deadline" answers
expect 'said once' "$(times_said 'is in use by a running server')" 1
[ "$(stat -c %i "$control")" != "$inode" ] || fail 'it is the other socket'

# --- a file: the same
rm "$control"
echo text >"$control"
wait_said "$control: exists and is not a socket"
expect 'the file' "$(cat "$control")" text
rm "$control"
wait_for "$deadline" answers

# Who was connected all the time still is.
running "$watcher" || fail 'a client that was connected lost its connection'
stop_mirror
[ ! -e "$control" ] || fail 'the control socket was left behind'
