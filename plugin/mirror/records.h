/* SPDX-License-Identifier: BSD-3-Clause */

/* The legs' own records: what each leg knows of the mirror when the log is
 * lost.  All legs that are written get the same one, in a cycle, in the order
 * that a crash anywhere leaves less trust:
 *
 *   a leg leaves     log flushed, records, acknowledgements (S4, S5)
 *   a leg joins      records, log committed, announced (S18, promote.h)
 *   start            log as planned, records (not clean), served
 *   end              last sweep, records (clean), beats (unused), log closed
 *
 * What a cycle writes is taken down under m->lock before the log is written, so
 * who has left the records has left the log before.  A cycle that comes late, when a newer
 * one has been written, is dropped.
 *
 * Locks: records.lock, held over a cycle's I/O, then m->lock.
 */

#ifndef NBDMIRROR_RECORDS_H
#define NBDMIRROR_RECORDS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"
#include "record-area.h"
#include "record-format.h"

struct member;
struct mirror;

/* A state of the mirror that goes into a cycle. */
struct records_state {
  uint64_t number; /* later ones have higher ones */
  uint64_t generation;
  unsigned slots; /* whose legs are written */
  unsigned configured, in_sync, primary;
  bool clean;
};

struct records {
  /* Read-only once the mirror is started. */
  bool on;
  struct leg_record common; /* what all records say */

  atomic_uint_fast64_t generation; /* that is durable, in the log and here */
  pthread_mutex_t lock;
  /* Protected by it, once the mirror is started. */
  uint8_t id[LOG_MAX_LEGS][RECORD_ID_SIZE]; /* of the legs; zero: none */
  uint64_t sequence;                        /* of the last cycle */
  struct record_had
    had[LOG_MAX_LEGS];       /* what the legs have for certain, or had
                                        * when they were in use last */
  struct records_state last; /* what its legs have; slots: whose */
  /* Of a leg that is in use, or that its rejoiner looks at.  fd, path and
   * trailer are read-only while it is in use.
   */
  struct record_area area[LOG_MAX_LEGS];

  /* Protected by m->lock. */
  uint64_t states; /* taken down so far */
};

/* Take down the state, with "joining" as in-sync.  m->lock is held. */
void records_take_locked (struct mirror *m, unsigned joining,
                          struct records_state *state);

/* A cycle: 0 when that state, or a newer one, is durable on all its legs, or
 * those that lack it have failed, for which there will be a newer one.  -1 with
 * errno if the last in-sync leg can't be written, or (ESTALE) if a newer one has
 * been written, in which nobody was joining.  Blocks, no lock is held.
 */
int records_write (struct mirror *m, const struct records_state *state,
                   unsigned joining);

/* Take down the state, flush the log, write: 0, or -1 with errno.  For a leg
 * that has no record yet.  Blocks, no lock is held.
 */
int records_renew (struct mirror *m, uint64_t deadline);

/* After the fork, with all legs started: the first cycle.  -1 with the error
 * reported.  Blocks.
 */
int records_start (struct mirror *m);

/* At the end, the log still open: if all legs hold the same, say so.  Blocks. */
void records_close (struct mirror *m);

#endif /* NBDMIRROR_RECORDS_H */
