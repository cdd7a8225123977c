/* SPDX-License-Identifier: BSD-3-Clause */

/* Which regions are copied next.  m->lock is held for all of these. */

#ifndef NBDMIRROR_RESYNC_NEXT_H
#define NBDMIRROR_RESYNC_NEXT_H

#include <stdint.h>

#include "dirty-log.h"

struct mirror;
struct recovery;

/* Begin a run, which the caller ends (resync-end.h); NULL: there is nothing to copy
 * now.
 */
struct recovery *resync_next_run_locked (struct mirror *m);

/* Regions that the resyncing legs miss, summed over them. */
uint64_t resync_todo (const struct mirror *m, const struct log_status *ls);

#endif /* NBDMIRROR_RESYNC_NEXT_H */
