/* SPDX-License-Identifier: BSD-3-Clause */

/* The disk log against a store that fails and loses power.
 *
 * A model beside the log knows what was promised.  Let "acknowledged" be
 * what was done before the call of a flush or commit that returned 0.  What
 * is loaded after a crash must have:
 *
 *   - each acknowledged mark that was not cleared since;
 *   - each acknowledged missed region that was not repaired since;
 *   - no leg in-sync that was acknowledged stale and not raised since;
 *   - for each debt, i.e. region that was marked durably, then missed by a
 *     leg and cleared: the mark, or the missed region;
 *   - at least the acknowledged generation;
 *   - no in-sync leg with missed regions;
 *   - a dirty kernel bit where one of the first two or a debt is.
 *
 * Changes are also made while the log writes, from within the store's
 * calls.  UNIT_SEED=N runs one seed, UNIT_ROUNDS=N that many.
 */

#include "config.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "disk.h"
#include "log-life.h"
#include "mem-store.h"
#include "suite.h"

#define NR_LEGS 3
#define OLD_NR 20000
#define NEW_NR 33000
#define GROWN_NR 400000 /* its bitmap covers maps of the old area */
#define REGION LOG_MIN_REGION_SIZE

/* On both sides of every word and block boundary of both kinds of map. */
static const uint64_t hot[] = {
  0,     1,     63,    64,    4095,  19968,  19998, 19999, /* OLD_NR */
  20000, 20031, 24575, 24576, 32767, 32768,  32999,        /* NEW_NR */
  33000, 57343, 57344, 65535, 65536, 399999,
};
#define NR_HOT (sizeof hot / sizeof hot[0])

struct model {
  struct dirty_log *log;
  struct mem_store *store;
  unsigned first_seed, seed;
  size_t nr_hot;
  bool in_call;
  uint64_t now, acked, loaded; /* op counter */
  bool marked[NR_HOT], missed[NR_LEGS][NR_HOT], debt[NR_LEGS][NR_HOT];
  uint64_t marked_at[NR_HOT], missed_at[NR_LEGS][NR_HOT];
  bool stale[NR_LEGS];
  uint64_t stale_at[NR_LEGS];
  uint64_t acked_generation;
  unsigned primary, primaries; /* now; all since the last acknowledged */
};

static size_t
hot_below (uint64_t nr)
{
  size_t n = 0;

  while (n < NR_HOT && hot[n] < nr)
    ++n;
  return n;
}

static unsigned
pick (struct model *m, unsigned n)
{
  return (unsigned) rand_r (&m->seed) % n;
}

/* --- operations, on log and model --- */

static void
model_miss (struct model *m, unsigned s, size_t i)
{
  if (!m->missed[s][i]) {
    m->missed[s][i] = true;
    m->missed_at[s][i] = m->now;
  }
}

static void
model_stale (struct model *m, unsigned s)
{
  if (!m->stale[s]) {
    m->stale[s] = true;
    m->stale_at[s] = m->now;
  }
}

static void
op_mark (struct model *m, size_t i)
{
  dirty_log_mark (m->log, hot[i]);
  if (!m->marked[i]) {
    m->marked[i] = true;
    m->marked_at[i] = m->now;
  }
}

/* After a crash the mark may be all that stands for a debt. */
static void
op_clear (struct model *m, size_t i)
{
  for (unsigned s = 0; s < NR_LEGS; ++s)
    if (m->debt[s][i] && !m->missed[s][i])
      return;
  dirty_log_clear (m->log, hot[i]);
  m->marked[i] = false;
}

static bool
other_in_sync (const struct model *m, unsigned s)
{
  for (unsigned t = 0; t < NR_LEGS; ++t)
    if (t != s && !m->stale[t])
      return true;
  return false;
}

