#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Signals are for nbdkit's own threads: every thread of the plugin blocks them.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

term=14 # the bit of SIGTERM

# The names of the plugin's threads, each with 1 if it blocks SIGTERM, else 0.
# Those of nbdkit may end meanwhile.
threads ()
{
  local task name blocked
  for task in "/proc/$mirror_pid"/task/*; do
    name=$(cat "$task/comm" 2>/dev/null) || continue
    blocked=$(sed -n 's/^SigBlk:[[:space:]]*//p' "$task/status")
    case $name in
      mirror-* | leg-* | disk-log | control)
        echo "$name $((0x$blocked >> term & 1))" ;;
    esac
  done
}

truncate -s 32M "$tmp/a"
start_leg b memory 32M
start_mirror "$tmp/a" "${leg_uri[b]}" region-size=64K
write_pattern 1 0 1M
threads | sort -u >"$tmp/threads"
for name in mirror-worker mirror-resync mirror-rejoin mirror-shutdown \
  mirror-watch \
  leg-io leg-nbd disk-log control; do
  grep -q "^$name " "$tmp/threads" || fail "there is no thread $name"
done
if grep ' 0$' "$tmp/threads"; then
  fail "^ take signals"
fi
stop_mirror
