# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests use the variables

# What the end-to-end tests share; bash.  A test begins with
#
#   . "$(dirname "$0")/../lib/functions.sh"
#
# and then has: set -eu -o pipefail; a directory of its own in $tmp, which is
# gone when the test ends; and the functions below.  Whatever they start is
# killed by its process id when the test ends, and also when the test itself
# is killed.  A failed test shows the end of each $tmp/*.log.
#
# Exit status: 0 passed, 77 skipped (the reason is the last line), else failed.
#
# Environment:
#   top_srcdir, top_builddir   derived from the place of this file and the
#                              current directory if not given
#   NBDMIRROR_PLUGIN           plugin to test, a path or a name nbdkit knows
#   NBDMIRROR_TOOL             the nbdmirror tool to test
#   NBDMIRROR_WRAPPER          words put before nbdkit in start_mirror
#                              ("env LD_PRELOAD=...", "valgrind -q ...")
#   NBDMIRROR_DEADLINE         seconds that waits may take; default 30
#   NBDMIRROR_KEEP             not empty: keep $tmp and say where it is
#   NBDMIRROR_MEMORY           a tmpfs for tests that need no disk; default
#                              /dev/shm, if 2 GiB are free there

set -eu -o pipefail

top_srcdir=$(cd "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/../..}" && pwd)
if [ -z "${top_builddir:-}" ]; then
  if [ -e Makefile ] && [ -e libtool ]; then
    top_builddir=.
  else
    top_builddir=$top_srcdir
  fi
fi
top_builddir=$(cd "$top_builddir" && pwd)

plugin=${NBDMIRROR_PLUGIN:-$top_builddir/.libs/nbdkit-mirror-plugin.so}
tool=${NBDMIRROR_TOOL:-$top_builddir/tools/nbdmirror}
deadline=${NBDMIRROR_DEADLINE:-30}

# Debian keeps mke2fs, nbd-client and dmsetup there.
PATH=$PATH:/usr/sbin:/sbin

# Where $tmp is made.  A file with thousands of small pieces takes seconds to
# remove from ext4 on a disk with discard, so tests that make such ones, and
# to which it is all the same what they are on, set in_memory=yes first.
place_of_tmp ()
{
  local memory=${NBDMIRROR_MEMORY:-/dev/shm} free
  if [ -n "${in_memory:-}" ] && [ "$(stat -fc %T "$memory" 2>/dev/null)" = tmpfs ]; then
    free=$(df --output=avail -B 1M "$memory" | tail -n 1)
    if [ -w "$memory" ] && [ "$free" -ge 2048 ]; then
      echo "$memory"
      return
    fi
  fi
  echo "${TMPDIR:-/tmp}"
}

# A Unix socket's path has at most 107 characters.
tmp=$(mktemp -d "$(place_of_tmp)/nbdmirror-test.XXXXXX")


# ------------------------------------------------------------------ verdicts

# Give up: MSG is the reason.
fail ()
{
  echo "FAIL: ${0##*/}: $*" >&2
  exit 1
}

skip ()
{
  echo "SKIP: ${0##*/}: $*"
  exit 77
}

# requires CMD...: skip unless the command succeeds.
requires ()
{
  if ! "$@" >/dev/null 2>&1; then
    skip "requires: $*"
  fi
}

# requires_tool NAME...: skip unless the programs are installed.
requires_tool ()
{
  local t
  for t; do
    if ! command -v "$t" >/dev/null 2>&1; then
      skip "$t is not installed"
    fi
  done
}

