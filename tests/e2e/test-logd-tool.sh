#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Logs on a server, as an administrator handles them: list, show, delete, take
# over, move to and from a local file; names that are none are refused; plan=1
# takes nothing; logs in memory go with the server; the server's own status.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq
requires nbdsh -c pass

d=$tmp/data
mkdir "$d" "$tmp/logs"
truncate -s 16M "$d/a" "$d/b"
ln -s "$tmp/logs" "$d/logs"
status_sock=$tmp/status.sock
start_logd --lease 2 --status "$status_sock"
log=$logd_sock/vm1

# tool_log STATUS VERB ARG...: output in $tmp/out, messages in $tmp/err.
tool_log ()
{
  local wanted=$1 status=0
  shift
  timeout -s KILL "$deadline" "$tool" log "$@" >"$tmp/out" 2>"$tmp/err" ||
    status=$?
  expect "exit status of log $*: $(cat "$tmp/out" "$tmp/err")" \
    "$status" "$wanted"
}

told ()
{
  grep -qF -- "$1" "$tmp/err" || fail "no \"$1\": $(cat "$tmp/err")"
}

# show FIELD [NAME]: of the log.
show ()
{
  tool_log 0 show --json "$logd_sock/${2:-vm1}"
  jq -r "$1" "$tmp/out"
}

show_is ()
{
  [ "$(show "$1")" = "$2" ]
}

start ()
{
  start_mirror "$d/a" "$d/b" log=userspace:"$log" region-size=64K "$@"
}

# --- names
for name in .hidden -x 'a b' 'a@b' "$(printf 'x%.0s' {1..129})" ''; do
  refused 'the name of the log must be' -- \
    "$d/a" "$d/b" log=userspace:"$logd_sock/$name"
  for verb in show delete takeover; do
    tool_log 64 $verb -- "$logd_sock/$name"
    told 'the name of the log must be'
  done
done
expect 'files' "$(ls "$tmp/logs")" ''

# --- plan=1 takes nothing, and what is not there is not made
planned 0 'would serve' -- "$d/a" "$d/b" log=userspace:"$log"
for verb in show delete takeover; do
  tool_log 1 $verb "$log"
  told 'there is none'
done
tool_log 0 list --json "$logd_sock"
expect 'logs' "$(jq -c .logs "$tmp/out")" '[]'
expect 'files' "$(ls "$tmp/logs")" ''

start
write_pattern 1 0 1M
planned 0 'regions' -- "$d/a" "$d/b" log=userspace:"$log"
expect 'epoch after plan=1' "$(show .epoch)" 1
json_is .log.state ok || fail 'plan=1 disturbed the owner'

# --- list, show
tool_log 0 list "$logd_sock"
grep -qE "^vm1 +ok +[^ ]+/$mirror_pid +connected +1 +[0-9.]+ s +[0-9]+ +0$" \
  "$tmp/out" || fail "the list is: $(cat "$tmp/out")"
tool_log 0 show "$log"
grep -qF '16 MiB, 256 regions of 64 KiB' "$tmp/out" ||
  fail "the log is: $(cat "$tmp/out")"
expect 'uuid' "$(show .uuid)" "$(json .mirror.uuid)"
expect 'owner' "$(show .owner.pid)" "$mirror_pid"

# --- an owned log
tool_log 1 delete "$log"
told "owned by"
told "pid $mirror_pid"

# With a client it is not given up; without, the server ends as on SIGTERM.
background idle env PATH=/usr/bin:"$PATH" nbdsh -u "$uri" -c "
import time
h.pread (512, 0)
open ('$tmp/idle.ready', 'w').close ()
time.sleep (1000)
"
idle=$!
wait_for "$deadline" test -e "$tmp/idle.ready"
tool_log 1 takeover "$log"
told 'which is alive and did not give it up'
wait_said 'refused, clients are connected'
expect 'epoch after a takeover that was refused' "$(show .epoch)" 1
write_pattern 2 1M 1M
kill "$idle"
reap "$idle" || true
no_client_asked ()
{
  "$tool" log takeover "$log"
}
wait_for "$deadline" no_client_asked
wait_for "$deadline" not running "$mirror_pid"
reap "$mirror_pid" || fail "the mirror that gave up its log: status $?"
expect 'owner' "$(show .owner_state)" free
expect 'clean' "$(dump .clean "$tmp/logs/vm1.log")" true
expect 'marked' "$(dump .marked.count "$tmp/logs/vm1.log")" 0
legs_equal "$d/a" "$d/b"

