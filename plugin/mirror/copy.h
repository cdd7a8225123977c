/* SPDX-License-Identifier: BSD-3-Clause */

/* Copying one run of regions: between resync.c, which chooses it, and
 *
 *   copy-run.c   how long it is
 *   copy.c       its chunks
 *   thin-copy.c  a chunk: what each target gets of it
 *   copy-send.c  sending that
 */

#ifndef NBDMIRROR_COPY_H
#define NBDMIRROR_COPY_H

#include "mirror-impl.h"
#include "recovery.h"

/* A copier at work. */
struct copier {
  struct mirror *m;
  struct recovery *rec;
  unsigned source;     /* of the chunk at hand */
  unsigned held;       /* mask of it: it is in use; or 0 */
  uint64_t begin, end; /* bytes of the run */
  char *buf;           /* COPY_CHUNK bytes */
  uint64_t moved;      /* bytes of I/O for the chunk at hand */
  unsigned bad;        /* targets that failed */
  unsigned unread;     /* legs that could not read the chunk, another could */
  int source_error;    /* not 0: no leg could read a chunk: why not */
  uint64_t source_bad; /* then: where that is */
  unsigned source_bad_legs;
  bool unflushed;     /* nothing was copied: the source can't be flushed */
  unsigned to_report; /* targets that stall for the first time */
  bool name_bad;      /* what could not be read is to be reported */
  bool no_lease;      /* something could not be sent (S19) */
  bool no_source;     /* it is away (hold.h), and will be back */
};

/* Copy the run c->rec, which may become longer (zeroes) or be cut short
 * (failure, stop).  In: m, rec, buf, and the source is taken; the outcome is in bad,
 * source_error and rec.  Blocks; no lock is held.
 */
void copy_run (struct copier *c);

/* Use this leg as the source, and the one before no more; give it back.  False,
 * and no_source is set, if it is away.  m->lock is held.
 */
bool copy_source_locked (struct copier *c, unsigned source);
void copy_no_source_locked (struct copier *c);

#endif /* NBDMIRROR_COPY_H */
