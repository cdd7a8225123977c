/* SPDX-License-Identifier: BSD-3-Clause */

/* Sending what a copier has for the targets.  What fails is noted in c->bad,
 * what could not be sent in c->no_lease; what was sent is counted.
 */

#ifndef NBDMIRROR_COPY_SEND_H
#define NBDMIRROR_COPY_SEND_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "fan.h"
#include "leg.h"

struct copier;

/* Targets of the run that have not failed. */
unsigned copy_targets (struct copier *c);

/* Bytes that all targets together need not be sent. */
void copy_count_skipped (struct copier *c, uint64_t bytes);

/* The same to all these targets.  Blocks; no lock is held. */
void copy_send (struct copier *c, unsigned targets, const struct request *rq);

#define COPY_BATCH 32

/* Requests under way together.  Lives on the caller's stack. */
struct copy_batch {
  struct copier *c;
  size_t nr;
  struct leg_io io[COPY_BATCH];
  unsigned slot[COPY_BATCH];
  atomic_uint pending;
  sem_t done;
};

/* begin, any number of add, end.  add waits for all before it when there is
 * no room, end for all.  They block; no lock is held.
 */
void copy_batch_begin (struct copy_batch *b, struct copier *c);
void copy_batch_add (struct copy_batch *b, unsigned slot,
                     const struct request *rq);
void copy_batch_end (struct copy_batch *b);

#endif /* NBDMIRROR_COPY_SEND_H */