# One that is silent keeps it until its lease is over.
start
expect 'bytes looked at after the takeover' "$(looked_at)" 0
begin=$SECONDS
kill -KILL "$mirror_pid"
tool_log 1 delete "$log" # within the lease
reap "$mirror_pid" || true
tool_log 0 takeover "$log"
[ $((SECONDS - begin)) -le 10 ] || fail 'the lease did not end'

# Fenced: at once, also while it is alive, which then serves nothing.
start
background idle env PATH=/usr/bin:"$PATH" nbdsh -u "$uri" -c "
import time
open ('$tmp/idle2.ready', 'w').close ()
time.sleep (1000)
"
idle=$!
wait_for "$deadline" test -e "$tmp/idle2.ready"
epoch=$(show .epoch)
tool_log 0 takeover --fenced "$log"
[ "$(show .epoch)" -gt "$epoch" ] || fail 'the epoch is the same'
wait_for "$deadline" json_is .mirror.state failed
timeout -s KILL "$deadline" qemu-io -f raw "$uri" -c 'write -P 9 0 64K' \
  >"$tmp/fenced.log" 2>&1 && fail 'the fenced mirror writes'
timeout -s KILL "$deadline" qemu-io -r -f raw "$uri" -c 'read 0 64K' \
  >>"$tmp/fenced.log" 2>&1 && fail 'the fenced mirror reads'
wait_said 'lost: '
kill "$idle"
reap "$idle" || true
stop_mirror
start
wait_mirror
qemu-io -r -f raw "$uri" -c 'read -P 1 0 1M' -c 'read -P 2 1M 1M' \
  >>"$tmp/qemu-io.log" || fail 'data was lost'
stop_mirror

# --- move to a file, and back
uuid=$(dump .uuid "$tmp/logs/vm1.log")
cp "$tmp/logs/vm1.log" "$d/local"
tool_log 0 delete "$log"
expect 'files after delete' "$(ls "$tmp/logs")" ''
kept ()
{
  expect "$1: uuid" "$(json .mirror.uuid)" "$uuid"
  expect "$1: state" "$(json .mirror.state)" in-sync
  expect "$1: bytes looked at" "$(looked_at)" 0
  qemu-io -r -f raw "$uri" -c "read -P $2 0 1M" >>"$tmp/qemu-io.log" ||
    fail "$1: other data"
}
start_mirror "$d/a" "$d/b" log=disk:"$d/local"
kept 'on a local file' 1
write_pattern 3 0 1M
stop_mirror
cp "$d/local" "$tmp/logs/moved.log"
start_mirror "$d/a" "$d/b" log=userspace:"$logd_sock/moved"
kept 'on the server again' 3
write_pattern 4 0 1M
stop_mirror
legs_equal "$d/a" "$d/b"
tool_log 0 delete "$logd_sock/moved"

# --- a log in memory goes with the server
start_mirror "$d/a" "$d/b" log=userspace-core:"$logd_sock/mem" sync=none \
  region-size=64K
expect 'type' "$(show .type mem)" memory
crash_after 'h.pwrite (bytes ([5]) * (128 << 10), 8 << 20)'
start_mirror "$d/a" "$d/b" log=userspace-core:"$logd_sock/mem"
wait_mirror
expect 'after a crash of the mirror' "$(looked_at)" $((128 << 10))
expect 'logs on disk' "$(find "$tmp/logs" -name '*.log')" ''
kill_logd
start_logd --lease 2 --status "$status_sock"
wait_for "$deadline" json_is .mirror.state failed
wait_said 'no longer in the memory of the server'
timeout -s KILL "$deadline" qemu-io -f raw "$uri" -c 'write -P 6 0 64K' \
  >"$tmp/lost.log" 2>&1 && fail 'a mirror without its log writes'
