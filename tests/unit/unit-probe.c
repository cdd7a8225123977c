/* SPDX-License-Identifier: BSD-3-Clause */

/* What the content of a leg says: empty, or the same as another's. */

#include "config.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "mem-leg.h"
#include "probe-zeroes.h"
#include "probe.h"
#include "suite.h"

#define KIB UINT64_C (1024)
#define MIB (1024 * KIB)
#define SIZE (64 * MIB + 512)
#define SHIFT 19
#define NR_REGIONS 129

static struct leg *a, *b;
static struct bitset except;
static struct probe_except guard;
static struct probe_regions regions;

static struct leg *
open_leg (const char *name)
{
  struct leg *leg = mem_leg_new (name, SIZE);

  ck_assert_int_eq (leg_open (leg, 0), 0);
  return leg;
}

static void
setup (void)
{
  a = open_leg ("/a");
  b = open_leg ("/b");
  ck_assert_int_eq (bitset_init (&except, NR_REGIONS), 0);
  probe_except_init (&guard, SHIFT, &except);
  regions = (struct probe_regions){.shift = SHIFT};
}

static void
teardown (void)
{
  leg_free (a);
  leg_free (b);
  bitset_free (&except);
}

static void
put (struct leg *leg, uint64_t offset, int byte)
{
  mem_leg_data (leg)[offset] = (uint8_t) byte;
}

static void
put_both (uint64_t offset, int byte)
{
  put (a, offset, byte);
  put (b, offset, byte);
}

static void
fill_both (void)
{
  memset (mem_leg_data (a), 'x', SIZE);
  memset (mem_leg_data (b), 'x', SIZE);
}

static int
same (void)
{
  return probe_same (a, b, SIZE, &regions, &guard.guard);
}

static void
same_is (enum probe_answer answer)
{
  ck_assert_int_eq (same (), (int) answer);
}

static void
empty_is (enum probe_answer answer)
{
  ck_assert_int_eq (probe_empty (a, SIZE), (int) answer);
}

/* --- the same --- */

TEST (equal_data_is_the_same)
{
  fill_both ();
  same_is (PROBE_YES);
}

TEST (zeroes_are_no_evidence)
{
  same_is (PROBE_NO_EVIDENCE);
  put_both (SIZE - 1, 'x');
  same_is (PROBE_YES);
}

TEST (the_ends_are_compared)
{
  fill_both ();
  put (b, 0, 'y');
  same_is (PROBE_NO);
  put (b, 0, 'x');
  put (b, SIZE - 1, 'y');
  same_is (PROBE_NO);
}

TEST (the_few_data_of_a_sparse_leg_are_compared)
{
  put_both (3 * MIB + 5, 'x');
  same_is (PROBE_YES);
  put (b, 3 * MIB + 5, 'y');
  same_is (PROBE_NO);
}

TEST (excepted_regions_may_differ)
{
  fill_both ();
  put (b, 0, 'y');
  bitset_set (&except, 0);
  same_is (PROBE_YES);
}

TEST (every_byte_of_a_recent_region_is_compared)
{
  fill_both ();
  regions.nr = 2;
  regions.region[0] = 77;
  regions.region[1] = 5;
  for (unsigned i = 0; i < regions.nr; ++i)
    for (uint64_t k = 0; k < (1u << SHIFT); k += 4 * KIB) {
      uint64_t at = (regions.region[i] << SHIFT) + k;

      put (b, at, 'y');
      same_is (PROBE_NO);
      put (b, at, 'x');
    }
  same_is (PROBE_YES);
}

TEST (a_recent_region_that_a_leg_misses_is_not_compared)
{
  fill_both ();
  regions.nr = 1;
  regions.region[0] = 77;
  put (b, (77 << SHIFT) + 4096, 'y');
  bitset_set (&except, 77);
  same_is (PROBE_YES);
}