/* A write failed on one leg: it misses the region, the mark goes. */
static void
op_debt (struct model *m, unsigned s, size_t i)
{
  if (!m->marked[i] || m->marked_at[i] > m->acked || !other_in_sync (m, s))
    return;
  dirty_log_set_region_sync (m->log, s, hot[i], 1, false);
  model_miss (m, s, i);
  model_stale (m, s);
  op_clear (m, i);
  m->debt[s][i] = true;
}

static void
op_failed (struct model *m, unsigned s)
{
  if (!other_in_sync (m, s))
    return;
  dirty_log_leg_failed (m->log, s);
  model_stale (m, s);
  for (size_t i = 0; i < m->nr_hot; ++i)
    if (m->marked[i])
      model_miss (m, s, i);
}

static void
op_repair (struct model *m, unsigned s, size_t i)
{
  dirty_log_set_region_sync (m->log, s, hot[i], 1, true);
  m->missed[s][i] = m->debt[s][i] = false;
}

static void
op_in_sync (struct model *m, unsigned s)
{
  for (size_t i = 0; i < m->nr_hot; ++i)
    op_repair (m, s, i);
  dirty_log_leg_in_sync (m->log, s);
  m->stale[s] = false;
}

static void
op_primary (struct model *m, unsigned s)
{
  dirty_log_set_primary (m->log, s);
  m->primary = s;
  m->primaries |= 1u << s;
}

static void
op_random (struct model *m)
{
  unsigned s = pick (m, NR_LEGS);
  size_t i = pick (m, (unsigned) m->nr_hot);

  m->now++;
  switch (pick (m, 13)) {
  case 0 ... 4:
    op_mark (m, i);
    break;
  case 5 ... 6:
    op_clear (m, i);
    break;
  case 7:
    op_debt (m, s, i);
    break;
  case 8:
    op_failed (m, s);
    break;
  case 9 ... 10:
    op_repair (m, s, i);
    break;
  case 11:
    op_primary (m, s);
    break;
  default:
    op_in_sync (m, s);
  }
}

static void
on_call (void *arg)
{
  struct model *m = arg;

  if (m->in_call || pick (m, 3) > 0)
    return;
  m->in_call = true;
  op_random (m);
  m->in_call = false;
}

static int
op_flush (struct model *m, bool commit)
{
  uint64_t now = m->now++, generation = m->log->record.generation;
  unsigned primaries = m->primaries;
  int r;

  m->primaries = 1u << m->primary;
  r = commit ? dirty_log_commit (m->log, NO_DEADLINE)
             : dirty_log_flush (m->log, NO_DEADLINE);
  if (r == 0) {
    m->acked = now;
    m->acked_generation = generation;
  }
  else
    m->primaries |= primaries;
  return r;
}

/* --- checks --- */

static bool
kernel_dirty (struct model *m, uint64_t region)
{
  uint8_t *bytes = mem_store_bytes (m->store);

  return !(bytes[1024 + region / 8] >> (region % 8) & 1);
}

static void
check_region (struct model *m, size_t i)
{
  struct dirty_log *log = m->log;
  bool must_mark = m->marked[i] && m->marked_at[i] <= m->acked;
  bool marked = bitset_test (&log->marked, hot[i]), dirty = must_mark;

  ck_assert_msg (!must_mark || marked, "seed %u: mark %" PRIu64 " lost",
                 m->first_seed, hot[i]);
  for (unsigned s = 0; s < NR_LEGS; ++s) {
    bool must_miss = m->missed[s][i] && m->missed_at[s][i] <= m->acked;
    bool missed = bitset_test (&log->missed[s], hot[i]);

    ck_assert_msg (!must_miss || missed,
                   "seed %u: leg %u: missed %" PRIu64 " lost", m->first_seed,
                   s, hot[i]);
    ck_assert_msg (!m->debt[s][i] || missed || marked,
                   "seed %u: leg %u: debt %" PRIu64 " lost", m->first_seed, s,
                   hot[i]);
    dirty |= must_miss || m->debt[s][i];
  }
  /* What a crash in a commit left marked may be clean for the kernel. */
  ck_assert_msg (!dirty || m->acked == m->loaded || kernel_dirty (m, hot[i]),
                 "seed %u: kernel: region %" PRIu64 " clean", m->first_seed,
                 hot[i]);
}

