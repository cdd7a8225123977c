/* SPDX-License-Identifier: BSD-3-Clause */

/* One try to bring the last in-sync leg back:
 *
 *   1. connect it.  It stays ours meanwhile;
 *   2. it must be the same leg: its size; what it holds of witness.h; its own
 *      record and heartbeat, which must be the last ones that this mirror wrote.
 *      A leg that shows nothing of that may be any disk, and is not used;
 *   3. wait for the quarantine (S21): what was sent earlier and not answered may
 *      still land, and must do so before step 4;
 *   4. write everything again that is in memory, in order, writes that wait
 *      for an answer included; and flush;
 *   5. put our heartbeat on it, and go on.
 *
 * A loss at any step starts all of it again: nothing leaves the memory, and
 * nothing else is sent, before the flush of step 4 has succeeded.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "beat.h"
#include "cleanup.h"
#include "extent-map.h"
#include "hold-return.h"
#include "hold.h"
#include "mirror-impl.h"
#include "msg.h"
#include "records-return.h"
#include "unstable.h"
#include "witness.h"

/* --- is it the same leg --- */

static bool
has_its_size (struct member *member)
{
  const struct hold *h = &member->mirror->hold;
  struct leg *leg = member->leg;

  if (leg->size == h->leg_size && leg->min_block == h->leg_min_block)
    return true;
  leg_report (leg,
              "has %" PRIu64 " bytes in blocks of %" PRIu32
              " now, and had %" PRIu64 " in blocks of %" PRIu32,
              leg->size, leg->min_block, h->leg_size, h->leg_min_block);
  return false;
}

static bool
is_proven (struct member *member)
{
  struct leg *leg = member->leg;
  int answer = witness_check (member->mirror, leg);

  if (answer == -1)
    leg_report (leg, "read: %m");
  else if (answer == WITNESS_OTHER)
    leg_report (leg, "does not hold what it had flushed: it is another disk, "
                     "or an older state of it");
  else if (!records_same (member) || !beat_is_ours (member))
    ; /* reported */
  else if (answer == WITNESS_NONE && !records_has (member))
    leg_report (leg, "nothing shows that it is the disk that it was");
  else
    return true;
  return false;
}

/* --- the quarantine --- */

/* False if it is in vain. */
static bool
wait_quarantine (struct member *member)
{
  struct mirror *m = member->mirror;
  uint64_t until = now_ns () + m->quarantine_ns;
  CLEANUP_LOCK (&m->lock);

  while (now_ns () < until && !m->hold.given_up &&
         !atomic_load (&member->leg->lost))
    cond_wait_until (&m->rejoin_wake, &m->lock, until);
  return !m->hold.given_up && !atomic_load (&member->leg->lost);
}

/* --- writing again --- */

#define BATCH 32

/* Requests under way together; no two of them overlap. */
struct batch {
  struct leg *leg;
  size_t nr;
  struct leg_io io[BATCH];
  atomic_uint pending;
  sem_t done;
};

static void
io_done (struct leg_io *io)
{
  struct batch *b = io->opaque;

  if (atomic_fetch_sub (&b->pending, 1) == 1)
    sem_post (&b->done);
}

/* One more is pending than there are requests, as in fan_out. */
static int
batch_wait (struct batch *b)
{
  int err = 0;

  if (atomic_fetch_sub (&b->pending, 1) != 1)
    while (sem_wait (&b->done) == -1 && errno == EINTR)
      ;
  for (size_t i = 0; i < b->nr; ++i)
    if (b->io[i].error != 0)
      err = b->io[i].error;
  b->nr = 0;
  atomic_store (&b->pending, 1);
  errno = err;
  return err ? -1 : 0;
}

static bool
overlaps (const struct batch *b, const struct unstable_write *w)
{
  for (size_t i = 0; i < b->nr; ++i)
    if (b->io[i].offset < w->offset + w->count &&
        w->offset < b->io[i].offset + b->io[i].count)
      return true;
  return false;
}

static int
batch_add (struct batch *b, struct unstable_write *w)
{
  struct leg_io *io;

  if ((b->nr == BATCH || overlaps (b, w)) && batch_wait (b) == -1)
    return -1;
  io = &b->io[b->nr++];
  *io = (struct leg_io){
    .op = w->op,
    .flags = w->flags & ~LEG_FUA, /* the flush makes all of it durable */
    .buf = w->op == LEG_WRITE ? w->data : NULL,
    .offset = w->offset,
    .count = w->count,
    .done = io_done,
    .opaque = b,
  };
  atomic_fetch_add (&b->pending, 1);
  leg_submit (b->leg, io);
  return 0;
}

/* While the mirror holds nothing is sent, so the list does not grow, and
 * nothing is flushed, so it does not shrink.
 */
static struct unstable_write *
first_write (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->unstable.first;
}

static int
write_all (struct member *member, uint64_t *bytes)
{
  struct batch b = {.leg = member->leg};
  struct unstable_write *w = first_write (member->mirror);
  int err = 0;

  atomic_init (&b.pending, 1);
  sem_init (&b.done, 0, 0);
  for (; w && err == 0; w = w->next) {
    err = batch_add (&b, w) == -1 ? errno : 0;
    *bytes += w->op == LEG_WRITE ? w->count : 0;
  }
  if (batch_wait (&b) == -1)
    err = errno;
  sem_destroy (&b.done);
  errno = err;
  return err ? -1 : 0;
}

static bool
replay (struct member *member, uint64_t *bytes)
{
  if (write_all (member, bytes) == -1) {
    leg_report (member->leg, "write again: %m");
    return false;
  }
  return leg_settle (member->leg) == 0;
}

/* --- the end --- */

/* False if it was lost again meanwhile.  The memory stays as it is: resync
 * targets have not been flushed, so the worker does that.
 */
static bool
go_on (struct member *member, uint64_t *held_ns)
{
  struct mirror *m = member->mirror;
  CLEANUP_LOCK (&m->lock);

  if (atomic_load (&member->leg->lost) || m->hold.given_up)
    return false;
  *held_ns = now_ns () - m->hold.since_ns;
  extent_map_forget (&m->resync.extents, member->slot);
  m->unstable.flush_requested = true;
  hold_end_locked (m);
  return true;
}

bool
hold_return (struct member *member)
{
  uint64_t bytes = 0, held_ns;

  if (leg_reconnect (member->leg) == -1)
    return false;
  if (!has_its_size (member) || !is_proven (member) ||
      !wait_quarantine (member) || !beat_is_ours (member) ||
      !replay (member, &bytes)) {
    leg_quiesce (member->leg);
    return false;
  }
  beat_claim (member);
  if (!go_on (member, &held_ns)) {
    leg_quiesce (member->leg);
    return false;
  }
  msg_note ("leg %s: is back after %.1f s, %" PRIu64
             " bytes were written to it again: the mirror goes on",
             member->name, (double) held_ns / NSEC_PER_SEC, bytes);
  return true;
}