# The plugin and the tool have been built.  Not a skip: `make check` builds
# them.
requires_mirror ()
{
  requires_tool nbdkit
  case $plugin in
    */*) [ -e "$plugin" ] || fail "$plugin has not been built" ;;
  esac
  [ -x "$tool" ] || fail "$tool has not been built"
}


# ------------------------------------------------------------------- cleanup

cleanup_list=()
pids=()

# cleanup_fn CMD...: run CMD when the test ends, last one first, before the
# processes are killed.
cleanup_fn ()
{
  cleanup_list+=("$(printf '%q ' "$@")")
}

end_test ()
{
  local status=$? i pid f

  trap '' INT TERM
  set +e +u
  for ((i = ${#cleanup_list[@]} - 1; i >= 0; i--)); do
    eval "${cleanup_list[i]}"
  done
  for pid in "${pids[@]}"; do
    signal KILL "$pid"
  done
  for pid in "${pids[@]}"; do
    wait "$pid" 2>/dev/null
  done
  if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
    for f in "$tmp"/*.log; do
      [ -s "$f" ] || continue
      echo "---- end of ${f##*/}" >&2
      tail -n 60 "$f" >&2
    done
    [ -n "$NBDMIRROR_KEEP" ] && echo "kept: $tmp" >&2
  fi
  if [ -z "$NBDMIRROR_KEEP" ] || [ "$status" -eq 0 ]; then
    rm -rf "$tmp"
  fi
  exit "$status"
}
trap end_test EXIT
trap 'echo "${0##*/}: line $LINENO: status $?: $BASH_COMMAND" >&2' ERR
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM


# ----------------------------------------------------------------- processes

# background LOG CMD...: start CMD with its output in $tmp/LOG.log; its
# process id is in $! and it ends with the test.  Not in a subshell, which
# would be the parent that it ends with.
background ()
{
  local log=$1
  shift
  setpriv --pdeathsig KILL -- "$@" </dev/null >>"$tmp/$log.log" 2>&1 &
  pids+=($!)
}

# is_child PID, running PID: the shell reaps its children as they end, and ids
# are given out again within a minute on a busy machine.  So what we started
# must also still be our child.
status_of ()
{
  sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" 2>/dev/null || true
}

is_child ()
{
  [ "$(status_of "$1" PPid)" = $$ ]
}

running ()
{
  case " ${pids[*]} " in
    *" $1 "*) is_child "$1" || return 1 ;;
  esac
  case $(status_of "$1" State) in
    ''|Z*|X*) return 1 ;;
  esac
}

# signal SIGNAL PID: to what we started, if it has not ended.
signal ()
{
  if running "$2"; then
    kill -"$1" "$2" 2>/dev/null || true
  fi
}

# The process is reaped and not killed again at the end of the test, when its
# id may be somebody else's.  Returns its exit status.
reap ()
{
  local pid keep=()
  for pid in "${pids[@]}"; do
    [ "$pid" = "$1" ] || keep+=("$pid")
  done
  pids=("${keep[@]}")
  # In braces: the shell's own "Killed" goes there too.
  { wait "$1"; } 2>/dev/null
}

not ()
{
  ! "$@"
}

# Nobody writes to it, so a read with a time-out is a sleep without a process.
exec {silence}<> <(:)

# wait_for SECONDS CMD...: until CMD succeeds.  The only place that sleeps:
# less and less often, for looking takes CPU from other tests.
wait_for ()
{
  local end=$((SECONDS + $1)) looks=0 pauses=(0.05 0.1 0.2 0.5)
  shift
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ]; then
      fail "timed out waiting for: $*"
    fi
    read -r -t "${pauses[looks / 8]}" -u "$silence" || true
    [ "$looks" -ge 31 ] || looks=$((looks + 1))
  done
}

# seconds_up: how long the machine is up; later_than SECONDS TIME: so many later
# than it was then, for wait_for.
seconds_up ()
{
  cut -d ' ' -f 1 /proc/uptime
}

later_than ()
{
  awk -v after="$1" -v begin="$2" '{ exit !($1 >= begin + after) }' \
    /proc/uptime
}

# The server PID has made PIDFILE, or it is gone.
pidfile_or_gone ()
{
  [ -s "$2" ] || not running "$1"
}

