/* SPDX-License-Identifier: BSD-3-Clause */

/* A mirror that becomes larger.  The fixture looks at each image of the log: in
 * regions for which it vouches, new ones too, the legs' media are equal.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-fixture.h"
#include "order.h"
#include "suite.h"

#define SHIFT 16
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16
#define OLD (NR_REGIONS * REGION)
#define ROOM (2 * OLD) /* of the legs */

static struct fx *fx;
static struct outcome out;
static struct mirror_status status;

static struct leg *
larger_leg (const char *name, uint64_t size)
{
  return mem_leg_new (name, 2 * size);
}

static void
make (unsigned resyncing)
{
  fx_make_leg = larger_leg;
  fx = fx_new (2, NR_REGIONS, SHIFT, resyncing);
  fx->m->rejoin = (struct rejoin_times){NSEC_PER_MSEC, 10 * NSEC_PER_MSEC,
                                        3600 * NSEC_PER_SEC};
  for (unsigned leg = 0; leg < 2; ++leg) {
    if (!(resyncing >> leg & 1))
      fx_fill (fx, leg, 0, OLD, 'a');
    fx_fill (fx, leg, OLD, ROOM - OLD, leg == 0 ? 'x' : 'y');
  }
}

static void
set_up (void)
{
  make (0);
  fx_start (fx);
}

static void
tear_down (void)
{
  fx_free (fx);
}

static int
grow (const char *size, bool dry_run)
{
  return mirror_order (fx->m,
                       &(struct order){.verb = ORDER_GROW,
                                       .value = size,
                                       .dry_run = dry_run},
                       &out);
}

static void
is_refused (int r, const char *why)
{
  ck_assert_int_eq (r, -1);
  ck_assert_msg (strstr (out.text, why) != NULL, "%s", out.text);
}

static uint64_t
size_now (void)
{
  return mirror_limits (fx->m)->size;
}

/* The legs read as zeroes between the old end and the new one, and as before
 * behind that.
 */
static void
is_zeroed_up_to (uint64_t end)
{
  for (unsigned leg = 0; leg < 2; ++leg) {
    for (uint64_t at = OLD; at < end; at += BLOCK)
      ck_assert_int_eq (fx_byte (fx, leg, at), 0);
    if (end < ROOM)
      ck_assert_int_eq (fx_byte (fx, leg, end), leg == 0 ? 'x' : 'y');
  }
}

static bool
has_grown (void)
{
  mirror_orders_go_on (fx->m);
  return size_now () > OLD;
}

static bool
all_in_sync (void)
{
  return fx_in_sync (fx) == 3;
}

TEST (what_is_new_is_zero_and_all_legs_stay_in_sync)
{
  struct mem_log_image image;

  ck_assert_msg (grow ("1600K", false) == 0 && out.changed, "%s", out.text);
  ck_assert_uint_eq (size_now (), 25 * REGION);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  is_zeroed_up_to (25 * REGION);
  mem_log_get_image (fx->log, &image);
  ck_assert_uint_eq (image.nr_regions, 25);
  do_succeeds (fx, OP_WRITE, 24 * REGION, REGION, 'n');
  ck_assert (fx_same (fx, 0, 1));
}

TEST (it_is_as_large_as_the_smallest_leg_allows)
{
  fx->leg[1]->size = 30 * REGION + BLOCK / 2;
  ck_assert_msg (grow (NULL, false) == 0, "%s", out.text);
  ck_assert_uint_eq (size_now (), 30 * REGION);
  ck_assert (grow (NULL, false) == 0 && !out.changed);
  ck_assert (grow ("1920K", false) == 0 && !out.changed);
}

TEST (a_question_changes_nothing)
{
  struct mem_log_image image;

  ck_assert_msg (grow (NULL, true) == 0 && out.changed, "%s", out.text);
  is_zeroed_up_to (OLD);
  mem_log_get_image (fx->log, &image);
  ck_assert_uint_eq (image.nr_regions, NR_REGIONS);
  ck_assert_uint_eq (size_now (), OLD);
}

TEST (what_can_not_be_is_refused)
{
  is_refused (grow ("4M", false), "leg 0 (/leg0) has room for");
  is_refused (grow ("64K", false), "can't become smaller");
  is_refused (grow ("1048577", false), "multiple of 512");
  is_refused (grow ("2x", false), "must be a number of bytes");
  is_refused (grow ("0", false), "must be a number of bytes");
  mirror_order (fx->m, &(struct order){.verb = ORDER_SUSPEND, .seconds = 60},
                &out);
  is_refused (grow (NULL, false), "resume them first");
  mirror_order (fx->m, &(struct order){.verb = ORDER_RESUME}, &out);
  mirror_order (fx->m, &(struct order){.verb = ORDER_FAIL, .leg = "1"}, &out);
  is_refused (grow (NULL, false), "leg 1 (/leg1) is out of use");
  is_zeroed_up_to (OLD);
}

