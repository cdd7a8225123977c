/* SPDX-License-Identifier: BSD-3-Clause */

/* Blocks that every in-sync leg holds on its medium, and what is in them: a leg
 * that was away and does not hold them is another disk, or an older state of
 * it.  One that holds them all is the leg.
 *
 * A block is a witness when a flush has succeeded that began after its write
 * had ended, until it is written again.  Zeroes are none: every new disk has
 * them.
 */

#ifndef NBDMIRROR_WITNESS_H
#define NBDMIRROR_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#define WITNESS_SIZE 4096
#define NR_WITNESSES 64 /* at most; a block has its place by its number */

struct leg;
struct mirror;
struct unstable_write;

/* Protected by m->lock.  Each has the place that its number says. */
struct witnesses {
  uint64_t block[NR_WITNESSES]; /* its number, NO_WITNESS: there is none */
  const struct unstable_write *next[NR_WITNESSES]; /* will be, once flushed */
  char data[NR_WITNESSES][WITNESS_SIZE];
};
#define NO_WITNESS UINT64_MAX

/* NULL if there is no memory. */
struct witnesses *witnesses_new (void);

/* Read some blocks of a leg that is in-sync and was flushed, before anything is
 * written.  What can't be read is no witness.  Blocks; no lock is held.
 */
void witness_begin (struct mirror *m, struct leg *leg);

/* A write begins; w says what of, or is NULL.  m->lock is held. */
void witness_written_locked (struct mirror *m, uint64_t offset, uint64_t count,
                             const struct unstable_write *w);

/* It was flushed, or is forgotten: w may be freed then.  m->lock is held. */
void witness_flushed_locked (struct mirror *m, const struct unstable_write *w);
void witness_forget_locked (struct mirror *m, const struct unstable_write *w);

enum witness_answer {
  WITNESS_NONE, /* there is none: nothing is known */
  WITNESS_SAME, /* the leg holds all of them */
  WITNESS_OTHER,
};

/* Look at a leg to which nobody writes.  -1 with errno if it can't be read.
 * Blocks; no lock is held.
 */
int witness_check (struct mirror *m, struct leg *leg);

#endif /* NBDMIRROR_WITNESS_H */
