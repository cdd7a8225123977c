/* SPDX-License-Identifier: BSD-3-Clause */

/* Resync allocates nothing on a target where the source has zeroes and the
 * target reads as zeroes already, and costs few requests where it has not.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "members.h"
#include "mirror-fixture.h"
#include "suite.h"

#define KIB UINT64_C (1024)
#define PAGE (4 * KIB)

static void
resync (struct fx *fx)
{
  fx_start (fx);
  WAIT_FOR (fx_resyncing (fx) == 0);
  for (unsigned i = 1; i < fx->nr_legs; ++i)
    ck_assert (fx_same (fx, 0, i));
}

/* A page of data at each multiple of 'every'; returns how many bytes. */
static uint64_t
fill_pages (struct fx *fx, unsigned leg, uint64_t every, uint64_t at)
{
  uint64_t nr = 0;

  for (uint64_t offset = at; offset < fx->m->limits.size; offset += every)
    fx_fill (fx, leg, offset, PAGE, 'a' + (int) (nr++ % 26));
  return nr * PAGE;
}

/* Bytes that the leg was sent to write. */
static uint64_t
written (struct fx *fx, unsigned leg)
{
  size_t nr;
  CLEANUP_FREE struct mem_leg_record *r = mem_leg_records (fx->leg[leg], &nr);
  uint64_t bytes = 0;

  for (size_t i = 0; i < nr; ++i)
    bytes += r[i].op == LEG_WRITE ? r[i].count : 0;
  return bytes;
}

/* Regions of 64 KiB and 2 MiB. */
static const unsigned shifts[] = {16, 21};

LOOP_TEST (an_empty_target_gets_the_data_and_no_more, 2)
{
  struct fx *fx = fx_new (2, 8, shifts[_i], 1u << 1);
  uint64_t data = fill_pages (fx, 0, 64 * KIB, 0);

  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), data);
  ck_assert_uint_eq (written (fx, 1), data);
  fx_free (fx);
}

LOOP_TEST (every_other_page_holds_data, 2)
{
  struct fx *fx = fx_new (3, 8, shifts[_i], 6);
  uint64_t data = fill_pages (fx, 0, 2 * PAGE, PAGE);

  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), data);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[2]), data);
  fx_free (fx);
}

/* Pieces of data that end within a page. */
LOOP_TEST (data_of_any_length_anywhere, 2)
{
  struct fx *fx = fx_new (2, 8, shifts[_i], 1u << 1);
  uint64_t state = 1, pages = 0, last = UINT64_MAX;

  for (uint64_t at = 0; at + 64 * BLOCK < fx->m->limits.size;) {
    uint64_t count = (1 + random_next (&state) % 20) * BLOCK;

    fx_fill (fx, 0, at, count, 'a');
    for (uint64_t p = at / PAGE; p <= (at + count - 1) / PAGE; ++p) {
      pages += p != last;
      last = p;
    }
    at += count + random_next (&state) % 100 * BLOCK;
  }
  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), pages * PAGE);
  fx_free (fx);
}

/* The block of the mirror is larger than a page. */
TEST (nothing_smaller_than_a_block_is_sent)
{
  struct fx *fx = fx_new (2, 8, 20, 1u << 1);
  uint64_t data;

  fx->leg[1]->min_block = fx->m->limits.min_block = 64 * KIB;
  data = fill_pages (fx, 0, 256 * KIB, 20 * KIB);
  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), data / PAGE * 64 * KIB);
  fx_free (fx);
}

/* Zeroes that need not be written are not, on a leg that would write them. */
LOOP_TEST (a_target_that_cannot_punch_holes_stays_thin, 2)
{
  struct fx *fx = fx_new (2, 8, shifts[_i], 1u << 1);
  uint64_t data = fill_pages (fx, 0, 64 * KIB, 8 * KIB);

  atomic_store (&fx->leg[1]->fast_trim, false);
  atomic_store (&fx->leg[1]->no_trim, true);
  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), data);
  fx_free (fx);
}

/* Block status says that all is data, but there are zeroes. */
TEST (zeroes_that_were_read_are_not_written)
{
  struct fx *fx = fx_new (2, 8, 20, 1u << 1);

  fx_fill (fx, 0, 0, BLOCK, 'a');
  dirty_log_mark (fx->log, 0); /* block status is not believed */
  ck_assert_int_eq (dirty_log_flush (fx->log, NO_DEADLINE), 0);
  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), PAGE);
  fx_free (fx);
}

