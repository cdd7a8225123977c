/* SPDX-License-Identifier: BSD-3-Clause */

/* A log that moves while it is used, against stores that fail and lose power.
 *
 * A writer marks regions and flushes all the time.  What is found after a crash
 * has each mark whose flush was answered: the old log, unless it is refused, for then
 * the new one; and the new one, if it is there.
 */

#include "config.h"

#include "log-life.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "disk.h"
#include "mem-store.h"
#include "suite.h"
#include "unit-wait.h"

#define NR 1000
#define REGION LOG_MIN_REGION_SIZE
#define NR_LEGS 2
#define SPEC "disk:/new"

static struct mem_store *store[2]; /* the old one, the new one */
static struct dirty_log *log_, *to;
static unsigned proofs;
static uint64_t proven;

/* --- power --- */

static unsigned calls_left; /* of both stores; 0: it stays on */

static void
on_call (void *arg)
{
  (void) arg;
  if (calls_left > 0 && --calls_left == 0)
    for (unsigned i = 0; i < 2; ++i)
      mem_store_crash_at (store[i], 1);
}

static struct dirty_log *
open_store (unsigned i, unsigned flags)
{
  return disk_log_open_store (mem_store_open (store[i]), i ? "new" : "old",
                              flags);
}

/* --- a log with a writer --- */

static void
fill (struct dirty_log *log)
{
  const struct log_geometry geo = {NR * REGION, REGION, NR};
  const uint8_t id[LOG_ID_SIZE] = {1};

  ck_assert_int_eq (dirty_log_create (log, &geo, 5), 0);
  for (unsigned s = 0; s < NR_LEGS; ++s) {
    dirty_log_set_leg (log, s, 1, id, geo.size, s ? "/b" : "/a");
    dirty_log_set_region_sync (log, s, 0, NR, true);
  }
  dirty_log_leg_in_sync (log, 0);
  dirty_log_set_region_sync (log, 1, 7, 1, false);
  dirty_log_set_primary (log, 0);
}

static void
set_up (void)
{
  for (unsigned i = 0; i < 2; ++i)
    store[i] = mem_store_new (0);
  log_ = open_store (0, 0);
  fill (log_);
  ck_assert_int_eq (dirty_log_commit (log_, NO_DEADLINE), 0);
  ck_assert_int_eq (dirty_log_start (log_), 0);
  to = open_store (1, LOG_MAY_BE_MOVED);
  calls_left = proofs = 0;
}

static void
tear_down (void)
{
  dirty_log_close (log_, NO_DEADLINE);
  for (unsigned i = 0; i < 2; ++i)
    mem_store_free (store[i]);
}

struct writer {
  atomic_bool stop;
  atomic_uint acked; /* regions below it have marks that were promised */
};

static void *
write_on (void *arg)
{
  struct writer *w = arg;

  for (unsigned r = 0; r < NR && !atomic_load (&w->stop); ++r) {
    dirty_log_mark (log_, r);
    if (dirty_log_flush (log_, NO_DEADLINE) == -1)
      break;
    atomic_store (&w->acked, r + 1);
  }
  return NULL;
}

static void
prove (void *opaque, uint64_t generation)
{
  (void) opaque;
  proofs++;
  proven = generation;
  dirty_log_mark (log_, NR - 1); /* as clients do meanwhile */
}

static int
move (char *why, size_t size)
{
  const struct log_move how = {
    .spec = SPEC,
    .old_spec = "disk:/old",
    .deadline = NO_DEADLINE,
    .prove = prove,
  };

  return dirty_log_move (log_, to, &how, why, size);
}

/* --- what is found --- */

