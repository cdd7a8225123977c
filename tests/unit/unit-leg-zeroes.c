/* SPDX-License-Identifier: BSD-3-Clause */

/* What block status calls zeroes is read before it is believed, in few places,
 * and a leg that lies is found out.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "mem-leg.h"
#include "probe-zeroes.h"
#include "sparse-leg.h"
#include "suite.h"
#include "unit-wait.h"

#define PAGE UINT64_C (4096)
#define MIB (UINT64_C (1) << 20)
#define SIZE (4 * MIB)

static struct leg *leg;
static unsigned nr_distrusted;

static void
on_distrust (struct leg *which)
{
  ck_assert_ptr_eq (which, leg);
  nr_distrusted++;
}

static void
setup (void)
{
  leg = mem_leg_new ("/a", SIZE);
  leg->on_distrust = on_distrust;
  ck_assert_int_eq (leg_open (leg, 0), 0);
  nr_distrusted = 0;
}

static void
teardown (void)
{
  leg_free (leg);
}

static void
put (uint64_t offset)
{
  mem_leg_data (leg)[offset] = 'x';
}

/* The first extent. */
static struct leg_extent
ask (uint64_t offset, uint64_t count)
{
  struct leg_extent extent;
  size_t nr = 1;

  ck_assert_int_eq (leg_extents (leg, offset, count, &extent, &nr), 0);
  ck_assert_uint_eq (nr, 1);
  return extent;
}

static void
is_zeroes (uint64_t offset, uint64_t count, uint64_t length)
{
  struct leg_extent extent = ask (offset, count);

  ck_assert (extent.zero);
  ck_assert_uint_eq (extent.length, length);
}

static void
is_data (uint64_t offset, uint64_t count)
{
  struct leg_extent extent = ask (offset, count);

  ck_assert (!extent.zero && !extent.hole);
}

static void
is_distrusted (bool distrusted)
{
  ck_assert (atomic_load (&leg->distrusted) == distrusted);
  ck_assert_uint_eq (nr_distrusted, distrusted);
}

/* Times that a byte was read. */
static unsigned
times_read (uint64_t offset)
{
  size_t nr;
  CLEANUP_FREE struct mem_leg_record *r = mem_leg_records (leg, &nr);
  unsigned times = 0;

  for (size_t i = 0; i < nr; ++i)
    times += r[i].op == LEG_READ && r[i].offset <= offset &&
             offset < r[i].offset + r[i].count;
  return times;
}

static unsigned
bytes_read (void)
{
  size_t nr;
  CLEANUP_FREE struct mem_leg_record *r = mem_leg_records (leg, &nr);
  uint64_t bytes = 0;

  for (size_t i = 0; i < nr; ++i)
    if (r[i].op == LEG_READ)
      bytes += r[i].count;
  return (unsigned) bytes;
}

/* --- where is read --- */

TEST (these_reads_are_nobodys)
{
  is_zeroes (0, SIZE, SIZE);
  ck_assert_uint_gt (bytes_read (), 0);
  ck_assert_uint_eq (atomic_load (&leg->counters.reads), 0);
}

TEST (both_ends_of_a_run_are_read)
{
  is_zeroes (MIB, 2 * MIB, 2 * MIB);
  ck_assert_uint_eq (times_read (MIB), 1);
  ck_assert_uint_eq (times_read (3 * MIB - 1), 1);
  ck_assert_uint_eq (bytes_read (), 2 * PAGE);
}

TEST (every_run_of_a_list_is_read)
{
  struct leg_extent extents[16];
  size_t nr = 16;

  for (uint64_t i = 0; i < 16; i += 2)
    put (i * PAGE);
  ck_assert_int_eq (leg_extents (leg, 0, 16 * PAGE, extents, &nr), 0);
  ck_assert_uint_eq (nr, 16);
  for (uint64_t i = 0; i < 16; ++i)
    ck_assert_uint_eq (times_read (i * PAGE), i % 2);
}

TEST (a_short_run_is_read_once)
{
  is_zeroes (PAGE + 512, 1536, 1536);
  ck_assert_uint_eq (bytes_read (), 1536);
  is_zeroes (MIB, 2 * PAGE - 512, 2 * PAGE - 512);
  ck_assert_uint_eq (bytes_read (), 1536 + 2 * PAGE - 512);
}