# wait_server LOG PID: until the nbdkit behind $tmp/LOG.* takes connections.
wait_server ()
{
  wait_for "$deadline" pidfile_or_gone "$2" "$tmp/$1.pid"
  if [ ! -s "$tmp/$1.pid" ]; then
    reap "$2" || true
    return 1
  fi
}


# ---------------------------------------------------------------------- legs

declare -A leg_uri leg_pid leg_sock leg_words

# start_leg NAME NBDKIT-ARG...: an NBD server; its URI is in
# ${leg_uri[NAME]}.  Example:
#   start_leg a --filter=error memory 16M error-pwrite-file="$tmp/trigger"
start_leg ()
{
  local name=$1
  shift
  rm -f "$tmp/leg-$name.pid" "$tmp/leg-$name.sock"
  background "leg-$name" \
    "${in_netns[@]}" nbdkit --exit-with-parent -P "$tmp/leg-$name.pid" \
           -U "$tmp/leg-$name.sock" "$@"
  leg_pid[$name]=$!
  leg_words[$name]=$(printf '%q ' "$@")
  leg_sock[$name]=$tmp/leg-$name.sock
  leg_uri[$name]="nbd+unix:///?socket=$tmp/leg-$name.sock"
  wait_server "leg-$name" "${leg_pid[$name]}" ||
    fail "leg $name: the server did not start"
}

# kill_leg NAME [SIGNAL]: end a leg's server, default KILL.
kill_leg ()
{
  signal "${2:-KILL}" "${leg_pid[$1]}"
  reap "${leg_pid[$1]}" || true
  rm -f "${leg_sock[$1]}"
}

# revive_leg NAME: nbdkit before 1.34 may abort when a client is gone while it
# answers, as the mirror is that gave the leg up.  A server that ended so is
# started again; status 1 if it was.
revive_leg ()
{
  if running "${leg_pid[$1]}"; then
    return 0
  fi
  reap "${leg_pid[$1]}" || true
  eval "start_leg $1 ${leg_words[$1]}"
  return 1
}

# leg_file SIZE FILE...: empty files for legs that have a trailer, behind an NBD
# server or a loop device; the mirror has this size, in MiB.
leg_file ()
{
  truncate -s $(($1 * 1024 + 64))K "${@:2}"
}

# disk_size FILE: how much of a leg is the mirror's: not the trailer that an NBD
# server's file or a device may have.
disk_size ()
{
  local size trailer
  size=$(stat -Lc %s "$1")
  [ ! -b "$1" ] || size=$(blockdev --getsize64 "$1")
  trailer=$((size / 4096 * 4096 - 65536))
  if [ "$trailer" -gt 0 ] &&
     [ "$(dd if="$1" bs=4096 skip=$((trailer / 4096)) count=1 status=none |
          head -c 8 | tr -d '\0')" = nbdmirrM ]; then
    size=$trailer
  fi
  echo "$size"
}

# legs_equal A B: the files hold the same bytes, as far as the disk goes.
legs_equal ()
{
  local a b
  a=$(disk_size "$1")
  b=$(disk_size "$2")
  cmp -n $((a < b ? a : b)) -- "$1" "$2" ||
    fail "legs differ: ${1##*/} and ${2##*/}"
}


# ---------------------------------------------------------------- log server

# start_logd OPTION...: a log server over $tmp/logs on the Unix socket
# $logd_sock; its process id is in $logd_pid, its output in $tmp/logd.log.
# $in_netns (words) is put before it.
logd=${NBDMIRROR_LOGD:-$top_builddir/logd/nbdmirror-logd}
logd_sock=$tmp/logd.sock
in_netns=()
try_start_logd ()
{
  mkdir -p "$tmp/logs"
  rm -f "$tmp/logd.pid"
  # shellcheck disable=SC2086
  background logd "${in_netns[@]}" ${NBDMIRROR_WRAPPER:-} \
    "$logd" --foreground --dir "$tmp/logs" --pidfile "$tmp/logd.pid" \
            --socket "$logd_sock" "$@"
  logd_pid=$!
  wait_server logd "$logd_pid"
}

