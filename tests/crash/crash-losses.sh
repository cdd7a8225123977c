# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck source=functions.sh disable=SC2034,SC2154

# What is found when a mirror is started after a crash, for crash-round: the log
# is lost, or an older copy of it is there, or not all legs are, and the legs'
# own records decide.  A start may be refused, but only where a leg that is not
# here may know more; and what is served must be all that was acknowledged.


# ------------------------------------------------------------- what is known

# A file with the record of a leg, beside it or at its end.
record_file ()
{
  case ${device_kind[$1]} in
    file) echo "$tmp/$1.mirrorleg" ;;
    recorded) echo "$tmp/$1.record" ;;
    *) device_image "$1" ;;
  esac
}

# leg_json LEG: what its record and heartbeat say.
leg_json ()
{
  "$tool" dump --json "$(record_file "$1")"
}

# facts FILTER LEG...: from an array of what the legs say.
facts ()
{
  local filter=$1 n
  shift
  for n; do
    leg_json "$n"
  done | jq -sr "$filter"
}

# Who was in-sync by the newest record of all legs, wherever they are.
in_sync_by_records ()
{
  facts 'map (.leg_record | select (.found == "valid")) |
         max_by ([.generation, .sequence]) |
         .legs[] | select (.state == "in-sync") | .index' "${names[@]}"
}

in_sync_by_log ()
{
  dump '.legs[] | select (.state == "in-sync") | .index' "$log_file"
}

# in_list WORD LIST-WORD...
in_list ()
{
  local word=$1 w
  shift
  for w; do
    [ "$w" != "$word" ] || return 0
  done
  return 1
}

# How often that log was flushed, as far as its last block that says so.
flush_number ()
{
  local at n max=0
  while IFS=: read -r at _; do
    n=$(od -An -t u8 -j $((at + 32)) -N 8 "$1")
    [ "$n" -le "$max" ] || max=$((n))
  done < <(LC_ALL=C grep -obUaF nbdmirrF "$1")
  echo "$max"
}

# A copy that was made while the log was written.
is_torn ()
{
  [ "$("$tool" dump --json "$1" | jq -r .found)" = damaged ]
}

