#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# SIGTERM cuts the connections and leaves requests without an answer, so
# clients that connect again see no error: qemu over restarts under load, with
# one connection and several.  Who does not connect again sees a connection
# that ends, never ESHUTDOWN, and nothing that was answered is lost.  With
# drain= clients may leave first.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool qemu-img jq
requires nbdsh -c pass

check=$top_srcdir/tests/lib/register-check

start ()
{
  start_mirror "$tmp/a" "$tmp/b" region-size=64K "$@"
}

ended_well ()
{
  expect "$1: clean" "$(dump .clean "$tmp/a.mirrorlog")" true
  expect "$1: marked" "$(dump .marked.count "$tmp/a.mirrorlog")" 0
  legs_equal "$tmp/a" "$tmp/b"
}

# --- what was answered is there after each of several ends under load

truncate -s 32M "$tmp/a" "$tmp/b"
for round in 1 2 3 4; do
  start
  [ ! -e "$tmp/state" ] || "$check" verify "$tmp/state" "$uri"
  background load "$check" load --seed "$round" "$tmp/state" "$uri"
  load=$!
  wait_for "$deadline" more_than 300 json '.legs[0].writes'
  stop_mirror
  ended_well "round $round"
  wait_for "$deadline" not running "$load"
  reap "$load" || fail "round $round: a client got an error: status $?"
  "$check" verify "$tmp/state" "$tmp/a" "$tmp/b"
done

# --- a request that comes when the server ends: a leg that is stopped makes
# that take a while, so there are many

start_leg c memory 32M
truncate -s 32M "$tmp/d"
start_mirror "$tmp/d" "${leg_uri[c]}" leg-timeout=2
wait_mirror
kill -STOP "${leg_pid[c]}"
cat >"$tmp/client.py" <<'END'
import errno, os, signal
pid = int (os.environ['pid'])
late = nbd.NBD ()
late.connect_uri (h.get_uri ())
early = []
h.aio_pwrite (bytearray (b'x' * 4096), 0, lambda err: early.append (err.value) or 1)
while h.aio_get_direction () & nbd.AIO_DIRECTION_WRITE:
    h.poll (1)
late.pread (512, 1048576)
os.kill (pid, signal.SIGTERM)
try:
    while True:
        late.pread (512, 1048576)
except nbd.Error as e:
    assert e.errnum != errno.ESHUTDOWN, 'ESHUTDOWN'
    assert late.aio_is_dead () or late.aio_is_closed (), e
while h.aio_in_flight () > 0 and not h.aio_is_dead ():
    h.poll (-1)
assert early in ([0], [errno.ENOTCONN]), early
END
PATH=/usr/bin:$PATH pid=$mirror_pid timeout 60 \
  nbdsh -u "$uri" -c - <"$tmp/client.py" ||
  fail 'late requests: see above'
wait_for "$deadline" not running "$mirror_pid"
reap "$mirror_pid" || fail "the mirror ended with status $?"
kill_leg c

# --- qemu sees nothing of restarts

# bench NUMBER OFFSET: more writes than there is time for, by one connection.
bench ()
{
  background "bench-$1" qemu-img bench -w -c 40000 -d 16 -s 4096 -S 4096 \
    --flush-interval=100 -o "$2" --image-opts \
    "driver=raw,file.driver=nbd,file.server.type=unix,file.server.path=$sock,file.reconnect-delay=60"
  bench[$1]=$!
}

# clients NUMBER: so many connections with load, three restarts.
clients ()
{
  bench=()
  start
  for ((i = 0; i < $1; i++)); do
    bench "$i" $((i * 8))M
  done
  for _ in 1 2 3; do
    wait_for "$deadline" more_than 1000 json '.legs[0].writes'
    stop_mirror
    ended_well "$1 qemu clients"
    for ((i = 0; i < $1; i++)); do
      running "${bench[i]}" || fail "client $i of $1 ended before the restart"
    done
    start
  done
  for ((i = 0; i < $1; i++)); do
    wait_for 180 not running "${bench[i]}"
    reap "${bench[i]}" || fail "client $i of $1 got an error: status $?"
  done
  stop_mirror
  ended_well "$1 qemu clients"
}

clients 1
clients 3

# --- drain=

# idle NAME: a client that writes whenever it finds $tmp/NAME.do, and leaves
# when it finds $tmp/NAME.go.
idle ()
{
  background "$1" env PATH=/usr/bin:"$PATH" nbdsh -u "$uri" -c "
import os, time
def answer_to (question):
    if os.path.exists ('$tmp/$1.' + question):
        os.rename ('$tmp/$1.' + question, '$tmp/$1.' + question + '.begun')
        return True
while not answer_to ('go'):
    if answer_to ('do'):
        h.pwrite (b'y' * 4096, 0)
        open ('$tmp/$1.done', 'w').close ()
    time.sleep (0.02)
h.shutdown ()
"
  idle=$!
}

served ()
{
  rm -f "$tmp/$1.done"
  touch "$tmp/$1.do"
  wait_for "$deadline" test -e "$tmp/$1.done"
}

mirror=drain
start drain=600
idle one
served one
kill -TERM "$mirror_pid"
wait_said 'told to end'
served one
touch "$tmp/one.go"
wait_for 10 not running "$mirror_pid"
reap "$mirror_pid" || fail "drain: the mirror ended with status $?"
reap "$idle" || fail "drain: the client got an error: status $?"
ended_well 'drain'

mirror=drain-over
start drain=1
idle two
served two
stop_mirror 15
ended_well 'drain is over'
touch "$tmp/two.go"
reap "$idle" || true

mirror=drain-twice
start drain=600
idle three
served three
kill -TERM "$mirror_pid"
wait_said 'told to end'
stop_mirror 10
ended_well 'a second signal'

# --- the log is asked for: it is given up when the clients have left

start_logd --lease 10
mirror=asked
start_mirror "$tmp/a" "$tmp/b" log=userspace:"$logd_sock/asked" sync=force \
  drain=60
wait_mirror
idle four
served four
background takeover "$tool" log takeover "$logd_sock/asked"
takeover=$!
wait_said 'if the clients leave within 60 seconds'
served four
touch "$tmp/four.go"
wait_for 10 not running "$mirror_pid"
reap "$mirror_pid" || fail "asked: the mirror ended with status $?"
reap "$idle" || fail "asked: the client got an error: status $?"
reap "$takeover" || fail "takeover: status $?"