static void
check_loaded (struct model *m)
{
  struct dirty_log *log = m->log;

  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  ck_assert (log->record.generation >= m->acked_generation);
  ck_assert_msg (m->primaries >> log->record.primary & 1,
                 "seed %u: primary is %u again", m->first_seed,
                 log->record.primary);
  for (size_t i = 0; i < m->nr_hot && hot[i] < log->info.geo.nr_regions; ++i)
    check_region (m, i);
  for (unsigned s = 0; s < NR_LEGS; ++s) {
    bool in_sync = log->record.leg[s].state == LOG_LEG_IN_SYNC;

    ck_assert (log->record.leg[s].state != LOG_LEG_NONE);
    ck_assert (!in_sync || log->missed[s].count == 0);
    ck_assert_msg (!in_sync || !m->stale[s] || m->stale_at[s] > m->acked,
                   "seed %u: leg %u is trusted again", m->first_seed, s);
  }
}

/* --- life --- */

static void
new_log (struct model *m, uint64_t nr)
{
  const struct log_geometry geo = {
    .size = nr * REGION,
    .region_size = REGION,
    .nr_regions = nr,
  };
  const uint8_t id[LOG_ID_SIZE] = {1};

  ck_assert_int_eq (dirty_log_create (m->log, &geo, 1), 0);
  for (unsigned s = 0; s < NR_LEGS; ++s) {
    dirty_log_set_leg (m->log, s, 1, id, geo.size, "leg");
    dirty_log_set_region_sync (m->log, s, 0, nr, true);
    dirty_log_leg_in_sync (m->log, s);
  }
}

static void
open_log (struct model *m)
{
  m->log = disk_log_open_store (mem_store_open (m->store), "mem", 0);
  ck_assert_ptr_nonnull (m->log);
}

static void
model_begin (struct model *m, unsigned seed, uint64_t device, uint64_t nr)
{
  memset (m, 0, sizeof *m);
  m->first_seed = m->seed = seed;
  m->nr_hot = hot_below (nr);
  m->store = mem_store_new (device);
  open_log (m);
  ck_assert_int_eq (m->log->info.found, LOG_FOUND_NEW);
  new_log (m, nr);
}

/* Forget the log without writing anything, as a crash does. */
static void
drop_log (struct model *m)
{
  mem_store_on_call (m->store, NULL, NULL);
  mem_store_crash_at (m->store, 1);
  dirty_log_close (m->log, NO_DEADLINE);
}

static void
crash (struct model *m)
{
  drop_log (m);
  mem_store_crash (m->store, &m->seed);
  open_log (m);
}

static void
model_end (struct model *m)
{
  dirty_log_close (m->log, NO_DEADLINE);
  mem_store_free (m->store);
}

/* The truth goes on with what was loaded. */
static void
adopt_loaded (struct model *m)
{
  for (size_t i = 0; i < m->nr_hot; ++i) {
    m->marked[i] = bitset_test (&m->log->marked, hot[i]);
    m->marked_at[i] = m->now;
    for (unsigned s = 0; s < NR_LEGS; ++s) {
      m->missed[s][i] = bitset_test (&m->log->missed[s], hot[i]);
      m->missed_at[s][i] = m->now;
    }
  }
  for (unsigned s = 0; s < NR_LEGS; ++s) {
    m->stale[s] = m->log->record.leg[s].state != LOG_LEG_IN_SYNC;
    m->stale_at[s] = m->now;
  }
  m->primary = m->log->record.primary;
  m->primaries = 1u << m->primary;
  m->loaded = m->acked = m->now++;
}

/* Some ops and flushes; true if power failed. */
static bool
run_until_crash (struct model *m, unsigned ops)
{
  for (unsigned n = 0; n < ops; ++n) {
    op_random (m);
    if (pick (m, 3) == 0 && op_flush (m, pick (m, 2)) == -1)
      return true;
  }
  return false;
}

