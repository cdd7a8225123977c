#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The first-contact script builds, serves, and ends as its usage says: an
# ext4 image copied in comes out again, both legs hold it, a command's exit
# status is passed on, an occupied port is said, a signal ends it cleanly.

. "$(dirname "$0")/../lib/functions.sh"
requires_tool nbdcopy nbdkit mkfs.ext4 e2fsck flock qemu-io
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
