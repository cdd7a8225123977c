#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The first-contact script builds, serves, and ends as its usage says: an
# ext4 image copied in comes out again, both legs hold it, a command's exit
# status is passed on, a bad or occupied port is said, a terminal goes on showing
# where the mirror is, a signal ends it cleanly.

. "$(dirname "$0")/../lib/functions.sh"
requires_tool nbdcopy nbdkit mkfs.ext4 e2fsck flock qemu-io script
[ -x "$top_srcdir/quickstart" ] || fail "quickstart is missing"
export QUICKSTART_D=$tmp/data

quickstart ()
{
  "$top_srcdir/quickstart" "$@"
}

# --- A command that copies a file system in and out.

mkdir "$tmp/tree"
cp -a "$top_srcdir/tests" "$tmp/tree/"
truncate -s 1G "$tmp/image"
mkfs.ext4 -q -F -d "$tmp/tree" "$tmp/image"
export image=$tmp/image out=$tmp/out
# shellcheck disable=SC2016 # quickstart sets $uri
quickstart --run 'nbdcopy --flush "$image" "$uri" && nbdcopy "$uri" "$out"'
legs_equal "$tmp/image" "$tmp/out"
legs_equal "$tmp/data/leg0.img" "$tmp/image"
legs_equal "$tmp/data/leg1.img" "$tmp/image"
for leg in leg0 leg1; do
  e2fsck -f -n "$tmp/data/$leg.img" || fail "e2fsck of $leg: status $?"
done

# --- The exit status is the command's.

status=0
quickstart --run 'exit 7' || status=$?
expect "exit status of --run 'exit 7'" "$status" 7

# --- Legs of one's own.

truncate -s 8M "$tmp/own0" "$tmp/own1"
# shellcheck disable=SC2016
(cd "$tmp" && quickstart --run 'qemu-io -f raw "$uri" -c "write -P 9 1M 64k"' \
  own0 own1)
legs_equal "$tmp/own0" "$tmp/own1"
qemu-io -r -f raw "$tmp/own1" -c "read -P 9 1M 64k"

# --- Serve on a port; without a terminal no ANSI.

serving ()
{
  grep -q '^Serving ' "$tmp/serve.log" || not running "$quickstart_pid"
}

for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 12000))
  background serve "$top_srcdir/quickstart" --port "$port"
  quickstart_pid=$!
  wait_for "$deadline" serving
  ! running "$quickstart_pid" || break
  grep -q "port $port is in use" "$tmp/serve.log" || fail "it does not serve"
done
nbdcopy "nbd://localhost:$port" "$tmp/out"
legs_equal "$tmp/image" "$tmp/out"

# --- Bad ports are refused before anything else, wherever they stand.

for bad in 0 65536 99999999999999999999 -1 http ''; do
  status=0
  quickstart --run true "$tmp/own0" "$tmp/own1" --port "$bad" \
    > "$tmp/bad.log" 2>&1 || status=$?
  expect "exit status of --port '$bad'" "$status" 1
  grep 'between 1 and 65535' "$tmp/bad.log" || fail "--port '$bad' is not refused"
done

# --- A second one on that port is refused, in words.

status=0
quickstart --port "$port" > "$tmp/second.log" 2>&1 || status=$?
expect "exit status when the port is in use" "$status" 1
grep "port $port is in use" "$tmp/second.log" ||
  fail "the message does not say that the port is in use"

# --- A signal ends it, with status 0, and nothing of it stays.

kill -TERM "$quickstart_pid"
wait_for "$deadline" not running "$quickstart_pid"
status=0
reap "$quickstart_pid" || status=$?
expect "exit status after SIGTERM" "$status" 0
if grep -q $'\033' "$tmp/serve.log"; then
  fail "control sequences without a terminal"
fi
grep 'in.sync' "$tmp/serve.log" || fail "no status was shown"
legs_equal "$tmp/data/leg0.img" "$tmp/data/leg1.img"

# --- On a terminal the last picture has where the mirror is, and its status.

background screen script -qefc \
  "stty rows 40 cols 100; exec '$top_srcdir/quickstart' --port $port" "$tmp/screen"
script_pid=$!
last_picture ()
{
  tr -d '\r' < "$tmp/screen" | sed 's/\x1b\[[HJ]/\f/g' | tr '\n\f' '\f\n' |
    grep -a 'in.sync' | tail -n 1 | tr '\f' '\n'
}
pictures ()
{
  [ "$(grep -ac 'in.sync' "$tmp/screen")" -ge 2 ]
}
wait_for "$deadline" pictures
last_picture | grep -a "Serving nbd://localhost:$port" ||
  fail 'the picture has lost the URI'
kill "$(pgrep -P "$script_pid" -f quickstart)"
wait_for "$deadline" not running "$script_pid"
reap "$script_pid"
