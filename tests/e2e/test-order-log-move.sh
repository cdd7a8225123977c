#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The log of a mirror moves under load: from memory to a file, to a server, and back
# to that file.  No client sees an error, what was acknowledged survives each crash,
# and a start with the old log is refused with the word to use.

in_memory=yes
. "$(dirname "$0")/../lib/orders.sh"
requires_mirror
requires nbdsh -c pass

begin_load ()
{
  background load "$check" load --seed "$1" "$tmp/state" "$uri"
  load=$!
  written=$(json '.legs[0].writes')
  wait_for "$deadline" json_is ".legs[0].writes > $((written + 20))" true
}

end_load ()
{
  kill -TERM "$load"
  reap "$load" || fail 'a client saw an error'
  "$check" verify "$tmp/state" "$uri"
}

log_is ()
{
  expect 'the log' "$(json '.log | .type + ":" + .name')" "$1"
  expect 'its state' "$(json .log.state)" ok
}

cd "$tmp"
mkdir data
truncate -s 16M data/a data/b c
nbdkit -U - "$plugin" c log=disk:"$tmp/other" --run true >other.out 2>&1 ||
  fail "$(cat other.out)"
start_logd --lease 2
file=disk:$tmp/data/log
server="userspace:$logd_sock/vm"

start_mirror data/a data/b log=core
wait_mirror
begin_load 1

# --- from memory to a file

ordered log move --dry-run "$control" disk:data/log
[ ! -e data/log ] || fail 'a question made a log'
log_is core:
declines 'can'\''t be opened' log move "$control" disk:/nonexistent/log
declines 'the same disk' log move "$control" disk:data/a
declines 'is a log already' log move "$control" disk:other
ordered log move "$control" disk:data/log
log_is "$file"
ordered log move "$control" disk:data/log
grep -q already "$tmp/said"

# --- to a server

ordered log move "$control" "$server"
log_is "$server"
end_load
kill_mirror
refused "was moved to $server: start with log=$server" -- data/a data/b log="$file"
start_mirror data/a data/b log="$server" quarantine=0
wait_mirror

# --- and back

begin_load 2
ordered log move "$control" "$file"
log_is "$file"
end_load
kill_mirror
refused "log=$file" -- data/a data/b log="$server"
start_mirror data/a data/b log="$file"
wait_mirror
cmp data/a data/b
stop_mirror
stop_logd
