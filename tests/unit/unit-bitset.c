/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "bitset.h"
#include "suite.h"

#define NR 5000 /* more than one summary word, and an odd end */

struct naive {
  bool bit[NR];
};

static uint64_t
naive_next (const struct naive *n, uint64_t nr, uint64_t from, bool set)
{
  while (from < nr && n->bit[from] != set)
    ++from;
  return from < nr ? from : nr;
}

static void
check_same (const struct bitset *bs, const struct naive *n)
{
  uint64_t count = 0;

  for (uint64_t i = 0; i < bs->nr; ++i) {
    ck_assert (bitset_test (bs, i) == n->bit[i]);
    count += n->bit[i];
  }
  ck_assert_uint_eq (bs->count, count);
  for (uint64_t w = 0; w < bitset_words (bs->nr); ++w)
    ck_assert ((bs->summary[w / 64] >> (w % 64) & 1) == (bs->words[w] != 0));
}

static void
check_next (const struct bitset *bs, const struct naive *n, uint64_t from)
{
  ck_assert_uint_eq (bitset_next_set (bs, from),
                     naive_next (n, bs->nr, from, true));
  ck_assert_uint_eq (bitset_next_clear (bs, from),
                     naive_next (n, bs->nr, from, false));
}

static void
change_range (struct bitset *bs, struct naive *n, uint64_t first, uint64_t nr,
              bool set)
{
  if (set)
    bitset_set_range (bs, first, nr);
  else
    bitset_clear_range (bs, first, nr);
  for (uint64_t i = first; i < first + nr; ++i)
    n->bit[i] = set;
}

static void
random_round (unsigned seed)
{
  uint64_t nr = 1 + (uint64_t) rand_r (&seed) % NR;
  struct naive n = {{false}};
  struct bitset bs;

  ck_assert_int_eq (bitset_init (&bs, nr), 0);
  for (unsigned i = 0; i < 60; ++i) {
    uint64_t bit = (uint64_t) rand_r (&seed) % nr;
    uint64_t len = (uint64_t) rand_r (&seed) % (nr - bit + 1);

    ck_assert (bitset_set (&bs, bit) == !n.bit[bit]);
    n.bit[bit] = true;
    check_next (&bs, &n, (uint64_t) rand_r (&seed) % (nr + 3));
    change_range (&bs, &n, bit, len, i % 3 == 0);
    check_next (&bs, &n, (uint64_t) rand_r (&seed) % nr);
    bit = (uint64_t) rand_r (&seed) % nr;
    ck_assert (bitset_clear (&bs, bit) == n.bit[bit]);
    n.bit[bit] = false;
  }
  check_same (&bs, &n);
  bitset_free (&bs);
}

TEST (test_random)
{
  for (unsigned seed = 1; seed <= 300; ++seed)
    random_round (seed);
}

TEST (test_empty)
{
  struct bitset bs = {0};

  bitset_free (&bs);
  ck_assert_int_eq (bitset_init (&bs, 0), 0);
  ck_assert_uint_eq (bitset_next_set (&bs, 0), 0);
  ck_assert_uint_eq (bitset_next_clear (&bs, 7), 0);
  bitset_set_range (&bs, 0, 0);
  bitset_clear_range (&bs, 0, 0);
  bitset_free (&bs);
  bitset_free (&bs);
}

TEST (test_full_word_ends)
{
  struct bitset bs;

  ck_assert_int_eq (bitset_init (&bs, 128), 0);
  bitset_set_range (&bs, 0, 128);
  ck_assert_uint_eq (bs.count, 128);
  ck_assert_uint_eq (bitset_next_clear (&bs, 0), 128);
  bitset_clear_range (&bs, 64, 64);
  ck_assert_uint_eq (bitset_next_clear (&bs, 0), 64);
  ck_assert_uint_eq (bitset_next_set (&bs, 64), 128);
  bitset_free (&bs);
}

TEST (test_resize)
{
  struct bitset bs;

  ck_assert_int_eq (bitset_init (&bs, 100), 0);
  bitset_set (&bs, 0);
  bitset_set (&bs, 70);
  bitset_set (&bs, 99);
  ck_assert_int_eq (bitset_resize (&bs, 10000), 0);
  ck_assert_uint_eq (bs.count, 3);
  ck_assert_uint_eq (bitset_next_set (&bs, 71), 99);
  ck_assert_uint_eq (bitset_next_set (&bs, 100), 10000);
  ck_assert_int_eq (bitset_resize (&bs, 71), 0);
  ck_assert_uint_eq (bs.count, 2);
  ck_assert_int_eq (bitset_resize (&bs, 10000), 0);
  ck_assert (!bitset_test (&bs, 99));
  bitset_free (&bs);
}

TEST (test_or)
{
  struct bitset a, b;

  ck_assert_int_eq (bitset_init (&a, 1000) | bitset_init (&b, 1000), 0);
  bitset_set_range (&a, 10, 100);
  bitset_set_range (&b, 100, 800);
  bitset_or (&a, &b);
  ck_assert_uint_eq (a.count, 890);
  ck_assert_uint_eq (bitset_next_clear (&a, 10), 900);
  bitset_free (&a);
  bitset_free (&b);
}

/* The largest log: address space, not memory. */
TEST (test_large)
{
  const uint64_t nr = UINT64_C (64) << 20;
  struct bitset bs;

  ck_assert_int_eq (bitset_init (&bs, nr), 0);
  ck_assert_uint_eq (bitset_next_set (&bs, 0), nr);
  bitset_set (&bs, nr - 1);
  ck_assert_uint_eq (bitset_next_set (&bs, 5), nr - 1);
  bitset_free (&bs);
}

static struct suite_group tests = {
  .timeout = 300,
};

int
main (void)
{
  return suite_main ("bitset");
}