/* Nobody knows what the target holds in a marked region. */
TEST (what_is_unknown_becomes_holes)
{
  struct fx *fx = fx_new (2, 8, 20, 1u << 1);
  uint64_t data = fill_pages (fx, 0, 4 * PAGE, 0);

  fx_fill (fx, 1, 4 * PAGE * 20, 4 * PAGE, 'x');
  for (unsigned r = 0; r < 8; ++r)
    dirty_log_mark (fx->log, r);
  ck_assert_int_eq (dirty_log_flush (fx->log, NO_DEADLINE), 0);
  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), data);
  fx_free (fx);
}

/* --- requests --- */

/* One write does no harm where the target has all blocks. */
TEST (a_full_target_gets_each_chunk_in_one_request)
{
  struct fx *fx = fx_new (2, 8, 20, 1u << 1);

  fill_pages (fx, 0, 2 * PAGE, 0);
  fx_fill (fx, 1, 0, fx->m->limits.size, 'x');
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 1);
  resync (fx);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 1 + 8);
  ck_assert_uint_le (fx_sent (fx, 1, LEG_ZERO), 8); /* at the end of each */
  fx_free (fx);
}

TEST (holes_worth_a_request_are_punched)
{
  struct fx *fx = fx_new (2, 8, 20, 1u << 1);
  uint64_t data = fill_pages (fx, 0, 512 * KIB, 0);

  fx_fill (fx, 1, 0, fx->m->limits.size, 'x');
  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), data);
  ck_assert_uint_le (fx_sent (fx, 1, LEG_WRITE), 1 + 16);
  ck_assert_uint_le (fx_sent (fx, 1, LEG_ZERO), 16);
  fx_free (fx);
}

/* The same for one where a hole is written as zeroes. */
TEST (a_full_target_without_holes_gets_each_chunk_in_one_request)
{
  struct fx *fx = fx_new (2, 8, 20, 1u << 1);

  fill_pages (fx, 0, 512 * KIB, 0);
  fx_fill (fx, 1, 0, fx->m->limits.size, 'x');
  atomic_store (&fx->leg[1]->fast_trim, false);
  resync (fx);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 1 + 8);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_ZERO), 0);
  fx_free (fx);
}

/* The source is zero, and the target full of small pieces. */
LOOP_TEST (pieces_of_a_target_are_zeroed_one_by_one, 2)
{
  struct fx *fx = fx_new (2, 8, shifts[_i], 1u << 1);

  fill_pages (fx, 1, 2 * PAGE, PAGE);
  atomic_store (&fx->leg[1]->fast_trim, false);
  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), 0);
  ck_assert_uint_le (fx->m->resync.copied_bytes, fx->m->limits.size / 2);
  fx_free (fx);
}

LOOP_TEST (each_target_gets_what_it_needs, 2)
{
  struct fx *fx = fx_new (4, 8, shifts[_i], 14);
  uint64_t data = fill_pages (fx, 0, 32 * KIB, 0);

  fx_set_kind (fx, 2, LEG_NBD);
  fx_fill (fx, 1, 0, fx->m->limits.size, 'x');
  fill_pages (fx, 2, 64 * KIB, 12 * KIB);
  resync (fx);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[3]), data);
  fx_free (fx);
}

/* --- failure --- */

/* The fifth of many small writes fails; nobody has failed by that. */
TEST (a_target_that_refuses_a_piece_gets_it_later)
{
  struct fx *fx = fx_new (2, 8, 20, 1u << 1);
  uint64_t data = fill_pages (fx, 0, 4 * PAGE, 0);

  mem_leg_fail (fx->leg[1], LEG_WRITE, 5, 1, ENOSPC);
  resync (fx);
  ck_assert_uint_eq (fx_failed (fx), 0);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), data);
  fx_free (fx);
}

static atomic_int lease_for; /* questions that are still answered with yes */

/* Asked before each piece. */
static bool
lease_ends (struct leg *leg)
{
  return atomic_fetch_sub (&lease_for, 1) > 0 && member_may_write (leg);
}

/* S19: what was not sent is no failure of the target. */
TEST (s19_no_piece_is_sent_without_the_lease)
{
  struct fx *fx = fx_new (2, 1, 20, 1u << 1);
  uint64_t data = fill_pages (fx, 0, 4 * PAGE, 0);

  atomic_store (&lease_for, 5);
  fx->leg[1]->may_write = lease_ends;
  fx_start (fx);
  WAIT_FOR (fx_sent (fx, 1, LEG_WRITE) == 5 && fx_ranges (fx) == 0);
  ck_assert_uint_eq (fx_in_sync (fx), 1);
  ck_assert_uint_eq (fx->m->member[1].stalls, 0);
  atomic_store (&lease_for, INT_MAX);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_uint_eq (mem_leg_allocated (fx->leg[1]), data);
  fx_free (fx);
}

static struct suite_group tests = {
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("thin-copy");
}
