#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# nbdkit's own options work with the plugin: --run, -U -, -r, TLS, filters,
# --exit-with-parent, socket activation, -p, --dump-plugin, a daemon.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool nbdcopy nbdinfo qemu-io

truncate -s 8M "$tmp/a" "$tmp/b" "$tmp/image"
qemu-io -f raw "$tmp/image" -c 'write -P 3 0 3M' -c 'write -P 4 7M 64k' \
  >"$tmp/qemu-io.log"
mkdir "$tmp/data"
cd "$tmp"

# --run with relative names, the URI in $uri, its exit status.
# shellcheck disable=SC2016
nbdkit -U - "$plugin" a b --run 'nbdcopy --flush image "$uri"'
legs_equal a image
legs_equal b image
status=0
nbdkit -U - "$plugin" a b --run 'exit 9' || status=$?
expect 'exit status of --run' "$status" 9
expect 'clean after --run' "$(dump .clean a.mirrorlog)" true

# -r limits clients; the mirror still resyncs.
cp a r
start_mirror r missing log=disk:r.mirrorlog sync=none
mirror_options=(-r)
stop_mirror
truncate -s 8M c
start_mirror r c log=disk:r.mirrorlog
nbdinfo --is read-only "$uri" || fail 'not read-only with -r'
qemu-io -f raw "$uri" -c 'write 0 4k' >>qemu-io.log 2>&1 &&
  fail 'a write with -r'
wait_mirror
stop_mirror
legs_equal r c
mirror_options=()

# TLS with pre-shared keys.
if nbdkit --dump-config | grep -q '^tls=yes' && nbdinfo --version >/dev/null
then
  printf 'alice:%s\n' "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" \
    >psk
  chmod 600 psk
  mirror_options=(--tls=require --tls-psk=psk)
  start_mirror a b
  tls_uri="nbds+unix://alice@/?socket=$sock&tls-psk-file=$tmp/psk"
  nbdcopy "$tls_uri" - | cmp - image
  nbdcopy --flush image "$tls_uri"
  nbdinfo "$uri" >"$tmp/no-tls.log" 2>&1 && fail 'no TLS was needed'
  stop_mirror
  mirror_options=()
  legs_equal a b

  # A leg that wants TLS.
  truncate -s 8M d e
  start_leg d --tls=require --tls-psk="$tmp/psk" file "$tmp/d"
  start_mirror e \
    "nbds+unix://alice@/?socket=${leg_sock[d]}&tls-psk-file=$tmp/psk" \
    log=disk:tls.mirrorlog
  wait_mirror
  write_pattern 5 1M 1M
  stop_mirror
  legs_equal e d
fi

# Filters.
start_filtered ()
{
  mirror_options=("${filters[@]}")
  start_mirror a b "$@"
}
filters=(--filter=stats --filter=blocksize-policy)
start_filtered statsfile="$tmp/stats" blocksize-minimum=4096 \
  blocksize-error-policy=error
requires nbdsh -c pass
nbdsh -u "$uri" -c '
import errno
h.set_strict_mode (0)
try:
    h.pwrite (b"x" * 512, 0)
    assert False
except nbd.Error as e:
    assert e.errnum == errno.EINVAL, e
h.pwrite (b"x" * 4096, 0)
'
stop_mirror
grep -q 'write: 1 ops' stats || fail "stats: $(cat stats)"
filters=(--filter=cow)
start_filtered
write_pattern 6 0 1M
stop_mirror
qemu-io -f raw a -c 'read -P 6 1M 1k' >>qemu-io.log && fail 'cow wrote'
legs_equal a b
mirror_options=()

# --exit-with-parent: the mirror goes when its parent does.
bash -c 'nbdkit --exit-with-parent -f -U e.sock -P e.pid "$@" & wait' \
  - "$plugin" a b control="$tmp/e.control" >exit.log 2>&1 &
parent=$!
pids+=("$parent")
wait_for "$deadline" test -s e.pid
child=$(cat e.pid)
kill -KILL "$parent"
reap "$parent" || true
wait_for 10 not running "$child"
expect 'clean after its parent died' "$(dump .clean a.mirrorlog)" true

# Socket activation: so does libnbd start the servers of its tools.
nbdcopy -- [ nbdkit --exit-with-parent "$plugin" a b ] - | cmp - a
closed ()
{
  [ "$(dump .clean a.mirrorlog)" = true ]
}
wait_for 10 closed

# A daemon, with relative names.  It writes its process id after the command
# has ended.
kill_daemon ()
{
  # shellcheck disable=SC2016
  timeout 10 sh -c 'until [ -s "$1" ]; do sleep 0.05; done' - "$tmp/daemon.pid"
  kill -KILL "$(cat "$tmp/daemon.pid")" 2>/dev/null
}
cleanup_fn kill_daemon
nbdkit -U "$tmp/daemon.sock" -P daemon.pid "$plugin" a b control=daemon.control
wait_for "$deadline" test -s daemon.pid
daemon=$(cat daemon.pid)
nbdcopy "nbd+unix:///?socket=$tmp/daemon.sock" - | cmp - a
wait_for "$deadline" "$tool" status daemon.control
refused "leg $tmp/a: in use by process $daemon" -- a e log=core
kill "$daemon"
wait_for 10 not running "$daemon"
expect 'clean after the daemon' "$(dump .clean a.mirrorlog)" true

# What is in it.
nbdkit --dump-plugin "$plugin" >dump
for line in name=mirror mirror_max_legs=8 'mirror_logs=core disk userspace userspace-core' \
            'mirror_legs=file block nbd missing' api_version=2 \
            thread_model=parallel max_thread_model=parallel; do
  grep -qx "$line" dump || fail "--dump-plugin lacks $line"
done
nbdkit "$plugin" --help >help
for word in leg= log= region-size= sync= source= size= connections= \
            read-policy= write-mostly= resync-rate= resync-min= leg-timeout= \
            flush-timeout= leg-fail-after= local-timeout= \
            log-timeout= quarantine= hold-timeout= plan= control= log-tls-psk= \
            log-tls-certificates= log-tls-username=; do
  grep -qF "$word" help || fail "--help lacks $word"
done

# Swap on a mirror of the same host: refused, by that name.
for word in --swap --swa; do
  status=0
  nbdkit "$word" -U - "$plugin" a b --run true >swap.log 2>&1 || status=$?
  expect "$word: exit status" "$status" 1
  grep -qF -- '--swap: a mirror is not for swap' swap.log ||
    fail "$word: $(cat swap.log)"
done
