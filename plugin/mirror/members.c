/* SPDX-License-Identifier: BSD-3-Clause */

/* Which legs are used, and how one leaves.
 *
 * A leg fails in the order of rule S5: under m->lock it leaves the writing
 * set and the log seeds its missed map with all marked regions and makes
 * its record stale (memory); failures is counted up, so from this moment no
 * write or flush is acknowledged; a log flush makes the record durable; then
 * failures_recorded catches up and the held acknowledgements go out.  The
 * thread that waits does the flush, so a failure costs no hand-over.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "recovery.h"

static void
fan_done (struct leg_io *io)
{
  struct fan *fan = io->opaque;

  if (atomic_fetch_sub (&fan->pending, 1) == 1)
    sem_post (&fan->done);
}

static void
fan_submit (struct mirror *m, struct fan *fan, unsigned slot,
            const struct request *rq)
{
  fan->io[slot] = (struct leg_io){
    .op = rq->op,
    .flags = rq->flags,
    .buf = rq->buf,
    .offset = rq->offset,
    .count = rq->count,
    .done = fan_done,
    .opaque = fan,
  };
  if (!dirty_log_valid (m->log)) {
    fan->unsent |= SLOT_BIT (slot);
    fan->io[slot].error = ESTALE;
    fan_done (&fan->io[slot]);
    return;
  }
  leg_submit (m->member[slot].leg, &fan->io[slot]);
}

unsigned
fan_out (struct mirror *m, struct fan *fan, unsigned legs,
         const struct request *rq)
{
  unsigned nbd = 0, bad = 0;

  FOR_EACH_SLOT (slot, legs)
    if (m->member[slot].leg->kind == LEG_NBD)
      nbd |= SLOT_BIT (slot);

  /* One more than there are legs: the last to leave posts, and if that is
   * this thread nobody needs to.
   */
  atomic_init (&fan->pending, (unsigned) __builtin_popcount (legs) + 1);
  sem_init (&fan->done, 0, 0);
  fan->unsent = 0;
  /* A local leg may do its I/O in this thread, so the others go first. */
  FOR_EACH_SLOT (slot, nbd)
    fan_submit (m, fan, slot, rq);
  FOR_EACH_SLOT (slot, legs & ~nbd)
    fan_submit (m, fan, slot, rq);
  if (atomic_fetch_sub (&fan->pending, 1) != 1)
    while (sem_wait (&fan->done) == -1 && errno == EINTR)
      ;
  sem_destroy (&fan->done);

  FOR_EACH_SLOT (slot, legs) {
    if (fan->io[slot].error)
      bad |= SLOT_BIT (slot);
    if (fan->io[slot].unsent)
      fan->unsent |= SLOT_BIT (slot);
  }
  return bad;
}

int
client_error (int err)
{
  switch (err) {
  case EPERM:
  case ENOMEM:
  case EINVAL:
  case ENOSPC:
  case EOPNOTSUPP:
  case ESHUTDOWN:
    return err;
  case EDQUOT:
    return ENOSPC;
  case EROFS:
    return EPERM;
  default:
    return EIO;
  }
}

void
members_use_locked (struct mirror *m, unsigned slots)
{
  FOR_EACH_SLOT (slot, slots)
    m->member[slot].users++;
}

void
members_unuse_locked (struct mirror *m, unsigned slots)
{
  FOR_EACH_SLOT (slot, slots)
    if (--m->member[slot].users == 0 && !(writing_set (m) & SLOT_BIT (slot)))
      pthread_cond_broadcast (&m->rejoin_wake);
}

void
worker_wake_locked (struct mirror *m)
{
  m->wake_worker = true;
  pthread_cond_broadcast (&m->cond);
}

static void
choose_primary (struct mirror *m)
{
  m->primary = (unsigned) __builtin_ctz (m->in_sync);
  dirty_log_set_primary (m->log, m->primary);
}

/* These are no sources any more.  One whose flush failed, or will fail, may
 * have read as it was before a write that it acknowledged, so what was copied
 * from it and not flushed proves nothing.
 */
static void
spoil_copies (struct mirror *m, unsigned sources)
{
  if (sources)
    resync_spoil_locked (m, 0, m->nr_regions);
}

bool
member_fail_locked (struct mirror *m, unsigned slot)
{
  unsigned bit = SLOT_BIT (slot);

  if (!(writing_set (m) & bit) || m->in_sync == bit)
    return false;
  spoil_copies (m, m->in_sync & bit);
  m->in_sync &= ~bit;
  m->resyncing &= ~bit;
  m->promoting &= ~bit; /* even if it is back before that ends */
  m->failed |= bit;
  dirty_log_leg_failed (m->log, slot);
  if (m->primary == slot)
    choose_primary (m);
  resync_drop_target_locked (m, slot);
  m->failures++;
  worker_wake_locked (m);
  pthread_cond_broadcast (&m->rejoin_wake);
  return true;
}

unsigned
members_fail_locked (struct mirror *m, unsigned slots)
{
  unsigned failed = 0;

  FOR_EACH_SLOT (slot, slots)
    if (member_fail_locked (m, slot))
      failed |= SLOT_BIT (slot);
  return failed;
}

void
members_report_failed (struct mirror *m, unsigned slots)
{
  char why[LEG_ERROR_SIZE];

  FOR_EACH_SLOT (slot, slots) {
    leg_last_error (m->member[slot].leg, why, sizeof why);
    msg_error ("leg %s: failed, the mirror goes on without it: %s",
               m->member[slot].name, why);
  }
}