/* The last region is short, and one may be from a longer life. */
TEST (recent_regions_at_and_behind_the_end)
{
  fill_both ();
  regions.nr = 2;
  regions.region[0] = NR_REGIONS - 1;
  regions.region[1] = NR_REGIONS + 7;
  same_is (PROBE_YES);
  put (b, SIZE - 100, 'y');
  same_is (PROBE_NO);
}

TEST (large_regions_are_compared_at_both_ends)
{
  struct probe_places places;
  bool first = false, last = false;

  regions = (struct probe_regions){.shift = 25, .nr = 1, .region = {1}};
  probe_places (a, SIZE, &regions, &places);
  for (unsigned i = 0; i < places.nr; ++i) {
    first |= places.offset[i] == 32 * MIB;
    last |= places.offset[i] == 64 * MIB - PROBE_PIECE;
  }
  ck_assert (first && last);
  ck_assert_uint_le (places.nr,
                     2 + 2 * PROBE_NR_SAMPLES + PROBE_PIECES_OF_REGION);
}

static void *
compare (void *opaque)
{
  int *answer = opaque;

  *answer = same ();
  return NULL;
}

TEST (s17_a_mismatch_counts_only_if_seen_twice)
{
  pthread_t thread;
  int answer;

  fill_both ();
  put (b, 0, 'y');
  mem_leg_hold (b, LEG_READ, 2, 1);
  ck_assert_int_eq (pthread_create (&thread, NULL, compare, &answer), 0);
  ck_assert (mem_leg_wait_held (b, 1));
  put (b, 0, 'x');
  mem_leg_release (b, 1, 0);
  pthread_join (thread, NULL);
  ck_assert_int_eq (answer, PROBE_YES);
}

TEST (a_read_error_is_no_answer)
{
  fill_both ();
  mem_leg_fail (b, LEG_READ, 1, MEM_LEG_ALWAYS, EIO);
  ck_assert_int_eq (same (), -1);
}

/* Where a has zeroes b may have data: another sample than those that are moved
 * to a's data sees them.
 */
TEST (data_where_the_other_has_zeroes_show)
{
  put_both (SIZE - 1, 'x');
  memset (mem_leg_data (b) + 8 * MIB, 'y', 8 * MIB);
  same_is (PROBE_NO);
}

/* --- empty --- */

TEST (a_leg_without_data_is_empty)
{
  empty_is (PROBE_YES);
}

TEST (any_few_data_of_a_sparse_leg_show)
{
  for (uint64_t at = 4 * KIB; at < SIZE; at += MIB / 2 + 4 * KIB) {
    put (a, at, 'x');
    empty_is (PROBE_NO);
    put (a, at, 0);
  }
  empty_is (PROBE_YES);
}

/* Data that only its block status denies, not where the samples look. */
TEST (a_leg_that_lies_about_data_is_not_empty)
{
  mem_leg_lie (a, 0, SIZE);
  put (a, 34 * MIB + 8 * KIB, 'x');
  probe_zeroes (a);
  empty_is (PROBE_YES); /* nobody has seen it */
  memset (mem_leg_data (a) + 34 * MIB, 'x', MIB);
  probe_zeroes (a);
  empty_is (PROBE_NO);
}

TEST (block_status_alone_does_not_make_a_leg_empty)
{
  mem_leg_lie (a, 0, SIZE);
  put (a, MIB / 2, 'x');
  empty_is (PROBE_NO);
}

/* It is found out when much has been looked at. */
TEST (a_leg_that_lies_may_hold_data_everywhere)
{
  struct bitset data;

  for (uint64_t at = MIB; at < 6 * MIB; at += 8 * KIB)
    put (a, at, 'x');
  mem_leg_lie (a, 32 * MIB, SIZE - 32 * MIB);
  put (a, SIZE - 1, 'x');
  ck_assert_int_eq (bitset_init (&data, NR_REGIONS), 0);
  ck_assert_int_eq (probe_data (a, SIZE, SHIFT, &data), 0);
  ck_assert_uint_eq (data.count, NR_REGIONS);
  bitset_free (&data);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("probe");
}
