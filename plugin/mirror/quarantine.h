/* SPDX-License-Identifier: BSD-3-Clause */

/* What waits because a write may still land (S21). */

#ifndef NBDMIRROR_QUARANTINE_H
#define NBDMIRROR_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "bitset.h"
#include "dirty-log.h"
#include "leg-kind.h"

struct member;
struct mirror;

/* Before the start clears the marks: keep what is marked after an unclean
 * end; the caller frees it.  And when it is done.  -1 with the error reported.
 */
int quarantine_marked (struct dirty_log *log, struct bitset *marked);
int quarantine_init (struct mirror *m, const struct bitset *marked);

/* The legs are connected: count from now on.  m->lock is held. */
void quarantine_begin_locked (struct mirror *m);

/* A resync target is connected now: copies to it wait, if they must, and the
 * first one for a flush of the legs.  m->lock is held.
 */
void quarantine_member_locked (struct member *member);

/* Before a write to these regions.  -1 with errno ESHUTDOWN.  m->lock is
 * held, and given up while waiting.
 */
int quarantine_wait_locked (struct mirror *m, uint64_t first, uint64_t nr);

/* True once, when it has ended and marks were cleared, in memory, that the
 * start had kept.  Flushes the legs before: blocks.  No lock is held.
 */
bool quarantine_over (struct mirror *m);

/* The mirror ends.  The log must not be called clean if it ends too early. */
void quarantine_end (struct mirror *m);

#endif /* NBDMIRROR_QUARANTINE_H */
