/* SPDX-License-Identifier: BSD-3-Clause */

/* A modification of the legs, as repair.c makes one, too. */

#ifndef NBDMIRROR_WRITE_H
#define NBDMIRROR_WRITE_H

#include <stdint.h>

#include "fan.h"
#include "range.h"

#define PIECE_REGIONS 128 /* a larger request is served in pieces */

struct mirror;
struct unstable_write;

/* One modification on its way.  Lives on the caller's stack. */
struct write_op {
  const struct request *rq;
  unsigned repair; /* it goes to this leg only, which should hold it already;
                    * 0: it goes to all */
  struct range range;
  uint64_t first, nr;          /* regions */
  unsigned legs;               /* where it goes */
  struct unstable_write *kept; /* in memory; NULL: it is not */
  struct fan fan;
};

/* What comes before and after a modification of the legs in op->legs; in: rq
 * repair and kept, which they free.  bad: legs on which it failed, as from
 * fan_out; those that are away are waited for.  Both return 0,
 * or -1 with errno; after -1 of write_begin there is nothing to end.  Both
 * block.  No lock is held.
 */
int write_begin (struct mirror *m, struct write_op *op);
int write_end (struct mirror *m, struct write_op *op, unsigned bad);

#endif /* NBDMIRROR_WRITE_H */