start_logd ()
{
  try_start_logd "$@" || fail "the log server did not start: $*"
}

kill_logd ()
{
  kill -KILL "$logd_pid"
  reap "$logd_pid" || true
}

stop_logd ()
{
  local status=0
  kill -TERM "$logd_pid"
  wait_for "$deadline" not running "$logd_pid"
  reap "$logd_pid" || status=$?
  [ "$status" -eq 0 ] || fail "the log server ended with status $status"
}


# ---------------------------------------------------------------- namespaces

# netns NAME ADDRESS: a network namespace (needs root) with this address on
# the bridge that all of them share; its real name is in ${netns[NAME]}, and
# says which run of run-tests it comes from.
declare -A netns=()
netns ()
{
  local own=nbdm-${NBDMIRROR_RUN:-0}-$$
  local ns=$own-$1 hub=$own-hub

  if [ "${#netns[@]}" -eq 0 ]; then
    [ "$(id -u)" -eq 0 ] || skip 'network namespaces need root'
    requires_tool ip
    ip netns add "$hub"
    cleanup_fn ip netns del "$hub"
    ip -n "$hub" link add name br0 type bridge
    ip -n "$hub" link set dev br0 up
    netns[hub]=$hub
  fi
  ip netns add "$ns"
  cleanup_fn ip netns del "$ns"
  ip -n "$ns" link add name eth0 type veth peer name "$1" netns "$hub"
  ip -n "$hub" link set dev "$1" master br0 up
  ip -n "$ns" address add "$2/24" dev eth0
  ip -n "$ns" link set dev eth0 up
  ip -n "$ns" link set dev lo up
  netns[$1]=$ns
}


# -------------------------------------------------------------------- mirror

# A test with several mirrors sets $mirror to another name first; the
# variables set by start_mirror are those of the one started last.
mirror=mirror
mirror_options=()
declare -A mirror_pids

# start_mirror PLUGIN-ARG...: start nbdkit with the plugin, and options of
# nbdkit's own from the array mirror_options.  Sets $sock, $uri, $control and
# $mirror_pid; output is in $tmp/$mirror.log.  Serves on a Unix socket and, if
# the array has -p, on that port instead.
try_start_mirror ()
{
  local listen=()

  sock=$tmp/$mirror.sock
  control=$tmp/$mirror.control
  uri="nbd+unix:///?socket=$sock"
  rm -f "$sock" "$tmp/$mirror.pid"
  case " ${mirror_options[*]} " in
    *" -p "*|*" -U "*) ;;
    *) listen=(-U "$sock") ;;
  esac
  # shellcheck disable=SC2086
  background "$mirror" \
    "${in_netns[@]}" ${NBDMIRROR_WRAPPER:-} \
    nbdkit --exit-with-parent -P "$tmp/$mirror.pid" \
           "${listen[@]}" "${mirror_options[@]}" \
           "$plugin" "$@" control="$control"
  mirror_pid=$!
  mirror_pids[$mirror]=$mirror_pid
  wait_server "$mirror" "$mirror_pid" || return 1
  wait_for "$deadline" control_answers
}

start_mirror ()
{
  try_start_mirror "$@" || fail "the mirror did not start: $*"
}

control_answers ()
{
  local status=0
  "$tool" status "$control" || status=$?
  [ "$status" -ne 3 ] || not running "$mirror_pid"
}

# stop_mirror [SECONDS]: end the mirror with SIGTERM.  Fails if it takes
# longer (default $deadline) or does not exit with 0.
stop_mirror ()
{
  local pid=${mirror_pids[$mirror]} status=0
  kill -TERM "$pid"
  wait_for "${1:-$deadline}" not running "$pid"
  reap "$pid" || status=$?
  [ "$status" -eq 0 ] || fail "the mirror ended with status $status"
}

# kill_mirror: what a crash of the server is.
kill_mirror ()
{
  kill -KILL "${mirror_pids[$mirror]}"
  reap "${mirror_pids[$mirror]}" || true
}

