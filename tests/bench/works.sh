# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of functions.sh, bench, sides.sh

# What is measured; bash, sourced.  Each measure_X takes $work, $side and
# $round, and leaves its figures with sample.

# A line each: name, what measures it, the sides that take turns.  The report
# compares them as tests/bench/goals says.
file_sides='one core disk userspace quorum'
nbd_sides='proxy nbd quorum-nbd'
works="
write-4k-2x16     load   $file_sides $nbd_sides
read-4k-2x16      load   $file_sides $nbd_sides
write-4k-qd1      load   $file_sides $nbd_sides
read-4k-qd1       load   $file_sides $nbd_sides
write-128k-qd8    load   $file_sides $nbd_sides
read-1m-seq-qd4   load   $file_sides $nbd_sides
write-slow-qd1    load   slow-proxy slow-nbd
write-cold-qd32   cold   disk userspace
write-10-regions  marks  disk
resync            resync nbdcopy file-file file-nbd nbd-nbd
resync-sparse     sparse dense sparse
resync-bad-block  bad    source-good source-bad
resync-zeroes     zeroes nbd
beside-copies     beside alone copies floor
start-15t         start  one mirror
marks-logd        logd   batch-1 batch-16 batch-64 lone
"

# fio_options WORK
fio_options ()
{
  case $1 in
    write-4k-2x16) echo --rw=randwrite --bs=4k --iodepth=16 --numjobs=2 ;;
    read-4k-2x16) echo --rw=randread --bs=4k --iodepth=16 --numjobs=2 ;;
    write-4k-qd1|write-slow-qd1) echo --rw=randwrite --bs=4k --iodepth=1 ;;
    read-4k-qd1) echo --rw=randread --bs=4k --iodepth=1 ;;
    write-128k-qd8) echo --rw=randwrite --bs=128k --iodepth=8 ;;
    read-1m-seq-qd4) echo --rw=read --bs=1m --iodepth=4 ;;
    beside-copies) echo --rw=randrw --bs=4k --iodepth=4 ;;
    write-cold-qd32) echo --rw=randwrite --bs=4k --iodepth=32 ;;
    *) fail "no load for $1" ;;
  esac
}

# run_fio URI MS ARG...: what it says is in $tmp/fio.json.  Words before it
# are in the array before_fio.
before_fio=()
run_fio ()
{
  local options
  read -ra options < <(fio_options "$work")
  "${before_fio[@]}" fio --name=w --ioengine=nbd --uri="$1" --time_based \
    --runtime="$2ms" --size="${mib}M" --norandommap --randrepeat=0 \
    --group_reporting --output-format=json "${options[@]}" "${@:3}" \
    >"$tmp/fio.out" 2>"$tmp/fio.log" || fail "$work: $side: fio: status $?"
  sed -n '/^{/,$p' "$tmp/fio.out" >"$tmp/fio.json"
}

# of_fio FIELD: of the reads or the writes, whichever there were.
of_fio ()
{
  jq ".jobs[0] | [.read, .write] | max_by (.total_ios) | $1" "$tmp/fio.json"
}

# per_request AMOUNT REQUESTS
per_request ()
{
  awk "BEGIN { printf \"%.3f\\n\", ($1) / ($2 + !$2) }"
}

sample_fio ()
{
  sample rate "$(of_fio .iops)"
  sample latency_us "$(of_fio '.lat_ns.mean / 1000')"
  sample p99_us "$(of_fio '.clat_ns.percentile["99.000000"] // 0 | . / 1000')"
}

# System calls are counted in a run of their own, which that slows down.
sample_counts ()
{
  local pids_counted=$1 requests name n
  can_count || return 0
  before_fio=(counted "$pids_counted")
  run_fio "${side_uri[$side]}" $(((run_ms + 1) / 2))
  before_fio=()
  requests=$(of_fio .total_ios)
  while read -r name n; do
    sample "$name" "$(per_request "$n" "$requests")"
  done <"$tmp/counts"
}