static unsigned
from_env (const char *name, unsigned otherwise)
{
  const char *s = getenv (name);

  return s ? (unsigned) strtoul (s, NULL, 10) : otherwise;
}

/* Device sizes: a file; one with room; one too small for our area. */
static void
crash_round (unsigned seed)
{
  const uint64_t sizes[] = {0, 256 << 10, 12 << 10};
  struct model m;

  model_begin (&m, seed, sizes[seed % 3], NEW_NR);
  ck_assert_int_eq (op_flush (&m, true), 0);
  for (unsigned crashes = 0; crashes < 5; ++crashes) {
    mem_store_on_call (m.store, on_call, &m);
    mem_store_crash_at (m.store, 1 + pick (&m, 60));
    run_until_crash (&m, 60);
    crash (&m);
    check_loaded (&m);
    adopt_loaded (&m);
  }
  model_end (&m);
}

TEST (test_crash)
{
  unsigned seed = from_env ("UNIT_SEED", 0);

  if (seed > 0)
    crash_round (seed);
  for (unsigned n = from_env ("UNIT_ROUNDS", 300); seed == 0 && n > 0; --n)
    crash_round (n);
}

/* Each call of a creation is the last one: what is found is new, or all of
 * it.
 */
TEST (test_crash_in_creation)
{
  struct model m;
  bool done = false;

  for (unsigned n = 1; !done; ++n)
    for (unsigned seed = 1; seed <= 20; ++seed) {
      model_begin (&m, seed, seed % 2 ? 0 : 256 << 10, NEW_NR);
      mem_store_crash_at (m.store, n);
      done = op_flush (&m, true) == 0;
      crash (&m);
      if (done || m.log->info.found != LOG_FOUND_NEW)
        check_loaded (&m);
      else {
        new_log (&m, NEW_NR);
        ck_assert_int_eq (op_flush (&m, true), 0);
        crash (&m);
        check_loaded (&m);
      }
      model_end (&m);
    }
}

/* Nothing of the old maps was overwritten. */
static void
check_no_flood (struct model *m)
{
  ck_assert (m->log->marked.count <= NR_HOT);
  for (unsigned s = 0; s < NR_LEGS; ++s) {
    ck_assert (m->log->missed[s].count <= NR_HOT);
    if (!m->log->info.shared_map)
      ck_assert_str_eq (m->log->record.leg[s].name, "leg");
  }
}

static void
grow (struct model *m)
{
  ck_assert_int_eq (dirty_log_grow (m->log, GROWN_NR * (uint64_t) REGION, 0),
                    0);
}

static void
grow_round (unsigned n, unsigned seed, uint64_t device, bool *done)
{
  struct model m;

  model_begin (&m, seed, device, OLD_NR);
  ck_assert_int_eq (op_flush (&m, true), 0);
  while (run_until_crash (&m, 20))
    ;
  ck_assert_int_eq (op_flush (&m, false), 0);
  grow (&m);
  m.nr_hot = NR_HOT;
  op_mark (&m, hot_below (OLD_NR));
  op_mark (&m, NR_HOT - 1);
  mem_store_crash_at (m.store, n);
  *done = op_flush (&m, true) == 0;
  crash (&m);
  ck_assert (!*done || m.log->info.geo.nr_regions == GROWN_NR);
  check_loaded (&m);
  if (*done || m.log->info.geo.nr_regions == OLD_NR)
    check_no_flood (&m);
  if (m.log->info.geo.nr_regions == OLD_NR)
    grow (&m);
  adopt_loaded (&m);
  ck_assert_int_eq (op_flush (&m, true), 0);
  crash (&m);
  check_loaded (&m);
  ck_assert_uint_eq (m.log->info.geo.nr_regions, GROWN_NR);
  model_end (&m);
}

