#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The crash harness finds legs that lie about flush, and mirrors that break a
# rule of docs/rules.md.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq nbdcopy make qemu-storage-daemon
requires nbdsh -c pass

# must_find WHAT ROUNDS KIND...: the harness finds something wrong, and not
# just a server that did not start.
must_find ()
{
  local what=$1 rounds=$2 out=$tmp/harness
  shift 2
  if TMPDIR=$tmp NBDMIRROR_KEEP='' "$top_srcdir/tests/crash/crash-harness" \
       --rounds "$rounds" --seed 1 --kind "$@" >"$out" 2>&1; then
    fail "not found in $rounds rounds: $what"
  fi
  grep -E '^FAIL: crash-round: (lost|legs? |refused|under.*holds)' "$out" >"$tmp/found" ||
    fail "$what: $(cat "$out")"
  echo "$what: after $(grep -c '^kind' "$out") rounds: $(head -n 1 "$tmp/found")"
}

# mutant FILE SCRIPT: a plugin with the file changed by sed's SCRIPT.
mutant ()
{
  local dir=$tmp/mutant
  rm -rf "$dir"
  mkdir "$dir"
  sed "$2" "$top_srcdir/$1" >"$dir/mutant.c"
  if cmp -s "$dir/mutant.c" "$top_srcdir/$1"; then
    fail "$1 is not changed by $2"
  fi
  env -u MAKEFLAGS -u MFLAGS make -C "$top_builddir" MUTANT="$dir" \
    "$dir/mutant.la" >"$tmp/make.log" 2>&1 || fail "$1: $2: does not compile"
  export NBDMIRROR_PLUGIN=$dir/.libs/mutant.so
}

must_find 'legs lie about flush' 20 liar

mutant plugin/mirror/write.c \
  's/if (regions_mark (m, op))/if (regions_mark (m, op) \&\& !m)/'
must_find 'S1: no flush of the log before the legs' 20 subset cache

mutant plugin/mirror/sweep.c 's/flush_legs (m, 0) == -1 || //'
must_find 'S3: clear without leg flush' 20 subset cache --crash idle

mutant plugin/mirror/write.c \
  's/if (acknowledge_locked (m, op->rq->arrival) == -1 && !err)/if (err < 0)/'
must_find 'S4: write does not wait for the record' 60 nbd --crash leg_mirror

mutant log/truth/truth.c 's/^  miss_marked (log, slot);/  if (!log)\n  &/'
must_find 'S5: marked regions not missed by a leg that fails' 20 \
  subset cache --crash return

mutant plugin/mirror/modify.c 's/\.flags = fua ? LEG_FUA : 0,/.flags = fua \&\& !m,/'
must_find 'S7: FUA dropped' 20 subset cache --crash all

mutant plugin/mirror/flush.c \
  's/(m, &f.fan, f.legs, &rq/(m, \&f.fan, f.legs \& -f.legs, \&rq/'
must_find 'S8: flush of one leg only' 20 subset cache --crash idle

mutant plugin/open/apply.c 's/if (!a->plan->kernel_used)/if (!a->plan)/'
must_find 'S22: marked regions not missed' 20 subset cache --crash all

mutant plugin/mirror/acknowledge.c 's/r = records_write (m, &state, 0);/r = 0;/'
must_find "S4: write does not wait for the legs' records" 20 log-lost:nbd \
  --crash leg_mirror

mutant plugin/mirror/records.c \
  's/if (records_renew (m, NO_DEADLINE) == 0)/if (m)/'
must_find 'S22: the records still say that the mirror has ended' 20 \
  log-lost:subset --crash all

mutant plugin/open/plan-records.c \
  's/if (in->log->found == LOG_FOUND_OURS)/if (!in)/'
must_find 'an older log is believed' 20 log-old:nbd --crash leg

mutant plugin/open/lost-source.c \
  's/if (!lost_in_sync (l, s) || lost_seen (l, s))/if (l)/'
must_find 'a leg is believed that is alone' 20 alone:nbd --crash leg_mirror

mutant plugin/open/lost.c 's/^  return clean;/  return true;/'
must_find 'the log is lost, and nothing is copied' 20 log-lost:file \
  --crash mirror
