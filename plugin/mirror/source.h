/* SPDX-License-Identifier: BSD-3-Clause */

/* Asking legs, one after the other, until one answers: for reads, copies and
 * repairs.
 */

#ifndef NBDMIRROR_SOURCE_H
#define NBDMIRROR_SOURCE_H

#include <stdint.h>

#include "leg.h"

struct mirror;

/* A question.  Set m, next and ask, and tried to legs that are not asked. */
struct source {
  struct mirror *m;
  unsigned tried; /* at the end: and those that could not answer */

  /* The slot to ask next, none of those tried; -1 with errno if there is none.
   * m->lock is held, and may be given up meanwhile.
   */
  int (*next) (struct source *src);

  /* 0, or -1 with errno.  The leg is in use; no lock is held. */
  int (*ask) (struct source *src, struct leg *leg);

  int error; /* why the last one could not; 0: none was asked */
};

/* The slot of the first leg that answers; or -1 with errno of next.  Blocks;
 * m->lock is held, and given up while legs are asked.
 */
int source_ask_locked (struct source *src);

/* The in-sync leg that is read if nothing speaks for another: the primary, or
 * the first that was not tried; -1 if there is none.  m->lock is held.
 */
int source_next_locked (const struct mirror *m, unsigned tried);

/* Read from an in-sync leg that is not in *tried; those that could not be read
 * are added to it.  The slot, or -1 with errno.  Blocks; m->lock is held, and
 * given up meanwhile.
 */
int source_read_locked (struct mirror *m, unsigned *tried, void *buf,
                        uint64_t offset, uint64_t count);

#endif /* NBDMIRROR_SOURCE_H */
