/* SPDX-License-Identifier: BSD-3-Clause */

/* The write path.  Write, zero and trim are one thing with another leg
 * operation:
 *
 *   write_begin  make its regions hot; take the range (S13); mark the regions;
 *                if a mark is new, flush the log (S1, S2); choose the legs in
 *                the section that makes the regions dirty
 *   fan_out      all legs in parallel; the lease of the log is checked
 *                before each send, and waited for if it is over (S19)
 *   write_end    legs that failed while another in-sync leg did it are
 *                failed (S5); if none did it the client gets the error and
 *                no leg fails (S6); no acknowledgement before all failures
 *                are recorded (S4); only then is the range given up, so
 *                nobody sees data that might still be taken back (S12)
 *
 * What is sent is kept in memory before (unstable.h), and while the last in-sync
 * leg is away (hold.h) nothing is sent, and what was sent to it has no outcome.
 *
 * A write to a dirty region never touches the log.  A read repair (repair.c)
 * is a write that goes to one leg.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "fan.h"
#include "hold.h"
#include "holes.h"
#include "hot-limit.h"
#include "members.h"
#include "mirror-impl.h"
#include "quarantine.h"
#include "range.h"
#include "regions.h"
#include "report.h"
#include "unstable-room.h"
#include "unstable.h"
#include "write.h"

static_assert (PIECE_REGIONS <= MIN_HOT_REGIONS / 2, "a piece may never fit");

/* True if a mark is not durable yet. */
static bool
regions_mark (struct mirror *m, const struct write_op *op)
{
  bool new_marks = false;

  for (uint64_t i = 0; i < op->nr; ++i)
    if (!hot_find (&m->hot, op->first + i)->dirty) {
      /* Also when another write has queued it: a flush that began after
       * our mark is what S2 asks for, and marking twice costs nothing.
       */
      dirty_log_mark (m->log, op->first + i);
      holes_marked_locked (m, op->first + i, 1);
      new_marks = true;
    }
  return new_marks;
}

static void
regions_leave (struct mirror *m, struct write_op *op, uint64_t now)
{
  m->seq++;
  for (uint64_t i = 0; i < op->nr; ++i) {
    struct hot *h = hot_find (&m->hot, op->first + i);

    h->pending--;
    h->last_seq = m->seq;
    h->last_time = now;
  }
}

static void
write_leave (struct mirror *m, struct write_op *op, uint64_t now)
{
  regions_leave (m, op, now);
  range_unlock (&m->ranges, &op->range);
  request_leave_locked (m);
}

/* Flush the log until it succeeds or the request's time is up. */
static int
marks_flush (struct mirror *m, struct write_op *op)
{
  uint64_t deadline = log_deadline (m, op->rq->arrival);

  for (;;) {
    uint64_t retry;

    if (log_flush (m, deadline) == 0)
      return 0;
    retry = now_ns () + RETRY_NS;
    if (retry >= deadline)
      return -1;
    CLEANUP_LOCK (&m->lock);
    if (m->stopping)
      return -1;
    cond_wait_until (&m->cond, &m->lock, retry);
  }
}

/* Rule S2: one section makes the regions dirty and chooses the legs. */
static void
regions_dirty (struct mirror *m, struct write_op *op)
{
  for (uint64_t i = 0; i < op->nr; ++i)
    hot_find (&m->hot, op->first + i)->dirty = true;
  op->legs = op->repair ? op->repair & m->in_sync : writing_set (m);
  members_use_locked (m, op->legs);
  unstable_begin_locked (m, op->rq, op->kept);
}

/* It was not sent.  Keeps errno. */
static void
free_kept (struct mirror *m, struct write_op *op)
{
  int err = errno;

  unstable_free (m, op->kept);
  op->kept = NULL;
  errno = err;
}

/* Readers of the range need not wait for the quarantine, or for a place in the
 * hot set or in memory, so that comes first.  -1 with errno.
 */
static int
write_enter_locked (struct mirror *m, struct write_op *op)
{
  const struct request *rq = op->rq;

  regions_of (rq->offset, rq->count, m->region_shift, &op->first, &op->nr);
  if (request_enter_locked (m, rq->arrival) == -1)
    return -1;
  if (quarantine_wait_locked (m, op->first, op->nr) == -1 ||
      unstable_room_locked (m, op->kept, rq->arrival) == -1) {
    request_leave_locked (m);
    return -1;
  }
  if (hot_enter_locked (m, op->first, op->nr, rq->arrival) == -1) {
    unstable_leave_place_locked (m, op->kept);
    request_leave_locked (m);
    return -1;
  }
  range_lock (&m->ranges, &op->range, rq->offset, rq->count, false, &m->lock);
  return 0;
}

