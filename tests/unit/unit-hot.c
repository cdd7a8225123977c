/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of hot regions against a plain array. */

#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "hot.h"
#include "suite.h"
#include "unit-wait.h"

TEST (a_region_is_found_after_get_and_gone_after_drop)
{
  struct hot_table t;
  struct hot *h;

  ck_assert_int_eq (hot_init (&t), 0);
  ck_assert_ptr_null (hot_find (&t, 7));
  h = hot_get (&t, 7);
  ck_assert_ptr_nonnull (h);
  ck_assert_uint_eq (h->region, 7);
  ck_assert_uint_eq (h->pending, 0);
  ck_assert (!h->dirty);
  ck_assert_ptr_eq (hot_get (&t, 7), h);
  ck_assert_ptr_eq (hot_find (&t, 7), h);
  ck_assert_uint_eq (t.count, 1);
  hot_drop (&t, h);
  ck_assert_ptr_null (hot_find (&t, 7));
  ck_assert_uint_eq (t.count, 0);
  hot_free (&t);
  hot_free (&t); /* harmless */
}

#define REGIONS 20000 /* several in each bucket */

static bool wanted[REGIONS], seen[REGIONS];

static void
visit (struct hot *h, void *opaque)
{
  size_t *nr = opaque;

  ck_assert (wanted[h->region] && !seen[h->region]);
  seen[h->region] = true;
  ++*nr;
}

/* Strides are what makes a poor hash collide. */
LOOP_TEST (the_table_holds_just_what_was_put_in, 3)
{
  const uint64_t stride[] = {1, 8192, UINT64_C (1) << 32};
  uint64_t step = stride[_i], seed = 1;
  struct hot_table t;
  size_t count = 0, visited = 0;

  ck_assert_int_eq (hot_init (&t), 0);
  for (unsigned i = 0; i < 3 * REGIONS; ++i) {
    uint64_t n = random_next (&seed) % REGIONS;
    struct hot *h = hot_find (&t, n * step);

    ck_assert_int_eq (h != NULL, wanted[n]);
    if (h) {
      hot_drop (&t, h);
      count--;
    }
    else {
      ck_assert_uint_eq (hot_get (&t, n * step)->region, n * step);
      count++;
    }
    wanted[n] = !wanted[n];
    ck_assert_uint_eq (t.count, count);
  }
  if (step == 1) {
    hot_for_each (&t, visit, &visited);
    ck_assert_uint_eq (visited, count);
  }
  hot_free (&t);
}

static struct suite_group tests = {
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("hot");
}
