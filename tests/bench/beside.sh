# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of functions.sh, bench, works.sh

# Clients beside copies: what they wait, and how fast is copied, over time; bash,
# sourced.
#
#   alone   nothing is copied
#   copies  a leg gets all data, again and again
#   floor   the same, and resync-min is more than clients bear

beside_floor=${FLOOR:-100M}

# copied: what the mirror says of its copies, a line; how much in all, how much is
# allowed, why, and what it has measured.
copied ()
{
  json '[.resync.copied_bytes, .rate.allowed, .rate.why, .rate.client_p99_us,
    .rate.alone_p99_us, .legs[1].state] | join(" ")'
}

# copy_again STATE: the leg that is in-sync misses all once more.
copy_again ()
{
  [ "$1" = in-sync ] || return 0
  "$tool" detach "$control" 1 >>"$tmp/orders.log" 2>&1 || true
  "$tool" attach "$control" 1 >>"$tmp/orders.log" 2>&1 || true
}

# watch_copies PID: four times a second, until it has ended; into $tmp/copied.
watch_copies ()
{
  local begin=$EPOCHREALTIME now line
  : >"$tmp/copied"
  while running "$1"; do
    now=$EPOCHREALTIME
    line=$(copied)
    echo "$((${now/./} - ${begin/./})) $line" >>"$tmp/copied"
    [ "$side" = alone ] || copy_again "${line##* }"
    read -r -t 0.25 -u "$silence" || true
  done
}

measure_beside ()
{
  local options=() load

  own_mirror
  head -c "${copy_mib}M" /dev/urandom >"$own/0"
  truncate -s "${copy_mib}M" "$own/1"
  [ "$side" != floor ] || options=(resync-min="$beside_floor")
  start_mirror "$own/0" "$own/1" log=disk:"$own/log" quarantine=0 "${options[@]}"
  [ "$side" != alone ] || wait_mirror
  rm -f "$tmp"/beside_clat.*.log
  run_fio "$uri" "$run_ms" --write_lat_log="$tmp/beside" &
  load=$!
  pids+=("$load")
  watch_copies "$load"
  reap "$load" || fail "$work: $side: fio"
  sample_fio
  "$top_srcdir/tests/bench/beside-report" add "$out/$work.csv" "$round" "$side" \
    "$tmp/copied" "$tmp"/beside_clat.*.log >"$tmp/beside.out"
  [ "$side" = alone ] || sample mib_per_s "$(cat "$tmp/beside.out")"
  "$top_srcdir/tests/bench/beside-report" plot "$out/$work.csv" "$out/$work-time"
  stop_mirror
  rm -rf "$own"
}