TEST (more_places_are_spread)
{
  static const struct leg_sampling how = {.places = 62};
  struct leg_extent extent;
  size_t nr = 1;
  uint64_t last = 0;

  ck_assert_int_eq (leg_extents_sampled (leg, 0, SIZE, &extent, &nr, &how), 0);
  ck_assert_uint_eq (bytes_read (), 64 * PAGE);
  for (uint64_t at = 0; at < SIZE; at += PAGE) {
    ck_assert_uint_le (times_read (at), 1);
    if (times_read (at) > 0)
      last = at;
    ck_assert_uint_le (at - last, SIZE / 32);
  }
}

/* Whole blocks of the leg only. */
TEST (blocks_of_the_leg_are_read)
{
  leg->min_block = 64 * 1024;
  is_zeroes (MIB, MIB, MIB);
  ck_assert_uint_eq (bytes_read (), 128 * 1024);
}

TEST (data_are_not_read)
{
  memset (mem_leg_data (leg), 'x', SIZE);
  is_data (0, SIZE);
  ck_assert_uint_eq (bytes_read (), 0);
}

/* A server that says little at once has not come to the end of a run. */
TEST (the_run_is_what_is_read)
{
  const struct leg_sampling how = {.wanted = 8 * SPARSE_MAX_EXTENT};
  struct leg *huge = sparse_leg_new ("/huge", UINT64_C (15) << 40);
  struct leg_extent extents[3];
  size_t nr = 3;

  ck_assert_int_eq (leg_open (huge, 0), 0);
  sparse_leg_fill (huge, 4 * SPARSE_MAX_EXTENT, SPARSE_BLOCK);
  ck_assert_int_eq (leg_extents_sampled (huge, 0, huge->size, extents, &nr,
                                         &how),
                    0);
  ck_assert_uint_eq (nr, 2);
  ck_assert_uint_eq (extents[0].length, 4 * SPARSE_MAX_EXTENT);
  ck_assert_uint_eq (extents[1].length, SPARSE_BLOCK);
  ck_assert_uint_eq (sparse_leg_nr_reads (huge), 2);
  ck_assert_uint_eq (sparse_leg_nr_queries (huge), 5);
  nr = 1;
  ck_assert_int_eq (leg_extents_sampled (huge, 0, huge->size, extents, &nr,
                                         &how),
                    0);
  ck_assert_uint_eq (extents[0].length, 4 * SPARSE_MAX_EXTENT);
  ck_assert_int_eq (leg_extents_sampled (huge, 0, 2 * SPARSE_MAX_EXTENT + PAGE,
                                         extents, &nr, &how),
                    0);
  ck_assert_uint_eq (extents[0].length, 2 * SPARSE_MAX_EXTENT + PAGE);
  leg_free (huge);
}

/* --- what is said --- */

/* At the begin, or the end, or where the caller wants more places. */
LOOP_TEST (a_leg_that_lies_is_asked_no_more, 2)
{
  unsigned asked;

  mem_leg_lie (leg, 0, SIZE);
  put (_i ? 2 * MIB - 1 : MIB);
  ck_assert_uint_eq (ask (MIB, MIB).length, MIB);
  is_distrusted (true);
  asked = mem_leg_nr_queries (leg);
  is_data (0, SIZE);
  is_data (3 * MIB, MIB);
  ck_assert_uint_eq (mem_leg_nr_queries (leg), asked);
  ck_assert (!leg_reads_zero (leg, 0, PAGE));
  leg_quiesce (leg);
  ck_assert_int_eq (leg_start (leg), 0);
  is_data (0, MIB);
  is_distrusted (true);
}

TEST (a_leg_that_is_opened_anew_is_believed)
{
  mem_leg_lie (leg, 0, SIZE);
  put (0);
  is_data (0, MIB);
  mem_leg_lie (leg, 0, 0);
  leg_close (leg);
  ck_assert_int_eq (leg_open (leg, 0), 0);
  is_data (0, PAGE);
  is_zeroes (PAGE, MIB, MIB);
}

