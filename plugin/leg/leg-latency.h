/* SPDX-License-Identifier: BSD-3-Clause */

/* How long requests to a leg take, in a histogram: two classes for each power
 * of two, so what is read from it is right within a factor of 1.5.
 */

#ifndef NBDMIRROR_LEG_LATENCY_H
#define NBDMIRROR_LEG_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

enum latency_of {
  LATENCY_READ,
  LATENCY_WRITE,
  LATENCY_FLUSH,
  NR_LATENCIES
};

#define LATENCY_CLASSES 56 /* the last one begins after two minutes */

struct leg_latency {
  atomic_uint count[NR_LATENCIES][LATENCY_CLASSES];
};

/* The same at one time.  Counts wrap: only differences mean something. */
struct latency_counts {
  unsigned count[NR_LATENCIES][LATENCY_CLASSES];
};

/* One request took this long.  Thread-safe; costs one atomic addition. */
void leg_latency_note (struct leg_latency *l, enum latency_of of, uint64_t ns);

/* Put what has come since *last into *since, and what there is now into *last.
 * One thread at a time for each *last.
 */
void leg_latency_since (struct leg_latency *l, struct latency_counts *last,
                        struct latency_counts *since);

/* What 99 % of these requests took at most; 0 if they are fewer than least. */
uint64_t latency_p99_ns (const struct latency_counts *c, enum latency_of of,
                         unsigned least);

#endif /* NBDMIRROR_LEG_LATENCY_H */