# wait_mirror [nbdmirror wait's options]: until all legs are in-sync.
wait_mirror ()
{
  "$tool" wait --timeout "$deadline" "$@" "$control" ||
    fail "nbdmirror wait: status $?"
}

# A leg that fails may be back before anybody looks at its state.  What the
# mirror said of it stays:
#
# lost LEG, joined LEG, synced LEG: how often it has failed, was back, and was
# in-sync again.
times_said ()
{
  grep -cF -- "$1" "$tmp/$mirror.log" || true
}

lost ()
{
  times_said "leg $1: failed, "
}

joined ()
{
  times_said "leg $1: is back"
}

synced ()
{
  times_said "leg $1: is in-sync now"
}

# more_than N CMD...: the number that CMD prints is larger; for wait_for.
more_than ()
{
  [ "$("${@:2}")" -gt "$1" ]
}

# leg_synced NAME N: for wait_for; the leg behind the server that start_leg
# started was in-sync again more than N times.
leg_synced ()
{
  revive_leg "$1" || true
  more_than "$2" synced "${leg_uri[$1]}"
}

# in_sync_again NAME...: for wait_for; all legs are in-sync; those behind
# these servers were given up before.
in_sync_again ()
{
  local name
  for name; do
    revive_leg "$name" || true
  done
  json_is .mirror.state in-sync
}

# json FIELD: one field of the status, as jq writes it: json .mirror.state
json ()
{
  { "$tool" status --json "$control" || true; } | jq -r "$1"
}

# json_is FIELD VALUE: for wait_for.
json_is ()
{
  [ "$(json "$1")" = "$2" ]
}

# wait_more N FIELD [SECONDS]: until this number is greater by more than N than it
# is now.
wait_more ()
{
  local now
  now=$(json "$2")
  wait_for "${3:-$deadline}" more_than $((now + $1)) json "$2"
}

# looked_at: at how many bytes a resync has looked, copied or not.
looked_at ()
{
  json '.resync.copied_bytes + .resync.skipped_bytes'
}

# expect WHAT SEEN WANTED
expect ()
{
  [ "$2" = "$3" ] || fail "$1: $2, expected $3"
}


# ------------------------------------------------------------ host end-to-end

# Debian's nbdsh takes the first python3, which need not be Debian's.
nbdsh ()
{
  PATH=/usr/bin:$PATH command nbdsh "$@"
}

# heartbeat_at FILE: where a running mirror writes its heartbeat to the file of
# a leg, or to the record beside it; nothing if it writes none.
heartbeat_at ()
{
  local size disk=0
  size=$(stat -c %s "$1")
  case $1 in
    *.mirrorleg) ;;
    *) disk=$(disk_size "$1") ;;
  esac
  [ "$disk" -ge "$size" ] || echo $((disk + 8192))
}

# Names, sizes, times and contents of all files below the directory; of large
# sparse ones, how much is allocated instead of the content.  Not the heartbeat
# of a mirror that runs, and the times that are its.
state_of ()
{
  local file at
  echo "state of $1"
  find "$1" \( -type f -o -type l -o -type s \) \
    -printf '%P %y %s %b %m\n' | sort
  while read -r -d '' file; do
    at=$(heartbeat_at "$file")
    [ -n "$at" ] || stat -c '%n %y' "$file"
    [ "$(stat -c %s "$file")" -lt 200000000 ] || continue
    if [ -n "$at" ]; then
      echo "$file $(head -c "$at" "$file" | cksum)" \
        "$(tail -c +$((at + 513)) "$file" | cksum)"
    else
      cksum "$file"
    fi
  done < <(find "$1" -type f -print0 | sort -z)
}