static void
check_promised (struct dirty_log *log, unsigned acked)
{
  ck_assert_int_eq (log->info.found, LOG_FOUND_OURS);
  for (unsigned r = 0; r < acked; ++r)
    ck_assert_msg (!dirty_log_is_clean (log, r), "%s: mark %u of %u is lost",
                   log->info.name, r, acked);
  ck_assert (!dirty_log_in_sync (log, 1, 7, 1));
  ck_assert_int_eq (dirty_log_leg_state (log, 0), LOG_LEG_IN_SYNC);
  ck_assert_int_eq (dirty_log_leg_state (log, 1), LOG_LEG_STALE);
  ck_assert_str_eq (log->record.leg[1].name, "/b");
}

/* Power is off: what the next start finds. */
static void
check_after_crash (unsigned acked, unsigned *seed)
{
  struct dirty_log *old, *new;

  for (unsigned i = 0; i < 2; ++i)
    mem_store_crash_at (store[i], 1);
  dirty_log_close (log_, NO_DEADLINE);
  for (unsigned i = 0; i < 2; ++i)
    mem_store_crash (store[i], seed);
  old = open_store (0, 0);
  new = open_store (1, 0);
  ck_assert_ptr_nonnull (new);
  if (old)
    check_promised (old, acked);
  if (!old || new->info.found == LOG_FOUND_OURS)
    check_promised (new, acked);
  if (old && new->info.found == LOG_FOUND_OURS)
    ck_assert (new->record.generation > old->record.generation);
  dirty_log_close (old, NO_DEADLINE);
  log_ = new;
}

/* True if power never went off. */
static bool
crash_round (unsigned n, unsigned seed)
{
  struct writer w = {.acked = 0};
  pthread_t thread;
  char why[256];
  int r;

  set_up ();
  mem_store_on_call (store[1], on_call, NULL);
  thread = thread_run (write_on, &w);
  WAIT_FOR (atomic_load (&w.acked) > 2);
  calls_left = n;
  r = move (why, sizeof why);
  if (r == -1)
    dirty_log_close (to, NO_DEADLINE);
  atomic_store (&w.stop, true);
  pthread_join (thread, NULL);
  mem_store_on_call (store[1], NULL, NULL);
  check_after_crash (atomic_load (&w.acked), &seed);
  tear_down ();
  return calls_left > 0;
}

TEST (a_crash_finds_what_was_promised)
{
  bool done = false;

  for (unsigned n = 1; !done; ++n)
    for (unsigned seed = 1; seed <= 4; ++seed)
      done = crash_round (n, seed);
}

/* The same for the moment at which the old log says that it was moved. */
static bool
mark_round (unsigned n, unsigned seed)
{
  char why[256];
  unsigned first = seed;
  bool done;

  set_up ();
  dirty_log_mark (log_, 3);
  ck_assert_int_eq (dirty_log_flush (log_, NO_DEADLINE), 0);
  mem_store_on_call (store[0], on_call, NULL);
  calls_left = n;
  ck_assert_msg (move (why, sizeof why) == 0, "%s", why);
  done = calls_left > 0;
  mem_store_on_call (store[0], NULL, NULL);
  for (unsigned i = 0; i < 2; ++i)
    mem_store_crash_at (store[i], 1);
  dirty_log_close (log_, NO_DEADLINE);
  for (unsigned i = 0; i < 2; ++i)
    mem_store_crash (store[i], &first);
  log_ = open_store (1, 0);
  ck_assert_ptr_nonnull (log_);
  ck_assert (!dirty_log_is_clean (log_, 3));
  to = open_store (0, 0);
  ck_assert (!done || !to);
  ck_assert (!to || !dirty_log_is_clean (to, 3));
  dirty_log_close (to, NO_DEADLINE);
  tear_down ();
  return done;
}

TEST (a_crash_while_the_old_log_is_marked)
{
  bool done = false;

  for (unsigned n = 1; !done; ++n)
    for (unsigned seed = 1; seed <= 8; ++seed)
      done = mark_round (n, seed);
}

/* --- without crashes --- */

static struct suite_group steady = {.setup = set_up, .teardown = tear_down};