TEST (test_crash_in_growth)
{
  const uint64_t sizes[] = {0, 2 << 20, 56 << 10};
  bool done = false;

  for (unsigned n = 1; !done; ++n)
    for (unsigned seed = 1; seed <= 30; ++seed)
      grow_round (n, seed, sizes[seed % 3], &done);
}

/* While its thread runs; the new regions are there only together with what says
 * that a leg misses them.
 */
static bool
live_grow_round (unsigned n, unsigned seed, uint64_t device)
{
  const unsigned absent = NR_LEGS - 1;
  struct model m;
  char why[200];
  bool done;

  model_begin (&m, seed, device, OLD_NR);
  ck_assert_int_eq (op_flush (&m, true), 0);
  ck_assert_int_eq (dirty_log_start (m.log), 0);
  op_mark (&m, 3);
  ck_assert_int_eq (dirty_log_reserve (m.log, GROWN_NR * (uint64_t) REGION,
                                       false, why, sizeof why),
                    0);
  mem_store_crash_at (m.store, n);
  ck_assert_int_eq (dirty_log_grow (m.log, GROWN_NR * (uint64_t) REGION,
                                    1u << absent),
                    0);
  m.nr_hot = NR_HOT;
  op_mark (&m, NR_HOT - 1);
  done = op_flush (&m, seed % 2) == 0;
  crash (&m);
  check_loaded (&m);
  ck_assert (!done || m.log->info.geo.nr_regions == GROWN_NR);
  if (m.log->info.geo.nr_regions == GROWN_NR) {
    ck_assert_int_eq (m.log->record.leg[absent].state, LOG_LEG_STALE);
    ck_assert (bitset_next_clear (&m.log->missed[absent], OLD_NR) == GROWN_NR);
  }
  model_end (&m);
  return done;
}

TEST (test_crash_in_growth_while_it_runs)
{
  bool done = false;

  for (unsigned n = 1; !done; ++n)
    for (unsigned seed = 1; seed <= 4; ++seed)
      done = live_grow_round (n, seed, seed % 4 < 2 ? 0 : 2 << 20);
}

/* The reason, and nothing has changed. */
TEST (test_no_room_to_grow)
{
  struct model m;
  char why[200];

  model_begin (&m, 1, 256 << 10, OLD_NR);
  ck_assert_int_eq (op_flush (&m, true), 0);
  ck_assert_int_eq (dirty_log_start (m.log), 0);
  ck_assert_int_eq (dirty_log_reserve (m.log, GROWN_NR * (uint64_t) REGION,
                                       false, why, sizeof why),
                    -1);
  ck_assert_ptr_nonnull (strstr (why, "its device has 262144 bytes"));
  ck_assert_int_eq (dirty_log_reserve (m.log, (LOG_MAX_REGIONS + 1) * REGION,
                                       true, why, sizeof why),
                    -1);
  ck_assert_uint_eq (m.log->info.geo.nr_regions, OLD_NR);
  op_mark (&m, 3);
  ck_assert_int_eq (op_flush (&m, false), 0);
  crash (&m);
  check_loaded (&m);
  model_end (&m);
}

/* A new leg misses everything before its record is there. */
static bool
replace_round (unsigned n, unsigned seed, uint64_t device)
{
  const uint8_t id[LOG_ID_SIZE] = {99};
  struct model m;
  bool done;

  model_begin (&m, seed, device, NEW_NR);
  ck_assert_int_eq (op_flush (&m, true), 0);
  dirty_log_remove_leg (m.log, 1);
  dirty_log_set_leg (m.log, 1, 1, id, m.log->info.geo.size, "new");
  mem_store_crash_at (m.store, n);
  done = op_flush (&m, seed % 2) == 0;
  crash (&m);
  ck_assert_int_eq (m.log->info.found, LOG_FOUND_OURS);
  ck_assert (!done || m.log->record.leg[1].id[0] == 99);
  if (m.log->record.leg[1].id[0] == 99) {
    ck_assert_int_eq (m.log->record.leg[1].state, LOG_LEG_STALE);
    ck_assert_uint_eq (m.log->missed[1].count, NEW_NR);
  }
  model_end (&m);
  return done;
}