int
write_begin (struct mirror *m, struct write_op *op)
{
  int r = 0;

  pthread_mutex_lock (&m->lock);
  if (write_enter_locked (m, op) == -1) {
    pthread_mutex_unlock (&m->lock);
    free_kept (m, op);
    return -1;
  }
  if (regions_mark (m, op)) {
    pthread_mutex_unlock (&m->lock);
    r = marks_flush (m, op);
    pthread_mutex_lock (&m->lock);
  }
  if (r == 0)
    r = hold_wait_locked (m);
  if (r == 0)
    regions_dirty (m, op);
  else {
    unstable_leave_place_locked (m, op->kept);
    write_leave (m, op, now_ns ());
  }
  pthread_mutex_unlock (&m->lock);
  if (r == -1) {
    free_kept (m, op);
    errno = EIO;
  }
  return r;
}

/* The client's error when no in-sync leg did it: the primary's, since its
 * content is what counts from now on.
 */
static int
first_error (const struct mirror *m, const struct write_op *op)
{
  unsigned slots = op->legs;

  /* Of a leg that was not sent it there is no answer to look at. */
  if ((slots & SLOT_BIT (m->primary)) && op->fan.io[m->primary].error)
    return client_error (op->fan.io[m->primary].error);
  FOR_EACH_SLOT (slot, slots)
    if (op->fan.io[slot].error)
      return client_error (op->fan.io[slot].error);
  return EIO;
}

/* What became of the write: 0 or an errno; *failed: legs that fail by it. */
static int
write_outcome (struct mirror *m, struct write_op *op, unsigned bad,
               unsigned *failed)
{
  unsigned unsent = op->fan.unsent;

  if (op->repair) { /* nobody misses anything by it */
    *failed |= members_fail_locked (m, bad & ~unsent);
    return EIO;
  }
  if (!unsent && (op->legs & ~bad & m->in_sync)) {
    *failed |= members_fail_locked (m, bad);
    return 0;
  }
  members_miss_locked (m, op->first, op->nr);
  /* It is there, or is not; what is away may get it later, after all. */
  if (!m->hold.legs) {
    unstable_failed_locked (m, op->kept);
    op->kept = NULL;
  }
  return first_error (m, op);
}

/* Legs have failed, or can't be given up.  m->lock is held, and given up
 * meanwhile.
 */
static void
report_locked (struct mirror *m, unsigned failed, unsigned kept,
               enum leg_op op)
{
  if (!(failed | kept))
    return;
  pthread_mutex_unlock (&m->lock);
  members_report_failed (m, failed);
  members_report_kept (m, kept, op);
  pthread_mutex_lock (&m->lock);
}

/* "last" of the bad legs is the last in-sync one, and was away: wait until it is
 * back and has the write.  Returns those that are bad still.  m->lock is held,
 * and given up while waiting.
 */
static unsigned
wait_for_last (struct mirror *m, struct write_op *op, unsigned bad,
               unsigned last)
{
  if (!last || op->repair || hold_wait_locked (m) == -1)
    return bad;
  op->fan.unsent &= ~last;
  return bad & ~last;
}

int
write_end (struct mirror *m, struct write_op *op, unsigned bad)
{
  uint64_t now = now_ns (); /* of the end of the I/O */
  unsigned failed, last, kept;
  int err = 0;

  pthread_mutex_lock (&m->lock);
  members_unuse_locked (m, op->legs);
  failed = members_lost_locked (m, bad);
  last = bad & m->hold.legs;
  report_locked (m, failed, 0, op->rq->op);
  bad = wait_for_last (m, op, bad, last);
  failed = 0;
  if (bad)
    err = write_outcome (m, op, bad, &failed);
  kept = err && !op->repair ? bad & ~op->fan.unsent & m->in_sync : 0;
  report_locked (m, failed, kept, op->rq->op);
  /* If the record can't be stored this ends in EIO with equal data on all
   * in-sync legs and the regions in the failed leg's map, as S12 wants it.
   */
  if (acknowledge_locked (m, op->rq->arrival) == -1 && !err)
    err = EIO;
  write_leave (m, op, now);
  unstable_end_locked (m, op->kept, m->seq);
  pthread_mutex_unlock (&m->lock);

  errno = err;
  return err ? -1 : 0;
}
