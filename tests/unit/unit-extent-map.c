/* SPDX-License-Identifier: BSD-3-Clause */

/* What is remembered of block status, and what is forgotten. */

#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "extent-map.h"
#include "suite.h"
#include "unit-wait.h"

static struct extent_map map;

static void
setup (void)
{
  memset (&map, 0, sizeof map);
}

static void
note (unsigned slot, uint64_t from, uint64_t until, bool zero)
{
  struct extent_ask ask = {.slot = slot, .from = from, .until = until};

  extent_map_ask (&map, &ask);
  extent_map_answer (&map, &ask, until - from, zero);
}

/* Bytes known from offset on: zeroes > 0, data < 0. */
static int64_t
known (unsigned slot, uint64_t offset)
{
  bool zero = false;
  int64_t n = (int64_t) extent_map_find (&map, slot, offset, &zero);

  return zero ? n : -n;
}

TEST (each_leg_has_notes_of_its_own)
{
  note (1, 100, 200, true);
  ck_assert_int_eq (known (1, 100), 100);
  ck_assert_int_eq (known (1, 199), 1);
  ck_assert_int_eq (known (1, 200), 0);
  ck_assert_int_eq (known (1, 99), 0);
  ck_assert_int_eq (known (0, 100), 0);
}

TEST (what_was_written_is_forgotten_and_the_rest_kept)
{
  note (0, 0, 1000, true);
  note (1, 0, 1000, true);
  extent_map_written (&map, 1u << 0, 400, 500);
  ck_assert_int_eq (known (0, 0), 400);
  ck_assert_int_eq (known (0, 400), 0);
  ck_assert_int_eq (known (0, 499), 0);
  ck_assert_int_eq (known (0, 500), 500);
  ck_assert_int_eq (known (1, 0), 1000);
  extent_map_written (&map, 3, 0, 1000);
  ck_assert_int_eq (known (0, 0), 0);
  ck_assert_int_eq (known (0, 999), 0);
  ck_assert_int_eq (known (1, 0), 0);
}

/* It saves questions, no more; who reads it sees. */
TEST (data_stays_noted)
{
  note (0, 0, 1000, false);
  extent_map_written (&map, 1, 0, 500);
  ck_assert_int_eq (known (0, 0), -1000);
}

TEST (a_later_answer_counts)
{
  note (0, 0, 1000, false);
  note (0, 200, 300, true);
  ck_assert_int_eq (known (0, 0), -200);
  ck_assert_int_eq (known (0, 200), 100);
  ck_assert_int_eq (known (0, 300), -700);
  note (0, 250, 1000, false);
  ck_assert_int_eq (known (0, 200), 50);
  ck_assert_int_eq (known (0, 250), -750);
}

TEST (neighbours_become_one)
{
  note (0, 0, 100, true);
  note (0, 200, 300, true);
  note (0, 100, 200, true);
  ck_assert_int_eq (known (0, 0), 300);
}

/* The question may have been answered before the write. */
TEST (an_answer_counts_up_to_what_is_written_meanwhile)
{
  struct extent_ask ask = {.slot = 0, .from = 100, .until = 1000};
  struct extent_ask other = {.slot = 1, .from = 100, .until = 1000};

  extent_map_ask (&map, &ask);
  extent_map_ask (&map, &other);
  extent_map_written (&map, 1u << 0, 700, 800);
  extent_map_written (&map, 1u << 0, 500, 600);
  extent_map_written (&map, 1u << 0, 0, 100);
  extent_map_answer (&map, &ask, 900, true);
  extent_map_answer (&map, &other, 900, true);
  ck_assert_int_eq (known (0, 100), 400);
  ck_assert_int_eq (known (0, 500), 0);
  ck_assert_int_eq (known (0, 800), 0);
  ck_assert_int_eq (known (1, 100), 900);
}

TEST (an_answer_about_what_is_written_meanwhile_does_not_count)
{
  struct extent_ask ask = {.slot = 0, .from = 100, .until = 1000};

  extent_map_ask (&map, &ask);
  extent_map_written (&map, 1u << 0, 50, 101);
  extent_map_answer (&map, &ask, 900, true);
  ck_assert_int_eq (known (0, 100), 0);
  ck_assert_int_eq (known (0, 101), 0);
}

TEST (a_leg_is_forgotten_as_a_whole)
{
  struct extent_ask ask = {.slot = 1, .from = 0, .until = 1000};

  note (0, 0, 1000, true);
  note (1, 2000, 3000, true);
  extent_map_ask (&map, &ask);
  extent_map_forget (&map, 1);
  extent_map_answer (&map, &ask, 1000, true);
  ck_assert_int_eq (known (1, 0), 0);
  ck_assert_int_eq (known (1, 2000), 0);
  ck_assert_int_eq (known (0, 0), 1000);
}

TEST (the_longest_notes_stay)
{
  note (0, 1000000, 9000000, true);
  for (uint64_t i = 0; i < 10 * EXTENT_NOTES; ++i)
    note (0, 1000 * i, 1000 * i + 10, true);
  ck_assert_int_eq (known (0, 1000000), 8000000);
  ck_assert_int_eq (known (0, 1000 * (10 * EXTENT_NOTES - 1)), 10);
}

/* Random questions and writes against a plain array.  A note may be lost, but
 * what is noted as zeroes is not written.
 */
TEST (no_note_says_zeroes_where_there_are_none)
{
  enum {
    SIZE = 500,
    ROUNDS = 2000
  };
  bool zero[SIZE] = {false}, seen = false;
  uint64_t state = 1, n;

  for (unsigned i = 0; i < ROUNDS; ++i) {
    uint64_t from = random_next (&state) % SIZE;
    uint64_t until = from + 1 + random_next (&state) % (SIZE - from);
    bool value = random_next (&state) % 2;

    if (random_next (&state) % 4 == 0) {
      memset (zero + from, false, until - from);
      extent_map_written (&map, 1, from, until);
    }
    else {
      memset (zero + from, value, until - from);
      note (0, from, until, value);
    }
    for (uint64_t at = 0; at < SIZE; at += n ? n : 1) {
      n = extent_map_find (&map, 0, at, &seen);
      if (n > 0 && seen)
        ck_assert_ptr_null (memchr (zero + at, false, n));
    }
  }
}

static struct suite_group tests = {
  .setup = setup,
};

int
main (void)
{
  return suite_main ("extent-map");
}