TEST (a_leg_that_can_not_be_zeroed_ends_it)
{
  mem_leg_fail (fx->leg[1], LEG_ZERO, 1, 1, EIO);
  is_refused (grow (NULL, false), "leg 1 (/leg1): the mirror can't grow");
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  ck_assert_uint_eq (size_now (), OLD);
  ck_assert_msg (grow (NULL, false) == 0, "%s", out.text);
  ck_assert_uint_eq (size_now (), ROOM);
}

/* Its zeroes are in its cache only, and so may be lost. */
TEST (a_leg_that_can_not_be_flushed_ends_it)
{
  mem_leg_fail (fx->leg[1], LEG_FLUSH, 1, 1, EIO);
  is_refused (grow (NULL, false), "leg 1 (/leg1): the mirror can't grow");
  ck_assert_uint_eq (size_now (), OLD);
  ck_assert_uint_eq (fx_failed (fx), 2); /* S8 */
}

/* Clients hear of it when the log has it. */
TEST (a_log_that_fails_makes_them_wait)
{
  fx->m->config.log_timeout = 0;
  mem_log_fail (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT, UINT32_MAX, EIO);
  ck_assert_int_eq (grow (NULL, false), 0);
  ck_assert_uint_eq (size_now (), OLD);
  ck_assert (!has_grown ());
  is_refused (grow ("1M", false), "has grown, in the log");
  fx->m->config.log_timeout = 15;
  mem_log_fail (fx->log, 0, 0, 0);
  ck_assert (has_grown ());
  is_zeroed_up_to (ROOM);
}

TEST (it_is_given_up_for_the_size_that_it_has)
{
  mem_leg_fail (fx->leg[1], LEG_ZERO, 1, 1,
                ESTALE); /* it waits for the lease */
  ck_assert_int_eq (grow (NULL, false), 0);
  mirror_status (fx->m, &status);
  ck_assert_uint_eq (status.grows_to, ROOM);
  ck_assert (grow (NULL, false) == 0 && !out.changed);
  ck_assert (grow ("1M", false) == 0 && out.changed);
  mirror_status (fx->m, &status);
  ck_assert_uint_eq (status.grows_to, 0);
  ck_assert (!has_grown ());
}

/* A write to the leg may still land, as far as the mirror knows. */
static void
stall (unsigned leg)
{
  CLEANUP_LOCK (&fx->m->lock);
  fx->m->member[leg].stalled_until = NO_DEADLINE;
}

TEST (it_waits_for_what_may_land)
{
  stall (1);
  ck_assert_int_eq (grow (NULL, false), 0);
  ck_assert (!has_grown ());
  is_zeroed_up_to (ROOM);
}

/* What it was zeroed before it left does not count when it is back. */
TEST (a_leg_that_left_is_zeroed_again)
{
  stall (1);
  ck_assert_int_eq (grow (NULL, false), 0);
  leg_lose (fx->leg[1], EIO, "test");
  WAIT_FOR (all_in_sync ());
  fx_fill (fx, 1, OLD, REGION, 'z');
  WAIT_FOR (has_grown ());
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  is_zeroed_up_to (ROOM);
}

/* --- with a leg that is not in-sync --- */

static void
set_up_stale (void)
{
  make (2);
  fx->m->resync.paused = true;
  fx_start (fx);
}

static struct suite_group stale = {
  .setup = set_up_stale,
  .teardown = tear_down,
};

/* The image that is longer says so, or the fixture complains. */
TEST_IN (stale, a_leg_that_is_not_in_sync_misses_what_is_new)
{
  const struct order unpause = {.verb = ORDER_UNPAUSE};

  ck_assert_msg (grow (NULL, false) == 0, "%s", out.text);
  ck_assert_uint_eq (size_now (), ROOM);
  ck_assert_int_eq (fx_byte (fx, 1, OLD), 'y');
  ck_assert (fx_image_missed (fx, 1, NR_REGIONS));
  ck_assert (fx_image_missed (fx, 1, 2 * NR_REGIONS - 1));
  ck_assert_int_eq (mirror_order (fx->m, &unpause, &out), 0);
  WAIT_FOR (all_in_sync ());
  is_zeroed_up_to (ROOM);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
};

int
main (void)
{
  return suite_main ("orders: grow");
}
