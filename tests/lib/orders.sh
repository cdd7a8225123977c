# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash

# What tests of an operator's orders share, beside functions.sh, which this brings.

# shellcheck source=tests/lib/functions.sh
. "${BASH_SOURCE[0]%/*}/functions.sh"

check=$top_srcdir/tests/lib/register-check

# ends STATUS TEXT CMD...: nbdmirror CMD ends with this exit code and says TEXT;
# says: with 0, declines: with 1.
ends ()
{
  local want=$1 text=$2 status=0
  "$tool" "${@:3}" >"$tmp/said" 2>&1 || status=$?
  expect "exit code of ${*:3} ($(cat "$tmp/said"))" "$status" "$want"
  grep -qF -- "$text" "$tmp/said" || fail "${*:3}: $(cat "$tmp/said")"
}

says ()
{
  ends 0 "$@"
}

declines ()
{
  ends 1 "$@"
}

# ordered CMD...: nbdmirror CMD ends well; what it says is in $tmp/said.
ordered ()
{
  ends 0 '' "$@"
}

# start_load [OPTION...]: write until end_load, by clients that remember what they
# have seen.
start_load ()
{
  background load "$check" load --rate 1500 --seed 1 "$@" "$tmp/state" "$uri"
  load=$!
  wait_for "$deadline" json_is '.legs[1].writes > 100' true
}

# end_load FILE...: no client saw an error, and these legs hold what was written.
end_load ()
{
  kill -TERM "$load"
  reap "$load" || fail 'a client saw an error'
  "$check" verify "$tmp/state" "$uri" "$@"
}
