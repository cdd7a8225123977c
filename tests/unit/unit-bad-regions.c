/* SPDX-License-Identifier: BSD-3-Clause */

/* What no in-sync leg can read holds up nothing else. */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bad-regions.h"
#include "cleanup.h"
#include "copy-run.h"
#include "copy.h"
#include "member-state.h"
#include "mirror-fixture.h"
#include "suite.h"

#define SHIFT 13
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 64
#define SEC NSEC_PER_SEC

/* --- the list --- */

static struct bad_regions list;
static uint64_t given_back;

static void
setup (void)
{
  list = (struct bad_regions){.first_ns = BAD_FIRST_NS};
}

/* Region 7, which legs 0 and 1 can't read, is due then and not before. */
static bool
is_due_at (uint64_t time)
{
  return !bad_regions_due (&list, 3, time - 1, &given_back) &&
         bad_regions_due (&list, 3, time, &given_back) && given_back == 7 &&
         !bad_regions_due (&list, 3, time, &given_back);
}

TEST (a_bad_region_is_tried_ever_less_often)
{
  uint64_t now = 1000, delay = BAD_FIRST_NS;

  ck_assert_int_eq (bad_regions_add (&list, 7, 3, now), BAD_NEW);
  for (unsigned i = 0; i < 10; ++i) {
    ck_assert (is_due_at (now + delay));
    now += delay;
    delay = 2 * delay < BAD_MAX_NS ? 2 * delay : BAD_MAX_NS;
    ck_assert_int_eq (bad_regions_add (&list, 7, 3, now), BAD_KNOWN);
  }
  ck_assert_uint_eq (delay, BAD_MAX_NS);
}

TEST (a_leg_that_was_not_asked_is_asked_at_once)
{
  bad_regions_add (&list, 7, 1, 0);
  ck_assert (!bad_regions_due (&list, 1, BAD_FIRST_NS - 1, &given_back));
  ck_assert (bad_regions_due (&list, 5, BAD_FIRST_NS - 1, &given_back));
  ck_assert_uint_eq (given_back, 7);
}

TEST (what_could_be_read_is_forgotten)
{
  for (uint64_t r = 0; r < 10; ++r)
    bad_regions_add (&list, r, 1, 0);
  while (bad_regions_due (&list, 1, BAD_FIRST_NS, &given_back))
    ;
  bad_regions_read (&list, 3, 4);
  ck_assert_uint_eq (list.nr, 6);
  ck_assert_uint_eq (list.in_row, 0);
  ck_assert_int_eq (bad_regions_add (&list, 4, 1, 0), BAD_NEW);
  ck_assert_int_eq (bad_regions_add (&list, 7, 1, 0), BAD_KNOWN);
}

TEST (a_full_list_makes_room_only_if_something_was_given_back)
{
  for (uint64_t r = 0; r < BAD_REGIONS_MAX; ++r)
    ck_assert_int_ne (bad_regions_add (&list, r, 1, r), BAD_FULL);
  ck_assert_uint_eq (list.named, BAD_REGIONS_NAMED);
  ck_assert_int_eq (bad_regions_add (&list, 1000, 1, 0), BAD_FULL);
  ck_assert (bad_regions_due (&list, 1, BAD_FIRST_NS, &given_back));
  ck_assert_int_eq (bad_regions_add (&list, 1000, 1, 0), BAD_KNOWN);
  ck_assert_int_eq (bad_regions_add (&list, 1001, 1, 0), BAD_FULL);
}

/* --- the mirror --- */

static atomic_uint nr_said;
static char said[512];

/* The linker puts it in the place of the real one. */
void __wrap_msg_error (const char *fmt, ...)
  __attribute__ ((format (printf, 1, 2)));

void
__wrap_msg_error (const char *fmt, ...)
{
  char text[sizeof said];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  if (!strstr (text, "resync"))
    return;
  if (atomic_fetch_add (&nr_said, 1) == 0)
    memcpy (said, text, sizeof said);
}

/* How often the leg was asked for something of the region. */
static unsigned
reads_of (struct fx *fx, unsigned leg, uint64_t region)
{
  size_t nr;
  CLEANUP_FREE struct mem_leg_record *r = mem_leg_records (fx->leg[leg], &nr);
  unsigned count = 0;

  for (size_t i = 0; i < nr; ++i)
    count += r[i].op == LEG_READ && r[i].offset >> SHIFT == region;
  return count;
}

