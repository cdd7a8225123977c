/* SPDX-License-Identifier: BSD-3-Clause */

/* What a leg's server may lose although it has answered: the writes that were
 * sent to the in-sync legs and are not flushed yet.  Where all of these legs are
 * NBD legs, and hold-timeout= is not 0, they are kept in memory, so that they
 * can be written again when the last in-sync leg was away (hold.h); as NFS
 * clients keep unstable writes.
 *
 * A write is kept from before it is sent until a flush of all in-sync legs has
 * succeeded that began after it had ended.  The list is in the order in which
 * the legs were chosen, which for those that overlap is the order in which they
 * have their range (S13).  FUA writes are kept, too: an older one that is
 * written again must not be the last one.
 *
 * What could not be kept (no memory, too large, a repair, not wanted at that
 * time), or what failed and so is there or is not, makes the memory incomplete
 * until such a flush.
 *
 * Memory is bounded; unstable-room.h waits for it.
 */

#ifndef NBDMIRROR_UNSTABLE_H
#define NBDMIRROR_UNSTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leg.h"
#include "unstable-memory.h"

#define UNSTABLE_BYTES (UINT64_C (64) << 20)

struct mirror;
struct request;
struct room_waiter;

struct unstable_write {
  /* Read-only. */
  char *data;  /* of a WRITE: what is written */
  size_t room; /* for it */
  enum leg_op op;
  unsigned flags;
  uint64_t offset, count;

  /* Protected by m->lock. */
  struct unstable_write *next, *prev; /* in the list */
  uint64_t ended;                     /* its m->seq; 0: it is under way */
};

struct unstable {
  atomic_bool on; /* what begins now is kept */
  struct unstable_memory memory;

  /* Protected by m->lock. */
  uint64_t max_bytes;
  uint64_t bytes; /* of those in the list, and of those that have a place */
  struct unstable_write *first, *last;
  unsigned unkept;           /* under way, and not in the list */
  uint64_t unkept_seq;       /* m->seq of the last one of those that ended */
  bool broken;               /* the legs can't be flushed any more */
  bool flush_requested;      /* by who fears that there is no room soon */
  struct room_waiter *queue; /* unstable-room.h */
};

/* Whether to keep: the sets of legs have changed.  m->lock is held. */
void unstable_choose_locked (struct mirror *m);

/* What is to be sent, without its data yet, or NULL: it is not kept.  No lock is
 * needed.
 */
struct unstable_write *unstable_new (struct mirror *m,
                                     const struct request *rq);

/* Copy the data.  It is before it is sent, and while those who would write it
 * again wait for the legs that are used.  No lock is needed.
 */
void unstable_fill (struct unstable_write *w, const struct request *rq);

/* There is a place for it: take it, give it back.  NULL needs none.  m->lock is
 * held.
 */
bool unstable_take_place_locked (struct mirror *m,
                                 const struct unstable_write *w);
void unstable_leave_place_locked (struct mirror *m,
                                  const struct unstable_write *w);

/* The write is sent from now on; w has a place, and belongs to the list.  NULL:
 * it is not kept.  And it has ended, with this m->seq.  m->lock is held.
 */
void unstable_begin_locked (struct mirror *m, const struct request *rq,
                            struct unstable_write *w);
void unstable_end_locked (struct mirror *m, struct unstable_write *w,
                          uint64_t seq);

/* It has failed, and is not under way any more: w is freed, and counts as one
 * that was not kept; end it with NULL.  m->lock is held.
 */
void unstable_failed_locked (struct mirror *m, struct unstable_write *w);

/* Those that ended up to this m->seq are on the media of all in-sync legs.
 * Returns a list to be freed without the lock.  m->lock is held.
 */
struct unstable_write *unstable_flushed_locked (struct mirror *m,
                                                uint64_t seq);

/* The legs can't be flushed: what they have lost nobody knows.  As above. */
struct unstable_write *unstable_broken_locked (struct mirror *m);

/* They can be flushed again, and what they have lost is accepted.  m->lock is
 * held.
 */
void unstable_mended_locked (struct mirror *m);

/* m->lock may be held, or not. */
void unstable_free (struct mirror *m, struct unstable_write *list);

/* All that any in-sync leg may lose is in the list.  m->lock is held. */
bool unstable_complete_locked (const struct mirror *m);

#endif /* NBDMIRROR_UNSTABLE_H */
