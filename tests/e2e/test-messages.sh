#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Not everything is an error: notes and warnings are called that, and where
# standard error goes to the journal of systemd they have its priorities.  The
# log server says who comes and goes.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

# as_journal LOG: what is started next takes $tmp/LOG.log for the journal.
as_journal ()
{
  : >>"$tmp/$1.log"
  NBDMIRROR_WRAPPER="env JOURNAL_STREAM=$(stat -c %d:%i "$tmp/$1.log")"
}

# line LOG TEXT: a line begins with the text.
line ()
{
  wait_for "$deadline" grep -q "^$2" "$tmp/$1.log"
}

# cycle PREFIX: a leg fails, is refused, is back.
cycle ()
{
  local error=$1 warning=$2 note=$3 leg
  leg=$(printf %s "${leg_uri[b]}" | sed 's|\.|\\.|g')
  kill_leg b
  line "$mirror" "${error}leg $leg: failed, the mirror goes on without it"
  line "$mirror" "${warning}leg $leg: connect: "
  start_leg b memory 8M
  line "$mirror" "${note}leg $leg: is back"
  line "$mirror" "${note}leg $leg: is in-sync now"
}

start_leg b memory 8M
truncate -s 8M "$tmp/a"
write_something ()
{
  write_pattern 1 0 4M
  wait_mirror
}

mirror=plain
start_mirror "$tmp/a" "${leg_uri[b]}" log=disk:"$tmp/log" quarantine=0
write_something
cycle 'nbdkit: error: ' 'nbdkit: mirror: warning: ' 'nbdkit: mirror: note: '
stop_mirror

mirror=journal
as_journal journal
start_mirror "$tmp/a" "${leg_uri[b]}" log=disk:"$tmp/log" quarantine=0
write_something
cycle '<3>nbdkit: mirror: error: ' '<4>nbdkit: mirror: warning: ' \
  '<5>nbdkit: mirror: note: '
stop_mirror
NBDMIRROR_WRAPPER=

# --- the log server

as_journal logd
start_logd --lease 2
NBDMIRROR_WRAPPER=
line logd "<5>nbdmirror-logd: version .*, serving the logs in $tmp/logs on \
$logd_sock$"
mirror=first
truncate -s 8M "$tmp/c" "$tmp/d"
start_mirror "$tmp/c" "$tmp/d" log=userspace:"$logd_sock/vm1"
line logd "<5>nbdmirror-logd: log vm1: attached: .* (pid $mirror_pid, "
first=$mirror_pid
stop_mirror
line logd "<5>nbdmirror-logd: log vm1: detached: .* (pid $first, "
mirror=second
start_mirror "$tmp/c" "$tmp/d" log=userspace:"$logd_sock/vm1"
second=$mirror_pid
kill_mirror
line logd '<4>nbdmirror-logd: log vm1: .*: connection lost: '
mirror=third
start_mirror "$tmp/c" "$tmp/d" log=userspace:"$logd_sock/vm1"
line logd "<5>nbdmirror-logd: log vm1: attached: .* (pid $mirror_pid, .*), \
since the lease of .* (pid $second, .*) is over"
third=$mirror_pid
kill_mirror
"$tool" log takeover --fenced "$logd_sock/vm1"
line logd "<5>nbdmirror-logd: log vm1: taken over from .* (pid $third, "
stop_logd
line logd '<5>nbdmirror-logd: ended'