static uint64_t
nr_missed (struct fx *fx)
{
  struct log_status st;

  dirty_log_status (fx->log, &st);
  return st.missed[1];
}

static bool
is_at_rest (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->resync.busy == 0 && !fx->m->resync.copied;
}

static bool
leg_is (struct fx *fx, unsigned leg, const char *state)
{
  CLEANUP_LOCK (&fx->m->lock);
  return strcmp (member_state_name (fx->m, leg), state) == 0;
}

static struct fx *
with_bad_block (uint64_t region)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  fx->m->resync.bad.first_ns = BAD_MAX_NS; /* not while the test runs */
  fx_fill (fx, 0, 0, NR_REGIONS * REGION, 'd');
  mem_leg_bad (fx->leg[0], region * REGION + 8 * BLOCK, 8 * BLOCK);
  return fx;
}

/* The others in one go: the target never stalls. */
LOOP_TEST (one_bad_block_holds_up_nothing_else, 3)
{
  struct fx *fx = with_bad_block (_i);
  uint64_t bad = (uint64_t) _i;

  fx_start (fx);
  WAIT_FOR (nr_missed (fx) == 1 && is_at_rest (fx));
  ck_assert (fx_misses (fx, 1, bad));
  ck_assert_uint_eq (fx_resyncing (fx), 1u << 1);
  ck_assert_uint_eq (fx->m->member[1].stalls, 0);
  ck_assert_uint_eq (fx->m->member[1].stalled_until, 0);
  for (uint64_t r = 0; r < NR_REGIONS; ++r)
    if (r != bad) {
      ck_assert_uint_eq (reads_of (fx, 0, r), 1);
      ck_assert_int_eq (fx_byte (fx, 1, r * REGION), 'd');
    }
  WAIT_FOR (leg_is (fx, 1, "stale"));
  ck_assert_uint_eq (reads_of (fx, 0, bad), 1);
  fx_free (fx);
}

TEST (a_bad_region_is_named_once)
{
  struct fx *fx = with_bad_block (9);
  char offset[32];

  snprintf (offset, sizeof offset, " %u:", 9 * (unsigned) REGION);
  fx_start (fx);
  for (unsigned i = 1; i <= 3; ++i) {
    WAIT_FOR (reads_of (fx, 0, 9) == i && is_at_rest (fx));
    CLEANUP_LOCK (&fx->m->lock);
    for (size_t j = 0; j < fx->m->resync.bad.nr; ++j)
      fx->m->resync.bad.region[j].retry_ns = 0;
    resync_wake_locked (fx->m);
  }
  WAIT_FOR (reads_of (fx, 0, 9) == 4 && is_at_rest (fx));
  ck_assert_uint_eq (nr_said, 1);
  ck_assert_msg (strstr (said, "leg /leg0") && strstr (said, offset), "%s",
                 said);
  fx_free (fx);
}

TEST (a_region_that_can_be_read_again_is_copied)
{
  struct fx *fx = with_bad_block (9);

  fx_start (fx);
  WAIT_FOR (nr_missed (fx) == 1 && is_at_rest (fx));
  mem_leg_bad (fx->leg[0], 0, 0);
  {
    CLEANUP_LOCK (&fx->m->lock);
    ck_assert_uint_eq (fx->m->resync.bad.nr_waiting, 1);
    fx->m->resync.bad.region[0].retry_ns = 0;
    resync_wake_locked (fx->m);
  }
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  ck_assert_uint_eq (fx->m->resync.bad.nr, 0);
  fx_free (fx);
}

/* The bad block lies behind zeroes, in the middle of the run that they are. */
TEST (a_bad_block_after_zeroes)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  fx_fill (fx, 0, 20 * REGION, REGION, 'd');
  fx_fill (fx, 1, 0, NR_REGIONS * REGION, 'x');
  mem_leg_bad (fx->leg[0], 20 * REGION + REGION / 2, BLOCK);
  fx_start (fx);
  WAIT_FOR (nr_missed (fx) == 1 && is_at_rest (fx));
  ck_assert (fx_misses (fx, 1, 20));
  ck_assert_uint_eq (fx->m->member[1].stalls, 0);
  fx_free (fx);
}

