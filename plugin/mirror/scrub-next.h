/* SPDX-License-Identifier: BSD-3-Clause */

/* What the scrub does next: compare a chunk, repair a range that differs, or wait.
 */

#ifndef NBDMIRROR_SCRUB_NEXT_H
#define NBDMIRROR_SCRUB_NEXT_H

#include <stdint.h>

#include "scrub-compare.h"
#include "scrub-state.h"

struct mirror;

enum scrub_step {
  STEP_NONE,
  STEP_COMPARE,
  STEP_REPAIR,
};

/* The thread that scrubs; only used by it. */
struct scrubber {
  struct mirror *m;
  struct scrub_work *work;
  uint64_t kept_ns; /* when */

  /* The step at hand. */
  enum scrub_step step;
  unsigned serial;
  uint64_t offset, count;
  struct scrub_range range; /* to be repaired */
  unsigned from;
};

/* m->lock is held for all of these. */

/* Choose the step, or say in m->scrub why there is none. */
void scrub_next_step_locked (struct scrubber *sc);

/* The repair has ended; the comparison, if it came to its end. */
void scrub_end_repair_locked (struct scrub *s);
void scrub_end_compare_locked (struct scrub *s);

#endif /* NBDMIRROR_SCRUB_NEXT_H */
