#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A leg whose connection is reset again and again: it is let in less and less
# often, no client sees it, the messages do not become many, and no descriptor,
# thread or memory is lost by it.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires nbdsh -c pass

rounds=${1:-5}
check=$top_srcdir/tests/lib/register-check
truncate -s 32M "$tmp/a" "$tmp/b"
start_leg b file "$tmp/b"
background proxy "$top_srcdir/tests/e2e/tcp-proxy" "$tmp/port" "${leg_sock[b]}"
proxy=$!
wait_for "$deadline" test -s "$tmp/port"
leg=nbd://127.0.0.1:$(<"$tmp/port")
start_mirror "$tmp/a" "$leg" log=disk:"$tmp/log" \
  region-size=64K leg-timeout=2 quarantine=0
wait_mirror
background load "$check" load --rate 1500 --blocks 500 "$tmp/state" "$uri"
load=$!

# of the mirror
nr_fds ()
{
  find "/proc/$mirror_pid/fd" -mindepth 1 | wc -l
}

# Without the pool of the local leg, which grows when it is needed, up to 16.
nr_threads ()
{
  { cat "/proc/$mirror_pid"/task/*/comm 2>/dev/null || true; } |
    grep -cvx leg-io
}

memory ()
{
  sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$mirror_pid/status"
}

is_back ()
{
  revive_leg b || true
  more_than "$1" synced "$leg"
}

# The leg is lost, and comes back.
flap ()
{
  local nr_lost nr_synced
  nr_lost=$(lost "$leg") nr_synced=$(synced "$leg")
  kill -USR1 "$proxy"
  wait_for 60 more_than "$nr_lost" lost "$leg"
  wait_for 60 is_back "$nr_synced"
}

flap
fds=$(nr_fds) threads=$(nr_threads) kib=$(memory)
for ((n = 2; n <= rounds; n++)); do
  flap
done
nr_lost=$(lost "$leg")
if [ "$nr_lost" -lt "$rounds" ] || [ "$nr_lost" -gt $((2 * rounds)) ]; then
  fail "lost $nr_lost times"
fi
echo "after $rounds times: $(nr_fds) descriptors (before $fds)," \
  "$(nr_threads) threads ($threads), $(memory) KiB ($kib)"
wait_for 10 eval "[ \$(nr_fds) -le $fds ] && [ \$(nr_threads) -le $threads ]"
[ "$(memory)" -le $((kib + 4096)) ] || fail "$(memory) KiB, before $kib"
# It is lost, it is back, it is in-sync.
messages=$(grep -c '^nbdkit: .*leg ' "$tmp/mirror.log")
[ "$messages" -le $((3 * nr_lost + 3)) ] ||
  fail "$messages messages, it was lost $nr_lost times"
kill -TERM "$load"
reap "$load" || fail 'the load saw an error'
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
"$check" verify "$tmp/state" "$tmp/a" "$tmp/b"
