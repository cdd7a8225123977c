/* SPDX-License-Identifier: BSD-3-Clause */

/* The state of a resync: runs of regions that are being copied, or were
 * copied and wait for the sweep.  resync.c chooses and ends them, copy.c
 * copies, sweep.c makes them durable; this is what everybody else may tell
 * them.
 */

#ifndef NBDMIRROR_RECOVERY_H
#define NBDMIRROR_RECOVERY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bad-regions.h"
#include "extent-map.h"

#define RESYNC_THREADS 4
#define RESYNC_WANTED 16

struct mirror;

/* One run of regions being copied, or copied and not yet flushed. */
struct recovery {
  uint64_t first, nr; /* regions */
  unsigned targets;   /* those that still count on it */
  bool spoiled;       /* a failed write made a target miss some of it again */
  struct recovery *next;
};

struct resync {
  pthread_t thread[RESYNC_THREADS];
  unsigned nr_threads;
  pthread_cond_t wake;

  /* Protected by m->lock. */
  bool stop;
  bool paused;     /* by an operator */
  unsigned busy;   /* threads that copy */
  unsigned exited; /* threads that have ended */
  uint64_t cursor; /* next region to look at */
  uint64_t
    wanted[RESYNC_WANTED]; /* regions to be copied first, in that order */
  unsigned nr_wanted;
  struct extent_map extents; /* what legs hold (holes.h) */
  struct bad_regions bad;    /* that no in-sync leg can read */
  bool only_bad;             /* nothing else is left to copy */
  struct recovery *running;  /* being copied */
  struct recovery *copied;   /* wait for the sweep */
  uint64_t copied_regions;   /* in that list */
  struct recovery *sweeping; /* taken by the sweep, not yet raised */
  uint64_t total_regions;    /* resync_todo when this round began */
  uint64_t copied_bytes, skipped_bytes;
  uint64_t begin_ns, begin_bytes; /* for the rate shown */
};

/* m->lock is held for all of these. */

/* There may be something to copy, or copiers are to stop. */
void resync_wake_locked (struct mirror *m);

/* A client reads there.  Where a resyncing leg misses it, it is copied before all
 * others: what clients use is on one leg less.  A hint; it is forgotten when there
 * are many.
 */
void resync_want_locked (struct mirror *m, uint64_t offset, uint64_t count);

/* What was copied of these regions proves nothing any more: it is copied
 * again.
 */
void resync_spoil_locked (struct mirror *m, uint64_t first, uint64_t nr);

/* The leg has failed: what was copied to it does not count. */
void resync_drop_target_locked (struct mirror *m, unsigned slot);

#endif /* NBDMIRROR_RECOVERY_H */
