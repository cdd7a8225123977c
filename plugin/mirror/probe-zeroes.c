/* SPDX-License-Identifier: BSD-3-Clause */

/* A large leg is looked at through windows at even distances, because asking
 * for its block status from one end to the other may take long.  They come in
 * such an order that those for which there was time are spread, too.
 */

#include "config.h"

#include "deadline.h"
#include "probe-zeroes.h"

#define MIN_WINDOW (UINT64_C (1) << 20)
#define ALIGN (UINT64_C (64) << 10) /* any leg can be read there */
#define STRIDE 157u                 /* odd: meets every window */
#define RUNS 32                     /* looked at in one window */
#define MAX_NS NSEC_PER_SEC

static uint64_t
nr_windows (uint64_t size)
{
  uint64_t nr = 1;

  while (nr < PROBE_WINDOWS && size / nr > MIN_WINDOW)
    nr *= 2;
  return nr;
}

/* False if the leg can't be asked. */
static bool
look_through (struct leg *leg, uint64_t begin, uint64_t end)
{
  static const struct leg_sampling how = {.places = PROBE_WINDOW_PLACES};
  struct leg_extent extents[RUNS];
  size_t nr = RUNS;

  return leg_extents_sampled (leg, begin, end - begin, extents, &nr, &how) ==
         0;
}

void
probe_zeroes (struct leg *leg)
{
  uint64_t size = leg->size & ~(uint64_t) (leg->min_block - 1);
  uint64_t nr = nr_windows (size), step = size / nr & ~(ALIGN - 1);
  uint64_t until = now_ns () + MAX_NS;

  if (size == 0)
    return;
  for (uint64_t i = 0; i < nr && now_ns () < until; ++i) {
    uint64_t n = i * STRIDE % nr, begin = step * n;

    if (atomic_load (&leg->distrusted) ||
        !look_through (leg, begin, n == nr - 1 ? size : begin + step))
      return;
  }
}