TEST_IN (steady, all_calls_are_led_to_the_new_log)
{
  char why[256];
  struct log_status status;

  dirty_log_mark (log_, 9);
  ck_assert_int_eq (move (why, sizeof why), 0);
  ck_assert_uint_eq (proofs, 1);
  ck_assert_uint_eq (proven, 6);
  ck_assert (!dirty_log_is_clean (log_, 9));
  ck_assert (!dirty_log_is_clean (log_, NR - 1));
  dirty_log_mark (log_, 10);
  ck_assert_int_eq (dirty_log_flush (log_, NO_DEADLINE), 0);
  ck_assert (bitset_test (&to->marked, 10));
  ck_assert_str_eq (dirty_log_info (log_)->name, "new");
  dirty_log_status (log_, &status);
  ck_assert_uint_eq (status.generation, 7);
  ck_assert_uint_eq (status.marked, 3);
}

/* The number of flushes goes on: legs' heartbeats have it. */
TEST_IN (steady, the_flush_number_goes_on)
{
  uint64_t number = dirty_log_flush_number (log_);
  char why[256];

  ck_assert_uint_gt (number, 0);
  ck_assert_int_eq (move (why, sizeof why), 0);
  ck_assert_uint_gt (dirty_log_flush_number (log_), number);
}

/* What was made of it is older than what goes on, and says where that is. */
TEST_IN (steady, a_new_log_that_fails_leaves_the_old_one)
{
  char why[256];

  dirty_log_mark (log_, 9);
  mem_store_crash_at (store[1], 5);
  ck_assert_int_eq (move (why, sizeof why), -1);
  ck_assert_ptr_nonnull (strstr (why, "can't be written"));
  dirty_log_close (to, NO_DEADLINE);
  ck_assert_str_eq (dirty_log_info (log_)->name, "old");
  ck_assert_uint_eq (log_->record.generation, 7);
  ck_assert_int_eq (dirty_log_flush (log_, NO_DEADLINE), 0);
}

/* It may be stuck on the very medium that is to be left. */
TEST_IN (steady, an_old_log_that_fails_is_left)
{
  char why[256];

  mem_store_crash_at (store[0], 1);
  dirty_log_mark (log_, 9);
  ck_assert_int_eq (dirty_log_flush (log_, NO_DEADLINE), -1);
  ck_assert_int_eq (move (why, sizeof why), 0);
  ck_assert_int_eq (dirty_log_flush (log_, NO_DEADLINE), 0);
  ck_assert (bitset_test (&to->marked, 9));
}

TEST_IN (steady, it_may_move_back)
{
  char why[256];

  ck_assert_int_eq (move (why, sizeof why), 0);
  dirty_log_mark (log_, 11);
  ck_assert_ptr_null (open_store (0, 0));
  to = open_store (0, LOG_MAY_BE_MOVED);
  ck_assert (to->info.found == LOG_FOUND_NEW && to->info.moved);
  ck_assert_int_eq (memcmp (to->info.uuid, dirty_log_info (log_)->uuid, 16),
                    0);
  ck_assert_int_eq (move (why, sizeof why), 0);
  ck_assert_int_eq (dirty_log_flush (log_, NO_DEADLINE), 0);
  dirty_log_close (log_, NO_DEADLINE);
  log_ = open_store (0, 0);
  ck_assert_int_eq (log_->info.found, LOG_FOUND_OURS);
  ck_assert (!dirty_log_is_clean (log_, 11));
  ck_assert_ptr_null (open_store (1, 0));
}

/* In the kernel's bitmap a set bit is clean. */
TEST_IN (steady, nothing_is_clean_for_the_kernel_in_what_was_left)
{
  char why[256];
  const uint8_t *bytes;

  ck_assert_int_eq (move (why, sizeof why), 0);
  bytes = mem_store_bytes (store[0]);
  for (unsigned i = 0; i < NR / 8; ++i)
    ck_assert_uint_eq (bytes[1024 + i], 0);
}

static struct suite_group tests = {.timeout = 60};

int
main (void)
{
  return suite_main ("log, move");
}