TEST (what_was_zero_some_time_ago_is_read_again)
{
  is_zeroes (0, SIZE, SIZE);
  ck_assert (leg_reads_zero (leg, MIB, MIB));
  put (MIB);
  ck_assert (!leg_reads_zero (leg, MIB, MIB));
  is_distrusted (false);
  mem_leg_lie (leg, 0, SIZE);
  ck_assert (!leg_reads_zero (leg, MIB, MIB));
  is_distrusted (true);
}

/* It is known after a flush. */
TEST (what_is_in_a_cache_is_no_lie)
{
  char x[PAGE] = "x";

  mem_leg_status_of_medium (leg);
  ck_assert_int_eq (leg_run (leg, LEG_WRITE, 0, x, MIB, PAGE), 0);
  is_data (MIB, MIB);
  is_zeroes (0, SIZE, MIB);
  is_distrusted (false);
}

static void *
ask_thread (void *opaque)
{
  struct leg_extent *extent = opaque;

  *extent = ask (0, SIZE);
  return NULL;
}

TEST (what_is_written_meanwhile_is_no_lie)
{
  struct leg_extent extent;
  pthread_t thread;

  mem_leg_hold (leg, LEG_READ, 1, 2);
  thread = thread_run (ask_thread, &extent);
  ck_assert (mem_leg_wait_held (leg, 2));
  put (SIZE - 1);
  mem_leg_release (leg, 2, 0);
  pthread_join (thread, NULL);
  ck_assert (extent.zero);
  ck_assert_uint_eq (extent.length, SIZE - PAGE);
  is_distrusted (false);
}

TEST (what_cannot_be_read_is_data_and_no_lie)
{
  mem_leg_bad (leg, MIB, PAGE);
  is_data (MIB, MIB);
  is_zeroes (0, MIB, MIB);
  is_distrusted (false);
}

/* Without a flush nobody can tell. */
TEST (a_leg_that_cannot_be_flushed_is_not_accused)
{
  mem_leg_lie (leg, 0, SIZE);
  put (0);
  mem_leg_fail (leg, LEG_FLUSH, 1, 1, EIO);
  is_data (0, MIB);
  is_distrusted (false);
}

TEST (a_leg_that_is_lost_says_nothing)
{
  struct leg_extent extent;
  size_t nr = 1;

  leg_lose (leg, ECONNRESET, "the test says so");
  ck_assert_int_eq (leg_extents (leg, 0, MIB, &extent, &nr), -1);
  ck_assert_int_eq (errno, ECONNRESET);
  ck_assert (!leg_reads_zero (leg, 0, MIB));
}

/* --- all of a leg --- */

/* One place in 64 KiB of a small leg, so a lie of that length is found. */
LOOP_TEST (any_lie_of_128_kib_in_a_small_leg_is_found, 32)
{
  uint64_t at = (uint64_t) _i * 128 * 1024;

  memset (mem_leg_data (leg) + at, 'x', 128 * 1024);
  mem_leg_lie (leg, at, 128 * 1024);
  probe_zeroes (leg);
  is_distrusted (true);
}

TEST (a_leg_that_tells_the_truth_is_believed)
{
  for (uint64_t at = 0; at < SIZE; at += 192 * 1024)
    put (at);
  probe_zeroes (leg);
  is_distrusted (false);
}

TEST (the_same_place_is_not_read_twice)
{
  probe_zeroes (leg);
  for (uint64_t at = 0; at < SIZE; at += PAGE)
    ck_assert_uint_le (times_read (at), 1);
}

#define PLACES (PROBE_WINDOWS * (PROBE_WINDOW_PLACES + 2))

LOOP_TEST (a_huge_leg_costs_so_many_reads, 2)
{
  struct leg *huge = sparse_leg_new ("/huge", UINT64_C (15) << 40);

  if (_i)
    for (uint64_t at = 0; at < UINT64_C (15) << 40; at += UINT64_C (1) << 32)
      sparse_leg_fill (huge, at, SPARSE_BLOCK);
  ck_assert_int_eq (leg_open (huge, 0), 0);
  probe_zeroes (huge);
  ck_assert (!atomic_load (&huge->distrusted));
  ck_assert_uint_le (sparse_leg_nr_reads (huge), PLACES);
  ck_assert_uint_le (sparse_leg_nr_queries (huge), PROBE_WINDOWS);
  leg_free (huge);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("leg-zeroes");
}
