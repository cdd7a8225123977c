/* SPDX-License-Identifier: BSD-3-Clause */

/* The truth in memory that every type of log shares: maps, leg records,
 * generation, counters.  The changes and questions of dirty-log.h are
 * implemented here; what follows is for the types.
 */

#ifndef NBDMIRROR_LOG_CORE_H
#define NBDMIRROR_LOG_CORE_H

#include "backend.h"

/* Prepare a zeroed log.  0, or -1 with the error reported. */
int core_init (struct dirty_log *log, const struct dirty_log_ops *ops,
               const char *name);

/* Free what the log holds, but not the log itself. */
void core_destroy (struct dirty_log *log);

/* Make all maps anew, empty, for nr regions; or longer.  All memory that a
 * change may need later is reserved here (untouched pages cost nothing).
 * 0, or -1 with errno.
 */
int core_alloc_maps (struct dirty_log *log, uint64_t nr);
int core_grow_maps (struct dirty_log *log, uint64_t nr);

/* The map with a number of backend.h. */
struct bitset *core_map (struct dirty_log *log, unsigned map);

/* I1: the leg is not in-sync any more; new generation if it was.  Call with
 * log->lock held, or before anyone else knows the log.
 */
void core_leg_stale (struct dirty_log *log, unsigned slot);

/* Remember the outcome of a flush (err = 0 or an errno), report the first
 * failure of a series and the recovery from it.
 */
void core_flush_result (struct dirty_log *log, int err);

#endif /* NBDMIRROR_LOG_CORE_H */
