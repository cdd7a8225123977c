/* SPDX-License-Identifier: BSD-3-Clause */

/* Read repair (S16): what one leg could not read and another could is written
 * to the first one again, which makes a disk put it elsewhere.
 *
 * A repair is a write that goes to one leg and finds its data under its lock:
 *
 *   0. record another primary if that is the bad leg.  After a crash marked
 *      regions are copied from the primary, and missed by the leg that can be
 *      read;
 *   1. take the range against readers, writers and copies; mark (S1);
 *   2. flush the legs.  A leg whose cache lost a write reads as it was before
 *      it, and only a flush tells;
 *   3. read an in-sync leg.  What was read before step 1 may be older than
 *      what a client has written since;
 *   4. write it to the bad leg.  If that fails the leg has failed (S5), but
 *      for the last in-sync one.
 *
 * The sweep flushes and clears.  A repair that is cut short leaves what was
 * right, or what could not be read.
 *
 * It is done by the thread of the read when that has given up its range, and
 * before the answer, for with it the thread goes back to nbdkit.  The answer
 * is what was read, whatever becomes of the repair.
 *
 * A leg that needs many repairs is failing, and each costs a flush: it gets
 * REPAIRS_PER_HOUR.
 */

#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "fan.h"
#include "flush.h"
#include "member-state.h"
#include "mirror-impl.h"
#include "msg.h"
#include "repair.h"
#include "source.h"
#include "write.h"

#define HOUR_NS (3600 * NSEC_PER_SEC)

struct repair {
  struct mirror *m;
  unsigned slot;   /* of the leg to be repaired */
  unsigned bad;    /* legs that can't be read here */
  unsigned source; /* slot of the one that was */
  char *buf;       /* COPY_CHUNK bytes */
};

/* --- the budget --- */

/* Not within an hour of the last time, 0: never. */
static bool
hourly (uint64_t *last)
{
  uint64_t now = now_ns ();

  if (*last != 0 && now - *last < HOUR_NS)
    return false;
  *last = now;
  return true;
}

static bool
budget_take_locked (struct member *member)
{
  if (!hourly (&member->repair_began[member->next_repair]))
    return false;
  member->next_repair = (member->next_repair + 1) % REPAIRS_PER_HOUR;
  return true;
}

/* It is possible and allowed; leave then.  *used_up: it is not, and that is
 * news.
 */
static bool
enter (struct repair *rp, uint64_t arrival, bool *used_up)
{
  struct mirror *m = rp->m;
  struct member *member = &m->member[rp->slot];
  CLEANUP_LOCK (&m->lock);

  if (!(m->in_sync & SLOT_BIT (rp->slot)) || leg_is_lost (member->leg) ||
      source_next_locked (m, rp->bad) == -1)
    return false;
  if (budget_take_locked (member))
    return request_enter_locked (m, arrival) == 0;
  *used_up = hourly (&member->repairs_used_up);
  return false;
}

static void
leave (struct repair *rp)
{
  CLEANUP_LOCK (&rp->m->lock);
  request_leave_locked (rp->m);
}

/* --- the primary --- */

/* False if there is no leg for it. */
static bool
change_primary (struct repair *rp, bool *changed)
{
  struct mirror *m = rp->m;
  CLEANUP_LOCK (&m->lock);
  int slot = source_next_locked (m, rp->bad);

  *changed = slot != -1 && slot != (int) m->primary;
  if (*changed) {
    member_set_primary_locked (m, (unsigned) slot);
    dirty_log_set_primary (m->log, m->primary);
  }
  return slot != -1;
}

static bool
primary_can_be_read (struct repair *rp, uint64_t arrival)
{
  bool changed;

  return change_primary (rp, &changed) &&
         (!changed || log_flush (rp->m, log_deadline (rp->m, arrival)) == 0);
}

/* --- one chunk, its range is taken --- */

static bool
read_source (struct repair *rp, const struct request *rq)
{
  CLEANUP_LOCK (&rp->m->lock);
  int slot =
    source_read_locked (rp->m, &rp->bad, rq->buf, rq->offset, rq->count);

  rp->source = (unsigned) slot;
  return slot != -1;
}

/* With verify-reads=1 a leg may be bad because it is wrong. */
static bool
source_is_right (struct repair *rp, const struct request *rq)
{
  struct sums *sums = &rp->m->sums;

  return !atomic_load (&sums->on) || !sums->verify ||
         sums_check (sums, rq->buf, rq->offset, rq->count) != SUMS_WRONG;
}

static bool
still_in_sync (struct repair *rp)
{
  CLEANUP_LOCK (&rp->m->lock);
  return rp->m->in_sync & SLOT_BIT (rp->slot);
}

static bool
repair_chunk (struct repair *rp, const struct request *rq)
{
  struct write_op op = {.rq = rq, .repair = SLOT_BIT (rp->slot)};
  unsigned failed = 0;
  bool done;

  if (write_begin (rp->m, &op) == -1)
    return false;
  done = flush_legs (rp->m, 0) == 0 && read_source (rp, rq) &&
         source_is_right (rp, rq) && op.legs && still_in_sync (rp);
  if (done)
    failed = fan_out (rp->m, &op.fan, op.legs, rq);
  return write_end (rp->m, &op, failed) == 0 && done;
}

/* --- the whole --- */

static bool
repair_range (struct repair *rp, uint64_t offset, uint64_t count,
              uint64_t arrival)
{
  uint64_t n;

  for (; count > 0; offset += n, count -= n) {
    n = count < COPY_CHUNK ? count : COPY_CHUNK;
    if (!repair_chunk (rp, &(struct request){.op = LEG_WRITE,
                                             .buf = rp->buf,
                                             .offset = offset,
                                             .count = n,
                                             .arrival = arrival}))
      return false;
  }
  return true;
}

static void
repaired (struct repair *rp, uint64_t offset)
{
  struct mirror *m = rp->m;

  {
    CLEANUP_LOCK (&m->lock);
    m->member[rp->slot].read_repairs++;
  }
  msg_warning ("leg %s: read error at offset %" PRIu64 " repaired from leg %s",
               m->member[rp->slot].name, offset, m->member[rp->source].name);
}

static void
repair_leg (struct repair *rp, uint64_t offset, uint64_t count,
            uint64_t arrival)
{
  bool used_up = false;

  if (enter (rp, arrival, &used_up)) {
    if (primary_can_be_read (rp, arrival) &&
        repair_range (rp, offset, count, arrival))
      repaired (rp, offset);
    leave (rp);
  }
  else if (used_up)
    msg_warning ("leg %s: %d read errors in an hour: what it cannot read is "
                 "only read from other legs now",
                 rp->m->member[rp->slot].name, REPAIRS_PER_HOUR);
}

void
read_repair (struct mirror *m, unsigned bad, uint64_t offset, uint64_t count,
             uint64_t arrival)
{
  CLEANUP_FREE char *buf = aligned_alloc (4096, COPY_CHUNK);

  if (!buf)
    return; /* the next read of it tries again */
  FOR_EACH_SLOT (slot, bad) {
    struct repair rp = {.m = m, .slot = slot, .bad = bad, .buf = buf};

    repair_leg (&rp, offset, count, arrival);
  }
}
