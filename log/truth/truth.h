/* SPDX-License-Identifier: BSD-3-Clause */

/* The truth in memory that every type of log shares: maps, leg records,
 * generation, counters.  The changes and questions of dirty-log.h are
 * implemented here; what follows is for the types.
 */

#ifndef NBDMIRROR_LOG_TRUTH_H
#define NBDMIRROR_LOG_TRUTH_H

#include "backend.h"
#include "cleanup.h"

/* The log that counts now (log-move.c). */
static inline struct dirty_log *
truth_current (const struct dirty_log *log)
{
  struct dirty_log *next, *current = (struct dirty_log *) log;

  while ((next = atomic_load (&current->successor)))
    current = next;
  return current;
}

/* The same with its lock held; returns that. */
static inline pthread_mutex_t *
truth_lock (struct dirty_log **log)
{
  for (;;) {
    struct dirty_log *current = *log, *next;

    pthread_mutex_lock (&current->lock);
    next = atomic_load (&current->successor);
    if (!next)
      return &current->lock;
    pthread_mutex_unlock (&current->lock);
    *log = next;
  }
}

/* From here to the end of the enclosing braces "log" is the one that counts now,
 * and its lock is held.
 */
#define CLEANUP_LOCK_LOG(log) \
  __attribute__ ((cleanup (cleanup_unlock))) pthread_mutex_t *scope_lock = \
    truth_lock (&(log)); \
  (void) scope_lock

/* Prepare a zeroed log.  0, or -1 with the error reported. */
int truth_init (struct dirty_log *log, const struct dirty_log_ops *ops,
                const char *name);

/* Free what the log holds, but not the log itself. */
void truth_destroy (struct dirty_log *log);

/* Make all maps anew, empty, for nr regions; or longer.  All memory that a
 * change may need later is reserved here (untouched pages cost nothing).
 * 0, or -1 with errno.
 */
int truth_alloc_maps (struct dirty_log *log, uint64_t nr);
int truth_grow_maps (struct dirty_log *log, uint64_t nr);

/* The name of this machine, in printable characters (rule (6) of
 * disk-format.h).
 */
void truth_get_host (char host[LOG_HOST_SIZE]);

/* The map with a number of dirty-log.h. */
struct bitset *truth_map (struct dirty_log *log, unsigned map);

/* What the legs in 'slots' miss together, in one word of their maps. */
uint64_t truth_missed_word (const struct dirty_log *log, unsigned slots,
                            uint64_t word);

/* The leg misses these, which may be none, and is stale.  log->lock is held. */
void truth_miss (struct dirty_log *log, unsigned slot, uint64_t first,
                 uint64_t nr);

/* I1: the leg is not in-sync any more; new generation if it was.  Call with
 * log->lock held, or before anyone else knows the log.
 */
void truth_leg_stale (struct dirty_log *log, unsigned slot);

/* Marks are about to be cleared; log->lock is held. */
void truth_note_cleared (struct dirty_log *log, uint64_t first, uint64_t nr);

/* Remember the outcome of a flush (0 or an errno); log->lock is held.
 * Returns true if the outcome is to be reported, without a lock: the first
 * failure of a series, or the recovery from it.
 */
bool truth_note_result (struct dirty_log *log, int err);
void truth_report_result (struct dirty_log *log, int err);

/* The last error, and when.  log->lock is held. */
void truth_keep_error (struct dirty_log *log, const char *text);

/* Take over the numbers of cycles and callers; log->lock is held. */
struct group_commit;
void truth_count_cycles (struct dirty_log *log, const struct group_commit *g);

#endif /* NBDMIRROR_LOG_TRUTH_H */