# A load on servers that are hot: a run before it, that is not counted, has
# marked every region, and marks stay for some seconds.
measure_load ()
{
  local server legs cpu all requests

  need_side "$side"
  server=${side_server[$side]}
  read -ra legs <<<"${side_legs[$side]}"
  run_fio "${side_uri[$side]}" $(((run_ms + 7) / 8))
  cpu=$(cpu_us "$server")
  all=$(cpu_us "$server" "${legs[@]}")
  run_fio "${side_uri[$side]}" "$run_ms"
  requests=$(of_fio .total_ios)
  sample_fio
  sample cpu_us "$(per_request "$(cpu_us "$server") - $cpu" "$requests")"
  sample cpu_all_us \
    "$(per_request "$(cpu_us "$server" "${legs[@]}") - $all" "$requests")"
  sample_counts "$server"
}

# own_mirror NAME: a mirror for this round alone; its files are in $own.
own_mirror ()
{
  own=$tmp/own
  rm -rf "$own"
  mkdir "$own"
  mirror=own
  control=$tmp/own.control
}

# Each write goes to a region without a mark: how many share a flush of the
# log?  That is a durable write of the disk log, and a round trip to a server;
# how many of those a server makes durable at once, perf says.  Sparse legs,
# and far more regions than there will be writes.
measure_cold ()
{
  local log flushes writes

  own_mirror
  truncate -s 256G "$own/0" "$own/1"
  log=disk:$own/log
  if [ "$side" = userspace ]; then
    need_logd
    log=userspace:$logd_sock/cold-$round
    ! can_count || before_fio=(counted "$logd_pid")
  fi
  start_mirror "$own/0" "$own/1" region-size=64K log="$log"
  wait_mirror
  flushes=$(json .log.flushes)
  run_fio "$uri" "$run_ms" --size=256G
  flushes=$(($(json .log.flushes) - flushes))
  writes=$(of_fio .total_ios)
  sample_fio
  sample writes_per_flush "$(per_request "$writes" "$flushes")"
  if [ "${#before_fio[@]}" -gt 0 ]; then
    before_fio=()
    sample writes_per_sync "$(per_request "$writes" \
      "$(awk '$1 == "sync" { print $2 }' "$tmp/counts")")"
  fi
  stop_mirror
  rm -rf "$own"
}

# syncs_of NAME, writes_of NAME: of the file, as strace has seen them.
writes_of ()
{
  grep -cE "(pwrite|pwritev|write)[0-9v]*\([0-9]+<[^>]*/$1>" "$tmp/strace" ||
    true
}

syncs_of ()
{
  grep -cE "(fdatasync|fsync)\([0-9]+<[^>]*/$1>" "$tmp/strace" || true
}

# 1000 writes over 10 regions within a second, and the clears after them.
measure_marks ()
{
  local tracer

  command -v strace >/dev/null || return 0
  own_mirror
  truncate -s 64M "$own/0" "$own/1"
  start_mirror "$own/0" "$own/1" region-size=1M log=disk:"$own/log"
  wait_mirror
  background strace strace -f -qq -y -o "$tmp/strace" -p "$mirror_pid" \
    -e trace=pwrite64,pwritev,pwritev2,fsync,fdatasync
  tracer=$!
  wait_for "$deadline" traced "$mirror_pid"
  write_10_regions
  wait_for "$deadline" json_is .mirror.dirty_regions 0
  signal INT "$tracer"
  wait_for "$deadline" not running "$tracer"
  reap "$tracer" || true
  sample log_writes "$(writes_of log)"
  sample log_syncs "$(syncs_of log)"
  sample leg_syncs "$(syncs_of 0)"
  stop_mirror
  rm -rf "$own"
}

traced ()
{
  [ "$(status_of "$1" TracerPid)" != 0 ]
}