TEST (test_crash_in_replacement)
{
  const uint64_t sizes[] = {0, 256 << 10, 12 << 10};
  bool done = false;

  for (unsigned n = 1; !done; ++n)
    for (unsigned seed = 1; seed <= 60; ++seed)
      done = replace_round (n, seed, sizes[seed % 3]);
}

/* Flush until it works; each failure must be reported. */
static void
flush_with_failures (struct model *m, bool commit)
{
  while (op_flush (m, commit) == -1)
    ck_assert (m->log->failed && m->log->last_error[0]);
  ck_assert (!m->log->failed);
}

static bool
fail_round (unsigned n, unsigned seed)
{
  struct model m;
  unsigned calls;

  model_begin (&m, seed, seed % 2 ? 0 : 256 << 10, NEW_NR);
  mem_store_fail_at (m.store, n);
  calls = mem_store_calls (m.store);
  flush_with_failures (&m, true);
  mem_store_on_call (m.store, on_call, &m);
  for (unsigned i = 0; i < 12; ++i) {
    op_random (&m);
    flush_with_failures (&m, pick (&m, 2));
  }
  calls = mem_store_calls (m.store) - calls;
  crash (&m);
  check_loaded (&m);
  model_end (&m);
  return n <= calls;
}

TEST (test_failure_of_each_call)
{
  for (unsigned seed = 1; seed <= 20; ++seed)
    for (unsigned n = 1; fail_round (n, seed); ++n)
      ;
}

/* A failed call is an error for who waits, not something to skip. */
TEST (test_failure_is_reported)
{
  struct model m;
  unsigned calls;

  model_begin (&m, 1, 0, NEW_NR);
  ck_assert_int_eq (op_flush (&m, true), 0);
  op_mark (&m, 0);
  calls = mem_store_calls (m.store);
  ck_assert_int_eq (op_flush (&m, false), 0);
  calls = mem_store_calls (m.store) - calls;
  ck_assert_uint_eq (calls, 4); /* kernel's map, mark map, number, sync */
  for (unsigned n = 1; n <= calls; ++n) {
    op_mark (&m, n);
    mem_store_fail_at (m.store, n);
    ck_assert_int_eq (op_flush (&m, false), -1);
    ck_assert_int_eq (errno, EIO);
    ck_assert_int_eq (op_flush (&m, false), 0);
  }
  model_end (&m);
}

/* However often a record cannot be written, the slot that was durable last
 * is not touched, and the third copy is durable before A or B changes.
 */
TEST (test_durable_slot_stays)
{
  struct disk_slot before[2], after[2];
  struct model m;
  uint8_t *bytes;
  unsigned calls;

  model_begin (&m, 1, 0, NEW_NR);
  ck_assert_int_eq (op_flush (&m, true), 0);
  bytes = mem_store_bytes (m.store);
  for (unsigned i = 0; i < 2; ++i)
    disk_slot_decode (&before[i], bytes + DISK_SLOT_OFFSET (i));
  for (unsigned round = 0; round < 4; ++round) {
    unsigned newest = before[1].sequence > before[0].sequence;

    op_primary (&m, round % 2 + 1);
    mem_store_fail_at (m.store, 4); /* number, third copy, sync, slot, sync */
    ck_assert_int_eq (op_flush (&m, false), -1);
    disk_slot_decode (&after[newest], bytes + DISK_SLOT_OFFSET (newest));
    ck_assert_uint_eq (after[newest].sequence, before[newest].sequence);
  }
  calls = mem_store_calls (m.store);
  ck_assert_int_eq (op_flush (&m, false), 0);
  ck_assert_uint_eq (mem_store_calls (m.store) - calls, 5);
  model_end (&m);
}

static struct suite_group tests = {
  .timeout = 600,
};

int
main (void)
{
  return suite_main ("disk log, crashes");
}