stop_mirror
# The mirror could not say any more that the legs are equal.
start_mirror "$d/a" "$d/b" log=userspace-core:"$logd_sock/mem"
said "is new, and made from the record of leg $d/a"
said "EVERYTHING is copied from leg $d/a"
wait_mirror
expect 'after the loss of the log' "$(looked_at)" $((16 << 20))
qemu-io -r -f raw "$uri" -c 'read -P 4 0 1M' -c 'read -P 5 8M 128K' \
  >>"$tmp/qemu-io.log" || fail 'data was lost with the log'

# --- the server's own status
cat >"$tmp/get.py" <<'E2'
import re, socket, sys
s = socket.socket (socket.AF_UNIX)
s.settimeout (20)
s.connect (sys.argv[1])
request = "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
s.sendall ((request % (sys.argv[2], sys.argv[3])).encode ())
data = b""
while True:
  part = s.recv (65536)
  if not part:
    break
  data += part
head, body = data.split (b"\r\n\r\n", 1)
print (head.split ()[1].decode (), file=sys.stderr)
sys.stdout.buffer.write (body)
E2
# get STATUS METHOD PATH
get ()
{
  timeout -s KILL "$deadline" python3 "$tmp/get.py" "$status_sock" "$2" "$3" \
    >"$tmp/body" 2>"$tmp/code" || fail "no answer to $2 $3"
  expect "$2 $3" "$(cat "$tmp/code")" "$1"
}
get 200 GET /status
jq -e --argjson pid "$logd_pid" '.version == 1 and .server.pid == $pid
  and .server.lease_ms == 2000 and .server.clients == 1
  and (.logs[] | select (.name == "mem") | .type == "memory"
       and .state == "ok" and .owner_state == "connected" and .epoch == 1
       and .regions > 0 and .flush_latency.count > 0)' "$tmp/body" \
  >"$tmp/jq.log" || fail "the status is: $(cat "$tmp/body")"
get 200 GET /metrics
# shellcheck disable=SC2016
python3 - "$tmp/body" <<'E2' || fail "the metrics are: $(cat "$tmp/body")"
import re, sys
name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
value = r"[-+]?(?:[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|Inf|NaN)"
sample = re.compile (r"(%s)(?:\{(%s(?:,%s)*)\})? (%s)" %
                     (name, label, label, value))
head = re.compile (r"# (?:HELP (%s) .+|TYPE (%s) (counter|gauge|histogram))" %
                   (name, name))
text = open (sys.argv[1]).read ()
assert text.endswith ("\n")
types, seen, values = {}, set (), {}
for line in text[:-1].split ("\n"):
  m = head.fullmatch (line)
  if m:
    if m.group (2):
      assert m.group (2) not in types, line
      types[m.group (2)] = m.group (3)
    continue
  m = sample.fullmatch (line)
  assert m, line
  assert (m.group (1), m.group (2)) not in seen, line
  seen.add ((m.group (1), m.group (2)))
  values.setdefault (m.group (1), []).append (float (m.group (3)))
  family = re.sub ("_(bucket|sum|count)$", "", m.group (1))
  assert types.get (m.group (1), types.get (family)), line
assert values["nbdmirror_logd_clients"] == [1]
assert values["nbdmirror_logd_owned"] == [1]
assert values["nbdmirror_logd_regions"][0] > 0
buckets = values["nbdmirror_logd_flush_latency_seconds_bucket"]
assert buckets == sorted (buckets)
assert [buckets[-1]] == values["nbdmirror_logd_flush_latency_seconds_count"]
E2
get 404 GET /
get 405 POST /status
stop_mirror
tool_log 0 delete "$logd_sock/mem"
stop_logd
