/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "leg-latency.h"

#define HALF_SHIFT 9 /* a unit is about a microsecond */

/* 0: below 1 unit, then from 1, 1.5, 2, 3, 4, 6 ... units on. */
static unsigned
class_of (uint64_t ns)
{
  uint64_t halves = ns >> HALF_SHIFT;
  unsigned log2, class;

  if (halves < 2)
    return 0;
  log2 = 63 - (unsigned) __builtin_clzll (halves);
  class = 2 * log2 - 1 + (halves >> (log2 - 1) & 1);
  return class < LATENCY_CLASSES ? class : LATENCY_CLASSES - 1;
}

/* Where the next class begins. */
static uint64_t
end_of (unsigned class)
{
  uint64_t half = UINT64_C (1) << HALF_SHIFT;

  if (class == 0)
    return 2 * half;
  return (class % 2 ? 3 * half : 4 * half) << ((class - 1) / 2);
}

void
leg_latency_note (struct leg_latency *l, enum latency_of of, uint64_t ns)
{
  atomic_fetch_add_explicit (&l->count[of][class_of (ns)], 1,
                             memory_order_relaxed);
}

void
leg_latency_since (struct leg_latency *l, struct latency_counts *last,
                   struct latency_counts *since)
{
  for (unsigned of = 0; of < NR_LATENCIES; ++of)
    for (unsigned c = 0; c < LATENCY_CLASSES; ++c) {
      unsigned now =
        atomic_load_explicit (&l->count[of][c], memory_order_relaxed);

      since->count[of][c] = now - last->count[of][c];
      last->count[of][c] = now;
    }
}

uint64_t
latency_p99_ns (const struct latency_counts *c, enum latency_of of,
                unsigned least)
{
  uint64_t sum = 0, above = 0;
  unsigned class = LATENCY_CLASSES;

  for (unsigned i = 0; i < LATENCY_CLASSES; ++i)
    sum += c->count[of][i];
  if (sum == 0 || sum < least)
    return 0;
  /* At most one in a hundred is above. */
  while (class > 0 && (above + c->count[of][class - 1]) * 100 <= sum)
    above += c->count[of][--class];
  return end_of (class > 0 ? class - 1 : 0);
}
