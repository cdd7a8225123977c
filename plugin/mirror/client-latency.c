/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "client-latency.h"

#define UNIT_SHIFT 6 /* eight units are the first class, half a microsecond */

static unsigned
class_of (uint64_t ns)
{
  uint64_t units = ns >> UNIT_SHIFT;
  unsigned shift, class;

  if (units < 8)
    return 0;
  shift = 60 - (unsigned) __builtin_clzll (units); /* to four bits, 8 ... 15 */
  class = 1 + 8 * shift + (unsigned) ((units >> shift) - 8);
  return class < CLIENT_CLASSES ? class : CLIENT_CLASSES - 1;
}

/* Where the next class begins. */
static uint64_t
end_of (unsigned class)
{
  if (class == 0)
    return UINT64_C (8) << UNIT_SHIFT;
  return (UINT64_C (9) + (class - 1) % 8) << ((class - 1) / 8 + UNIT_SHIFT);
}

void
client_latency_note (struct client_latency *l, enum client_kind kind,
                     uint64_t ns)
{
  atomic_fetch_add_explicit (&l->count[kind][class_of (ns)], 1,
                             memory_order_relaxed);
}

void
client_latency_get (struct client_latency *l, struct client_counts *counts)
{
  for (unsigned kind = 0; kind < NR_CLIENT_KINDS; ++kind)
    for (unsigned c = 0; c < CLIENT_CLASSES; ++c)
      counts->count[kind][c] =
        atomic_load_explicit (&l->count[kind][c], memory_order_relaxed);
}

static unsigned
nr_of (const struct client_counts *from, const struct client_counts *to,
       enum client_kind kind)
{
  unsigned nr = 0;

  for (unsigned c = 0; c < CLIENT_CLASSES; ++c)
    nr += to->count[kind][c] - from->count[kind][c];
  return nr;
}

unsigned
client_counts_nr (const struct client_counts *from,
                  const struct client_counts *to)
{
  unsigned nr = 0;

  for (enum client_kind kind = 0; kind < NR_CLIENT_KINDS; ++kind)
    nr += nr_of (from, to, kind);
  return nr;
}

uint64_t
client_p99_ns (const struct client_counts *from,
               const struct client_counts *to, enum client_kind kind,
               unsigned least)
{
  uint64_t nr = nr_of (from, to, kind), above = 0;
  unsigned class = CLIENT_CLASSES - 1;

  if (nr == 0 || nr < least)
    return 0;
  /* At most one in a hundred is above. */
  for (; class > 0; --class) {
    above += to->count[kind][class] - from->count[kind][class];
    if (above * 100 > nr)
      break;
  }
  return end_of (class);
}