void
members_miss_locked (struct mirror *m, uint64_t first, uint64_t nr)
{
  unsigned others = m->configured & ~SLOT_BIT (m->primary);

  FOR_EACH_SLOT (slot, others)
    dirty_log_set_region_sync (m->log, slot, first, nr, false);
  /* Who leaves the in-sync legs must not be chosen as the source by a crash
   * once somebody has read the primary, so this is recorded like a failure,
   * before the write gives up its range.  So are targets whose record as
   * in-sync is on its way.
   */
  if ((m->in_sync | m->promoting) & others) {
    m->failures++;
    worker_wake_locked (m);
  }
  spoil_copies (m, m->in_sync & others);
  resync_spoil_locked (m, first, nr);
  m->resyncing |= m->in_sync & others;
  m->in_sync &= ~others;
  resync_wake_locked (m);
}

void
record_failures_locked (struct mirror *m, uint64_t deadline)
{
  uint64_t known = m->failures;
  uint64_t retry;
  int r;

  pthread_mutex_unlock (&m->lock);
  r = dirty_log_flush (m->log, deadline);
  pthread_mutex_lock (&m->lock);
  if (r == 0) {
    if (m->failures_recorded < known)
      m->failures_recorded = known;
    pthread_cond_broadcast (&m->cond);
    return;
  }
  retry = now_ns () + RETRY_NS;
  if (m->failures_recorded < known)
    cond_wait_until (&m->cond, &m->lock, retry < deadline ? retry : deadline);
}

uint64_t
log_deadline (const struct mirror *m, uint64_t arrival)
{
  uint64_t deadline = arrival + m->config.log_timeout * NSEC_PER_SEC;
  uint64_t one_try = now_ns () + LAST_TRY_NS;

  return deadline > one_try ? deadline : one_try;
}

static bool
is_stopping (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->stopping;
}

/* False if there is no hope. */
static bool
lease_retry (struct mirror *m, uint64_t deadline)
{
  uint64_t now = now_ns ();
  uint64_t retry = now + RETRY_NS < deadline ? now + RETRY_NS : deadline;

  if (now >= deadline || is_stopping (m))
    return false;
  return dirty_log_wait_valid (m->log, retry) == 0 || errno == ETIMEDOUT;
}

static int
lease_wait (struct mirror *m, uint64_t deadline)
{
  while (!dirty_log_valid (m->log))
    if (!lease_retry (m, deadline)) {
      errno = EIO;
      return -1;
    }
  return 0;
}

static int
lease_wait_unlocked (struct mirror *m, uint64_t arrival)
{
  uint64_t deadline = log_deadline (m, arrival);
  int r;

  pthread_mutex_unlock (&m->lock);
  r = lease_wait (m, deadline);
  pthread_mutex_lock (&m->lock);
  return r;
}

int
lease_needed_locked (struct mirror *m, uint64_t arrival)
{
  return dirty_log_valid (m->log) ? 0 : lease_wait_unlocked (m, arrival);
}

/* With the lease again nobody else has used the legs meanwhile.  A leg that
 * got some of the request gets all of it: nobody else was let into its range.
 */
unsigned
fan_out_leased (struct mirror *m, struct fan *fan, unsigned legs,
                const struct request *rq, uint64_t deadline)
{
  unsigned bad = fan_out (m, fan, legs, rq);

  while (fan->unsent && lease_wait (m, deadline) == 0) {
    unsigned again = fan->unsent;

    bad = (bad & ~again) | fan_out (m, fan, again, rq);
    if (now_ns () >= deadline)
      break;
  }
  return bad;
}

int
request_enter_locked (struct mirror *m, uint64_t arrival)
{
  if (m->stopping) {
    errno = ESHUTDOWN;
    return -1;
  }
  m->active++;
  if (lease_needed_locked (m, arrival) == 0)
    return 0;
  request_leave_locked (m);
  errno = EIO;
  return -1;
}

void
request_leave_locked (struct mirror *m)
{
  if (--m->active == 0 && m->stopping)
    pthread_cond_broadcast (&m->cond);
}

static bool
is_over_locked (const struct mirror *m, uint64_t deadline)
{
  uint64_t now = now_ns ();

  return now >= deadline || (m->stopping && now >= m->stop_deadline);
}

static int
failures_wait_locked (struct mirror *m, uint64_t arrival)
{
  uint64_t deadline = log_deadline (m, arrival);

  while (m->failures_recorded < m->failures) {
    if (is_over_locked (m, deadline))
      return -1;
    record_failures_locked (m, deadline);
  }
  return 0;
}

int
acknowledge_locked (struct mirror *m, uint64_t arrival)
{
  for (;;) {
    if (m->failures_recorded < m->failures) {
      if (failures_wait_locked (m, arrival) == -1)
        return -1;
    }
    else if (dirty_log_valid (m->log))
      return 0;
    else if (lease_needed_locked (m, arrival) == -1)
      return -1;
  }
}

bool
member_may_write (struct leg *leg)
{
  struct member *member = leg->opaque;

  return dirty_log_valid (member->mirror->log);
}

void
member_on_lost (struct leg *leg)
{
  struct member *member = leg->opaque;
  struct mirror *m = member->mirror;
  bool failed;

  {
    CLEANUP_LOCK (&m->lock);
    /* Without a log there is no mirror any more. */
    failed = m->log && member_fail_locked (m, member->slot);
  }
  if (failed)
    members_report_failed (m, SLOT_BIT (member->slot));
}