/* It is in the third of eight regions: two are done, it stays handed out, and
 * five are work again.
 */
TEST (a_bad_block_within_a_run)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);
  struct recovery rec = {.targets = 1u << 1};
  struct copier c = {.m = fx->m, .rec = &rec, .source_error = EIO};
  uint64_t first, nr;

  ck_assert (dirty_log_get_resync_work (fx->log, 1u << 1, 8, 8, &rec.first,
                                        &rec.nr));
  fx->m->resync.cursor = 16;
  copy_run_cut (&c, 10 * REGION + BLOCK);
  ck_assert_uint_eq (rec.first, 8);
  ck_assert_uint_eq (rec.nr, 2);
  ck_assert_uint_eq (fx->m->resync.cursor, 11);
  ck_assert (dirty_log_get_resync_work (fx->log, 1u << 1, 8, 8, &first, &nr));
  ck_assert_uint_eq (first, 11);
  ck_assert_uint_eq (nr, 8);
  fx_free (fx);
}

/* Leg 2 is in-sync later than leg 0 finds that it cannot read. */
TEST (a_leg_that_becomes_in_sync_helps_out)
{
  struct fx *fx = fx_new (3, NR_REGIONS, SHIFT, 6);

  for (unsigned i = 0; i < 3; ++i)
    fx_fill (fx, i, 0, NR_REGIONS * REGION, 'd');
  dirty_log_set_region_sync (fx->log, 2, 0, NR_REGIONS, true);
  dirty_log_set_region_sync (fx->log, 2, 60, 1, false);
  fx_fill (fx, 2, 60 * REGION, REGION, 'x');
  mem_leg_bad (fx->leg[0], 9 * REGION, BLOCK);
  mem_leg_hold (fx->leg[2], LEG_WRITE, 1, 1);
  fx_start (fx);
  WAIT_FOR (nr_missed (fx) <= 2 && mem_leg_nr_held (fx->leg[2]) == 1);
  mem_leg_release (fx->leg[2], 1, 0);
  WAIT_FOR (fx_in_sync (fx) == 7);
  ck_assert (fx_same (fx, 0, 1));
  ck_assert (fx_same (fx, 0, 2));
  fx_free (fx);
}

/* It cannot be read at all: the target stalls after so many tries. */
TEST (a_source_that_reads_nothing_is_left_in_peace)
{
  struct fx *fx = with_bad_block (0);
  uint64_t begin = now_ns ();
  unsigned reads;

  mem_leg_bad (fx->leg[0], 0, NR_REGIONS * REGION);
  fx_start (fx);
  WAIT_FOR (fx_sent (fx, 0, LEG_READ) >= 32 && is_at_rest (fx));
  WAIT_FOR (fx->m->member[1].stalled_until > begin);
  reads = fx_sent (fx, 0, LEG_READ);
  ck_assert_uint_le (reads,
                     32 + RESYNC_THREADS * (1 + (now_ns () - begin) / SEC));
  mem_leg_bad (fx->leg[0], 0, 0);
  {
    CLEANUP_LOCK (&fx->m->lock);
    for (size_t j = 0; j < fx->m->resync.bad.nr; ++j)
      fx->m->resync.bad.region[j].retry_ns = 0;
  }
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* It is lost: that is no fault of the regions. */
TEST (a_source_that_is_lost_has_no_bad_regions)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  fx_fill (fx, 0, 0, NR_REGIONS * REGION, 'd');
  mem_leg_hold (fx->leg[0], LEG_READ, 1, MEM_LEG_ALWAYS);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[0], RESYNC_THREADS));
  leg_lose (fx->leg[0], ECONNRESET, "the test says so");
  WAIT_FOR (is_at_rest (fx));
  {
    CLEANUP_LOCK (&fx->m->lock);
    ck_assert_uint_eq (fx->m->resync.bad.nr, 0);
    ck_assert_uint_gt (fx->m->member[1].stalls, 0);
  }
  fx_free (fx);
}

static struct suite_group tests = {
  .setup = setup,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("bad-regions");
}