# refused WORD... -- NBDKIT-ARG...: nbdkit with the plugin and the arguments
# does not start, the message has each of the words, and nothing in
# $tmp/data is changed.  Words put before nbdkit are in the array run_as.
run_as=()
refused ()
{
  local words=() word before status=0

  while [ "$1" != -- ]; do
    words+=("$1")
    shift
  done
  shift
  before=$(state_of "$tmp/data")
  rm -f "$tmp/refused.sock"
  # shellcheck disable=SC2086
  timeout -s KILL "$deadline" "${run_as[@]}" ${NBDMIRROR_WRAPPER:-} \
    nbdkit -f -U "$tmp/refused.sock" "$plugin" "$@" --run 'echo served' \
    </dev/null >"$tmp/refused.out" 2>&1 || status=$?
  word="refused: $*: $(cat "$tmp/refused.out")"
  [ "$status" -eq 1 ] || fail "exit status $status, expected 1: $word"
  grep -q 'error: ' "$tmp/refused.out" || fail "no message: $word"
  for i in "${words[@]}"; do
    grep -qF -- "$i" "$tmp/refused.out" || fail "message lacks \"$i\": $word"
  done
  if grep -q '^served' "$tmp/refused.out"; then
    fail "it served first: $word"
  fi
  diff - <(state_of "$tmp/data") <<<"$before" ||
    fail "something was changed: $word"
}

# planned STATUS WORD... -- NBDKIT-ARG...: the same for plan=1, which changes
# nothing either; its output is in $tmp/plan.out.
planned ()
{
  local wanted=$1 words=() before status=0 i

  shift
  while [ "$1" != -- ]; do
    words+=("$1")
    shift
  done
  shift
  before=$(state_of "$tmp/data")
  # shellcheck disable=SC2086
  timeout -s KILL "$deadline" ${NBDMIRROR_WRAPPER:-} \
    nbdkit -f -U "$tmp/plan.sock" "$plugin" plan=1 "$@" \
    </dev/null >"$tmp/plan.out" 2>"$tmp/plan.err" || status=$?
  expect "exit status of plan=1 $*: $(cat "$tmp/plan.out" "$tmp/plan.err")" \
    "$status" "$wanted"
  for i in "${words[@]}"; do
    grep -qF -- "$i" "$tmp/plan.out" ||
      fail "plan=1 $*: lacks \"$i\": $(cat "$tmp/plan.out" "$tmp/plan.err")"
  done
  diff - <(state_of "$tmp/data") <<<"$before" ||
    fail "plan=1 changed something: $*"
}

# What the mirror said has the words.
said ()
{
  grep -qF -- "$1" "$tmp/$mirror.log" ||
    fail "the mirror did not say \"$1\""
}

# wait_said WORDS: the same for what it says beside a request's answer, which
# may come first.
wait_said ()
{
  wait_for "$deadline" grep -qF -- "$1" "$tmp/$mirror.log"
}

# crash_after PYTHON: kill the mirror at once after these requests of h, so
# that what they marked is marked: marks go away after two idle seconds, and
# what begins another program may take longer.
crash_after ()
{
  nbdsh -u "$uri" -c "
import os, signal
$1
os.kill (${mirror_pids[$mirror]}, signal.SIGKILL)
"
  reap "${mirror_pids[$mirror]}" || true
}

# dump FIELD LOGFILE: one field of what is in a log.
dump ()
{
  "$tool" dump --json "$2" | jq -r "$1"
}

# Write the pattern byte PATTERN to [OFFSET, OFFSET+LENGTH) of the mirror.
write_pattern ()
{
  qemu-io -f raw "$uri" -c "write -P $1 $2 $3" >>"$tmp/qemu-io.log"
}

# Detach the loop devices that are on FILE, whatever their names.
loop_detach ()
{
  losetup -n -O NAME -j "$1" | xargs -r losetup -d
}

# loop_device FILE: attach one, its name is in $loop_dev; needs root.
loop_device ()
{
  [ "$(id -u)" -eq 0 ] || skip "loop devices need root"
  requires_tool losetup
  requires losetup -f
  loop_dev=$(losetup -f --show "$1") || skip "no loop device can be attached"
  cleanup_fn loop_detach "$1"
}
