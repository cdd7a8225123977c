/* SPDX-License-Identifier: BSD-3-Clause */

/* How long clients wait for their answers, from receipt on, in a histogram: eight
 * classes for each power of two, so what is read from it is right within an
 * eighth.  Requests of different kinds have one each, for what is normal for a
 * flush is not for a read.
 */

#ifndef NBDMIRROR_CLIENT_LATENCY_H
#define NBDMIRROR_CLIENT_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

enum client_kind {
  CLIENT_READ,
  CLIENT_WRITE, /* or zero, or trim */
  CLIENT_LARGE_READ,
  CLIENT_LARGE_WRITE,
  CLIENT_FLUSH,
  NR_CLIENT_KINDS
};

#define CLIENT_SMALL (UINT64_C (64) << 10) /* bytes; more is large */

/* The first one ends after half a microsecond, the last begins after half a
 * minute.
 */
#define CLIENT_CLASSES 216

struct client_latency {
  atomic_uint count[NR_CLIENT_KINDS][CLIENT_CLASSES];
};

/* The same at one time.  Counts wrap: only differences mean something. */
struct client_counts {
  unsigned count[NR_CLIENT_KINDS][CLIENT_CLASSES];
};

/* One request took this long.  Thread-safe; costs one atomic addition. */
void client_latency_note (struct client_latency *l, enum client_kind kind,
                          uint64_t ns);

void client_latency_get (struct client_latency *l,
                         struct client_counts *counts);

/* Requests between two times, and what 99 % of those of one kind took at most; 0 if
 * they are fewer than least.
 */
unsigned client_counts_nr (const struct client_counts *from,
                           const struct client_counts *to);
uint64_t client_p99_ns (const struct client_counts *from,
                        const struct client_counts *to, enum client_kind kind,
                        unsigned least);

#endif /* NBDMIRROR_CLIENT_LATENCY_H */
