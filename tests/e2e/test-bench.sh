#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# `make bench' works: a tiny round of three works has all columns in its table
# and in its CSV files.  How fast anything was is of no interest here.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool fio jq nbdcopy

ROUNDS=1 WORKS='write-slow-qd1 resync beside-copies' RUN_MS=50 MIB=1 COPY_MIB=2 \
  OUT="$tmp/results" "$top_srcdir/tests/bench/bench" \
  >"$tmp/table" 2>"$tmp/bench.log" || fail "bench: status $?"
cmp "$tmp/table" "$tmp/results/table.txt"

# columns FILE NAME...: a line of the table has all of these.
columns ()
{
  local line=$1 name
  shift
  for name; do
    [[ $line == *" $name "* ]] || fail "no column \"$name\" in: $line"
  done
}

counts=()
! grep -q 'system calls are not counted' "$tmp/results/machine.txt" &&
  counts=(calls futex send recv poll file sync switch)
columns "$(grep '^write-slow-qd1 .*1/s' "$tmp/table") " \
  '1/s (least-most)' 'ratio (least-most)' to 'mean us' 'p99 us' 'cpu us' \
  '+legs us' "${counts[@]}"
columns "$(grep '^resync .*MiB/s' "$tmp/table") " \
  'MiB/s (least-most)' 'ratio (least-most)' to s
columns "$(grep '^work .*goal' "$tmp/table") " side against metric goal seen met

# csv FILE COLUMNS: these are there, and every line has them all.
csv ()
{
  local file=$tmp/results/$1
  expect "$1" "$(head -n 1 "$file")" "$2"
  awk -F, -v n="$(tr -cd , <<<"$2" | wc -c)" 'NF != n + 1 { exit 1 }' "$file" ||
    fail "$1: a line has other columns"
}

csv samples.csv round,work,side,metric,value
csv summary.csv \
  work,side,metric,rounds,median,least,most,base,ratio,ratio_least,ratio_most
csv goals.csv \
  work,side,against,metric,relation,goal,seen,least,most,met

csv beside-copies.csv round,side,second,p99_us,requests,copy_mib_per_s,\
allowed_mib_per_s,why,seen_p99_us,seen_alone_p99_us

# Each side has been measured, and compared.
for line in write-slow-qd1,slow-proxy,rate write-slow-qd1,slow-nbd,cpu_all_us \
            resync,nbdcopy,mib_per_s resync,file-file,mib_per_s \
            resync,file-nbd,mib_per_s resync,nbd-nbd,mib_per_s \
            beside-copies,copies,p99_us beside-copies,floor,rate; do
  grep -Eq "^$line,1,[0-9.e+-]+,[0-9.e+-]+,[0-9.e+-]+,[a-z-]+,[0-9.]+," \
    "$tmp/results/summary.csv" || fail "summary.csv: no figures: $line"
done
if command -v gnuplot >/dev/null; then
  [ -s "$tmp/results/resync.png" ] || fail 'no resync.png'
  [ -s "$tmp/results/beside-copies-time.png" ] || fail 'no figure over time'
  grep -q '</svg>' "$tmp/results/resync.svg" || fail 'no resync.svg'
fi
echo 'all columns are there'