# is_older COPY LEG...: these legs can tell that the log has gone on since: by
# a generation, by a heartbeat that saw a later flush, or by a start.
is_older ()
{
  local log generation flushes clean
  log=$("$tool" dump --json "$1") || return 1
  generation=$(jq .generation <<<"$log")
  clean=$(jq .clean <<<"$log")
  flushes=$(flush_number "$1")
  shift
  [ "$generation" != null ] || return 1
  [ "$(facts "map ((.leg_record | select (.found == \"valid\") |
                    .generation > $generation or
                    (.generation == $generation and $clean and
                     (.clean | not))),
                   (.beat | select (.found == \"valid\") |
                    .generation > $generation or
                    (.generation == $generation and $flushes > 0 and
                     .flush_number > $flushes))) | any" "$@")" = true ]
}


# ------------------------------------------------------------ what is lost

lose_log ()
{
  local size
  tell 'log lost'
  cut log
  log_there=
  [ -e "$log_file" ] || return 0
  size=$(stat -c %s "$log_file")
  rm "$log_file"
  [ "$log_is" != mounted ] || truncate -s "$size" "$log_file"
}

# Copies of the log are in $tmp/copies, in the order in which they were made.
copy_log ()
{
  cp "$log_file" "$tmp/copies/$(printf '%03d' "$step")-$1"
}

# Options of load, into the array copy_options.
copies_during_load ()
{
  local n
  copy_options=()
  [ "$after" = log-old ] || return 0
  for _ in 1 2; do
    n=$(printf '%04d' $((RANDOM % 900 + 1)))
    copy_options+=(--copy "$log_file:$tmp/copies/$(printf '%03d' \
      "$step")-$n@$((10#$n))")
  done
}

# old_log LEG...: an older copy of the log is restored, of which these legs can
# tell that it is one.
old_log ()
{
  local copies=("$tmp"/copies/*) i kind_of_log
  for ((i = RANDOM % ${#copies[@]}; i >= 0; i--)); do
    if is_torn "${copies[i]}"; then
      kind_of_log=damaged
    elif is_older "${copies[i]}" "$@"; then
      kind_of_log=old
    else
      continue
    fi
    break
  done
  if [ "$i" -lt 0 ]; then
    lose_log
    return
  fi
  tell "log $kind_of_log: ${copies[i]##*/} of ${copies[-1]##*/}"
  cut log
  cp "${copies[i]}" "$log_file"
  log_there=$kind_of_log
}


# ------------------------------------------------------------- what is found

# Into the array here.
choose_some_legs ()
{
  local n
  here=()
  while [ "${#here[@]}" -eq 0 ] || [ "${#here[@]}" -eq "${#names[@]}" ]; do
    here=()
    for n in "${names[@]}"; do
      [ $((RANDOM % 2)) -eq 0 ] || here+=("$n")
    done
  done
}

# offer PARAMETER...: start with the legs in the array here; "missing" stands
# for the others, or nobody finds them.  False if it is refused.
offer ()
{
  local n words=()
  for n in "${names[@]}"; do
    words+=("$(device_name "$n")")
    if in_list "$n" "${here[@]}"; then
      serve_device "$n"
    elif [ $((RANDOM % 2)) -eq 0 ]; then
      words[n]=missing
    else
      take_away "$n"
    fi
  done
  serve_log
  start_or_not "${words[@]}" "${options[@]}" "$@"
}

# Start; what the mirror said of it goes to $tmp/said.  False if it is refused.
start_or_not ()
{
  local begin=0 status=0
  [ ! -e "$tmp/mirror.log" ] || begin=$(stat -c %s "$tmp/mirror.log")
  try_start_mirror "$@" || status=1
  tail -c +$((begin + 1)) "$tmp/mirror.log" >"$tmp/said"
  [ "$status" -eq 0 ] || mirror_pid=
  [ "$log_there" != yes ] || ! grep -F 'is an older copy' "$tmp/said" ||
    fail 'refused the newest log as an older one'
  believed=
  [ "$log_there" != old ] ||
    grep -qF -e older -e 'gone on without' "$tmp/said" || believed=yes
  [ "$status" -ne 0 ] || log_there=yes
  return "$status"
}

# After a start with an older log, when what is worse was looked for.
not_believed ()
{
  [ -z "$believed" ] ||
    fail "lost: an older log was believed: $(cat "$tmp/said")"
}

# Of the refusal: source=LEG@G.
printed_source ()
{
  grep -o "source=$1@[0-9]*" "$tmp/said" | tail -n 1
}

# The legs in the array here do not know whether another one has gone on, or are
# known to lack something.
check_refusal ()
{
  local legs n
  [ "$log_there" != damaged ] || return 0
  grep -q 'source=[0-9]*@[0-9]' "$tmp/said" ||
    fail "refused without a way out: $(cat "$tmp/said")"
  not_believed
  if [ "$log_there" = yes ]; then
    mapfile -t legs < <(in_sync_by_log)
    for n in "${here[@]}"; do
      ! in_list "$n" "${legs[@]}" || [ -n "$line" ] ||
        fail "refused, but leg $n is in-sync: $(cat "$tmp/said")"
    done
    return
  fi
  mapfile -t legs < <(in_sync_by_records)
  for n in "${legs[@]}"; do
    in_list "$n" "${here[@]}" || return 0
  done
  [ -n "$line" ] ||
    fail "refused, but ${legs[*]} are in-sync and here: $(cat "$tmp/said")"
}

# holds_all LEG: it has all that was acknowledged.
holds_all ()
{
  cp "$tmp/state" "$tmp/state.try"
  "$check" verify "${volatile[@]}" "$tmp/state.try" "$(device_image "$1")" \
    >>"$tmp/verify-try.log"
}

# The mirror goes on with the legs in the array here.
go_on ()
{
  verify "$uri"
  load --stop-after $((RANDOM % 300 + 1))
  case $((RANDOM % 3)) in
    0) cut mirror ;;
    1) end_mirror ;;
    2) power_cut ;;
  esac
  check_log
}

# Only some legs: refused, or served, and the others are behind then.  From $line
# on, which was called the right one, others may have gone on without it.
some_legs ()
{
  local leg=${here[RANDOM % ${#here[@]}]} override
  override=$((RANDOM % 2))
  if offer; then
    tell "served legs ${here[*]}"
    go_on
    return
  fi
  tell "refused legs ${here[*]}"
  check_refusal
  [ "$log_there" != damaged ] || return 0
  [ "$override" -eq 1 ] && holds_all "$leg" || return 0
  tell "source=$leg"
  offer "$(printed_source "$leg")" ||
    fail "refused the words that it printed: $(cat "$tmp/said")"
  line=$leg
  go_on
}

# serve_all PARAMETER...: start with all legs, which is only refused where two
# have gone on without each other.
serve_all ()
{
  local n
  for n in "${names[@]}"; do
    serve_device "$n"
  done
  serve_log
  if start_or_not "${parameters[@]}" "$@"; then
    return
  fi
  if [ "$log_there" = damaged ]; then
    lose_log
    serve_all "$@"
    return
  fi
  [ -n "$line" ] || fail "refused, with all legs: $(cat "$tmp/said")"
  grep -qF 'gone on without' "$tmp/said" ||
    fail "refused, with all legs: $(cat "$tmp/said")"
  tell "two lines, source=$line"
  start_or_not "${parameters[@]}" "$@" "$(printed_source "$line")" ||
    fail "refused the words that it printed: $(cat "$tmp/said")"
}

# After a crash, with the mirror down.
find_losses ()
{
  case $after in
    log-lost)
      lose_log
      [ $((RANDOM % 3)) -gt 0 ] || { choose_some_legs; some_legs; }
      ;;
    log-old)
      here=("${names[@]}")
      [ $((RANDOM % 3)) -gt 0 ] || choose_some_legs
      old_log "${here[@]}"
      [ "${#here[@]}" -eq "${#names[@]}" ] || some_legs
      ;;
    alone)
      [ $((RANDOM % 2)) -eq 0 ] || lose_log
      choose_some_legs
      some_legs
      ;;
  esac
}