write_10_regions ()
{
  nbdsh -u "$uri" -c "
import time
begin = time.monotonic ()
for i in range (1000):
    h.pwrite (bytes (4096), i % 10 * (1 << 20) + i // 10 * 4096)
    time.sleep (max (0, begin + i / 1100 - time.monotonic ()))
"
}

# milliseconds CMD...: how long it took, in $took.
milliseconds ()
{
  local begin=$EPOCHREALTIME
  "$@"
  took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
}

# random_source: $tmp/random, what is copied, made once; behind the leg
# "random".
random_source ()
{
  [ -z "${leg_uri[random]:-}" ] || return 0
  head -c "${copy_mib}M" /dev/urandom >"$tmp/random"
  start_leg random file "$tmp/random"
}

# resynced ARG...: start the mirror, and wait until it is in-sync, without the
# seconds that writes to an NBD leg from before may take to land.  What it says
# comes at once; asking it again and again would take its CPU.
resynced ()
{
  : >"$tmp/own.log"
  start_mirror "$@" log=disk:"$own/log" quarantine=0
  grep -qm 1 'is in-sync now' < <(
    timeout "$deadline" tail -n +1 --pid="$mirror_pid" -f "$tmp/own.log"
  ) || fail "$work: $side: not in-sync"
}

# sample_copy MIB: so much was copied in $took.
sample_copy ()
{
  sample seconds "$(per_request "$took" 1000)"
  sample mib_per_s "$(per_request "$1 * 1000" "$took")"
}

measure_resync ()
{
  random_source
  own_mirror
  truncate -s "${copy_mib}M" "$own/target"
  start_leg target file "$own/target"
  case $side in
    nbdcopy)
      milliseconds nbdcopy --flush "${leg_uri[random]}" "${leg_uri[target]}" ;;
    file-file) milliseconds resynced "$tmp/random" "$own/target" ;;
    file-nbd) milliseconds resynced "$tmp/random" "${leg_uri[target]}" ;;
    nbd-nbd)
      milliseconds resynced "${leg_uri[random]}" "${leg_uri[target]}" ;;
  esac
  sample_copy "$copy_mib"
  [ "$side" = nbdcopy ] || stop_mirror
  kill_leg target
  legs_equal "$tmp/random" "$own/target"
  forget_mirror
}

# The source is used again, by a mirror that must not know it.
forget_mirror ()
{
  rm -rf "$own" "$tmp/random.mirrorleg" "$tmp/random.mirrorlog"
}

