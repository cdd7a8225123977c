/* SPDX-License-Identifier: BSD-3-Clause */

/* Which legs are slow: what is written waits for the slowest leg, so one whose
 * requests take far longer than those of another is worth a word.  It has not
 * failed, and nothing changes by it.
 *
 * Every ten seconds the watcher looks at what 99 % of the reads, writes and
 * flushes of each in-sync leg took at most.  A leg is slow when one of these
 * is SLOW_FACTOR times as long as that of the fastest leg, and at least
 * SLOW_NS, in three windows in a row; it is not any more when none is half of that in as
 * many.  A window with few requests, or in which no other leg had any, proves
 * nothing; after STALE_WINDOWS of them what is known is old.
 */

#ifndef NBDMIRROR_SLOW_H
#define NBDMIRROR_SLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leg-latency.h"

#define SLOW_WINDOW_NS (10 * UINT64_C (1000000000))
#define SLOW_WINDOWS 3
#define STALE_WINDOWS 30
#define SLOW_FACTOR 8
#define SLOW_NS (20 * UINT64_C (1000000))

struct mirror;

/* Of a member. */
struct slow {
  /* Only used by the watcher, under m->lock. */
  struct latency_counts last;
  unsigned against; /* windows in a row that say otherwise than is_slow */
  unsigned empty;   /* windows in a row that say nothing */

  /* Protected by m->lock. */
  bool is_slow;
  enum latency_of what;          /* makes it so */
  uint64_t p99_ns[NR_LATENCIES]; /* in the last window, 0: too few */
  uint64_t took_ns, fastest_ns;  /* what, and the same of the fastest leg */
};

/* For the watcher, after each of its looks; elapsed: since the last one.  No
 * lock is held.
 */
void slow_look (struct mirror *m, uint64_t elapsed);

/* Why a leg is slow; "" if it is not.  m->lock is held. */
void slow_reason_locked (const struct mirror *m, unsigned slot, char *buf,
                         size_t size);

#endif /* NBDMIRROR_SLOW_H */
