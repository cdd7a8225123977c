/* SPDX-License-Identifier: BSD-3-Clause */

/* What the content of a leg says when it joins a mirror.
 * All functions read only, and block.
 */

#ifndef NBDMIRROR_PROBE_H
#define NBDMIRROR_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "bitset.h"
#include "leg.h"
#include "probe-places.h"

/* Answers; -1 is an error, reported. */
enum probe_answer {
  PROBE_NO = 0,
  PROBE_YES = 1,
  PROBE_NO_EVIDENCE = 2, /* only probe_same: all that was compared is zero */
};

/* Is the leg empty: first and last MiB and samples between are all zero, and
 * its block status was not caught lying.  Where that shows data the samples are
 * taken there.
 */
int probe_empty (struct leg *leg, uint64_t size);

/* Where a comparison may look. */
struct probe_guard {
  /* Must the legs agree in this range?  Then nobody changes it on a until
   * leave is called.
   */
  bool (*enter) (struct probe_guard *guard, uint64_t offset, uint64_t count);
  void (*leave) (struct probe_guard *guard);
};

/* Do both legs hold the same bytes where the log says they must?  Compares
 * the places of probe-places.h, as far as the guard lets it and a can be read.
 * Says no only if it saw a difference.  b is not in use.
 */
int probe_same (struct leg *a, struct leg *b, uint64_t size,
                const struct probe_regions *regions,
                struct probe_guard *guard);

/* A guard for when nothing is written yet: all but the regions of a set. */
struct probe_except {
  struct probe_guard guard;
  unsigned region_shift;
  const struct bitset *regions;
};

void probe_except_init (struct probe_except *except, unsigned region_shift,
                        const struct bitset *regions);

/* Set the bit of each region that may hold data in the leg.  A leg without
 * block status, or whose block status lies, or with very many extents, may hold
 * data everywhere.
 */
int probe_data (struct leg *leg, uint64_t size, unsigned region_shift,
                struct bitset *data);

#endif /* NBDMIRROR_PROBE_H */