# As much data, in pieces of 1 MiB all over a disk of 1 TiB.
scatter ()
{
  nbdsh -c "
import os
fd = os.open ('$1', os.O_WRONLY)
data = os.urandom (1 << 20)
for i in range ($copy_mib):
    os.pwrite (fd, data, i * ((1 << 40) // $copy_mib >> 20 << 20))
"
}

measure_sparse ()
{
  own_mirror
  if [ "$side" = dense ]; then
    random_source
    truncate -s "${copy_mib}M" "$own/1"
    milliseconds resynced "$tmp/random" "$own/1"
  else
    truncate -s 1T "$own/0" "$own/1"
    scatter "$own/0"
    milliseconds resynced "$own/0" "$own/1"
  fi
  sample_copy "$copy_mib"
  stop_mirror
  forget_mirror
}

# left_to_copy N: no more than so many regions of the second leg.
left_to_copy ()
{
  local missed
  missed=$("$tool" status --json "$control" |
    jq '.legs[1].missed_regions') || true
  [ "${missed:-1000}" -le "$1" ]
}

# Looks without a pause: those of wait_for are too long for a time.
copied_but ()
{
  local end=$((SECONDS + deadline))
  start_mirror "${leg_uri[$side]}" "$own/1" log=disk:"$own/log" quarantine=0
  until left_to_copy "$1"; do
    [ "$SECONDS" -lt "$end" ] || fail "$work: $side: not copied"
  done
}

# pieces_leg: the source in three files, the second of which has 4 KiB.
pieces_leg ()
{
  local third=$((copy_mib * 256 / 3))
  head -c $((third * 4))K /dev/urandom >"$own/before"
  head -c 4K /dev/urandom >"$own/block"
  head -c $(((copy_mib * 256 - third - 1) * 4))K /dev/urandom >"$own/after"
  truncate -s "${copy_mib}M" "$own/1"
  start_leg "$side" --filter=noextents \
    split "$own/before" "$own/block" "$own/after"
}

# In both cases through the same server; in one of them the file with the block
# in the middle is cut off, so that it can't be read.
measure_bad ()
{
  local left=0

  own_mirror
  pieces_leg
  if [ "$side" = source-bad ]; then
    left=1
    truncate -s 0 "$own/block"
  fi
  milliseconds copied_but "$left"
  sample_copy "$copy_mib"
  stop_mirror
  kill_leg "$side"
  rm -rf "$own"
}

# 64 GiB of the target are made zero, while a client writes: how often is an
# NBD leg asked for its block status, and how long does a write wait?
measure_zeroes ()
{
  own_mirror
  leg_file 65536 "$own/0" "$own/1"
  nbdsh -c "
import os
fd = os.open ('$own/1', os.O_WRONLY)
for i in range (1024):
    os.pwrite (fd, b'old' * 1024, i << 26)
"
  start_leg source --filter=log file "$own/0" logfile="$own/source.requests"
  start_leg target --filter=log file "$own/1" logfile="$own/target.requests"
  start_mirror "${leg_uri[source]}" "${leg_uri[target]}" \
    log=disk:"$own/log" sync=force quarantine=0
  longest_write
  sample longest_ms "$longest"
  stop_mirror
  sample block_status "$(cat "$own"/*.requests | grep -c ' Extents ' || true)"
  kill_leg source
  kill_leg target
  rm -rf "$own"
}

longest_write ()
{
  longest=$(nbdsh -u "$uri" -c "
import json, subprocess, time
longest = 0.0
i = 0
while not subprocess.run (['$tool', 'status', '$control'],
                          stdout=subprocess.DEVNULL).returncode == 0:
    for n in range (20):
        begin = time.monotonic ()
        h.pwrite (bytes (4096), i * 7919 % 65536 << 20)
        longest = max (longest, time.monotonic () - begin)
        i += 1
print (round (longest * 1000, 3))
")
}

# A clean mirror of 15 TiB: its start, its status, its memory.
measure_start ()
{
  own_mirror
  truncate -s 15T "$own/0" "$own/1"
  if [ "$side" = one ]; then
    milliseconds start_leg start-one file "$own/0"
    uri=${leg_uri[start-one]}
    sample_memory "${leg_pid[start-one]}"
    kill_leg start-one
  else
    start_mirror "$own/0" "$own/1"
    wait_mirror
    stop_mirror
    milliseconds start_mirror "$own/0" "$own/1"
    milliseconds_of_status
    sample_memory "$mirror_pid"
    stop_mirror
  fi
  rm -rf "$own"
}

twenty_times ()
{
  local i
  for i in {1..20}; do
    "$@" >/dev/null
  done
}

# After a start that took $took; what the program's own start takes is in it.
milliseconds_of_status ()
{
  local start=$took
  milliseconds twenty_times "$tool" status "$control"
  sample status_ms "$(per_request "$took" 20)"
  took=$start
}

sample_memory ()
{
  local work=write-cold-qd32 loaded
  loaded=$(rss_mib "$1")
  run_fio "$uri" "$run_ms" --iodepth=64 --size=1G --offset=1T
  work="start-15t"
  sample start_s "$(per_request "$took" 1000)"
  sample idle_mib "$loaded"
  sample load_mib "$(rss_mib "$1")"
}

# Marks of the log server alone.
measure_logd ()
{
  local load=${NBDMIRROR_MARK_LOAD:-$top_builddir/tests/bench/mark-load}
  local seconds=$(((run_ms + 999) / 1000))

  [ -x "$load" ] || fail "$load has not been built"
  need_logd
  if [ "$side" = lone ]; then
    "$load" lone --server "$logd_sock" --dir "$tmp/logs" --samples 1000 \
      >"$tmp/load.out"
    sample latency_us "$(sed -n 's/.*lone mark \([0-9]*\) us.*/\1/p' \
      "$tmp/load.out")"
    sample to_parts "$(sed -n 's/.*fdatasync): \([0-9.]*\).*/\1/p' \
      "$tmp/load.out")"
  else
    "$load" pipelined --server "$logd_sock" --batch "${side#batch-}" \
      --seconds "$seconds" >"$tmp/load.out"
    sample rate "$(sed 's,.* \([0-9]*\) marks/s.*,\1,' "$tmp/load.out")"
  fi
}
