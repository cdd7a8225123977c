/* SPDX-License-Identifier: BSD-3-Clause */

/* Start and stop. */

#include "config.h"

#include <errno.h>

#include "cleanup.h"
#include "hold.h"
#include "log-life.h"
#include "members.h"
#include "mirror-impl.h"
#include "mirror-worker.h"
#include "msg.h"
#include "place.h"
#include "quarantine.h"
#include "rejoin.h"
#include "report.h"
#include "resync.h"
#include "scrub.h"
#include "sums-open.h"
#include "thread.h"
#include "watch.h"
#include "witness.h"

/* At shutdown, beyond the deadline: what was waited for may end, then the log
 * may, then the last thread.  Closing the log and the legs takes the rest of
 * STOP_GRACE_NS.
 */
#define DRAIN_GRACE_NS (500 * NSEC_PER_MSEC)
#define LOG_GRACE_NS (1750 * NSEC_PER_MSEC)
#define EXIT_GRACE_NS (2000 * NSEC_PER_MSEC)
#define LOOK_GAP_NS (500 * NSEC_PER_MSEC) /* at the legs */

/* --- start --- */

static void
asked_for_log (void *opaque)
{
  struct mirror *m = opaque;

  if (m->config.on_release && m->config.on_release ())
    msg_note ("log %s: another mirror asks for it: shutting down",
              log_spec (m));
  else if (m->config.drain > 0)
    msg_note ("log %s: another mirror asks for it, and gets it if the clients "
              "leave within %u seconds",
              log_spec (m), m->config.drain);
  else
    msg_note ("log %s: another mirror asks for it: refused, clients are "
              "connected",
              log_spec (m));
}

/* Connect again after the fork.  Who can't be reached now has failed, like
 * any leg that goes away while the mirror runs.
 */
static int
start_legs (struct mirror *m)
{
  unsigned legs = writing_set (m);

  FOR_EACH_SLOT (slot, legs) {
    bool failed;

    if (leg_start (m->member[slot].leg) == 0)
      continue;
    {
      CLEANUP_LOCK (&m->lock);
      failed = member_fail_locked (m, slot);
    }
    if (!failed) {
      msg_error ("leg %s: no other leg is in-sync", m->member[slot].name);
      return -1;
    }
    members_report_failed (m, SLOT_BIT (slot));
  }
  return 0;
}

int
mirror_start (struct mirror *m)
{
  dirty_log_on_release (m->log, asked_for_log, m);
  if (dirty_log_start (m->log) == -1 || sums_begin (&m->sums, m->log) == -1 ||
      start_legs (m) == -1 || records_start (m) == -1 ||
      beats_start (m) == -1 || mirror_worker_start (m) == -1)
    return -1;
  if (atomic_load (&m->unstable.on))
    witness_begin (m, m->member[m->primary].leg);
  {
    CLEANUP_LOCK (&m->lock);
    quarantine_begin_locked (m);
  }
  return resync_start (m) == -1 || rejoin_start (m) == -1 ||
             watch_start (m) == -1 || scrub_start (m) == -1
           ? -1
           : 0;
}

/* --- stop --- */

static unsigned
legs_in_flight (struct mirror *m)
{
  unsigned busy = 0;

  FOR_EACH_SLOT (slot, m->configured) {
    struct leg *leg = m->member[slot].leg;

    if (leg && atomic_load (&leg->in_flight) > 0)
      busy |= SLOT_BIT (slot);
  }
  return busy;
}

/* Their requests end in an error now, the failure is recorded, and what was
 * written stays marked.  Only a local leg that hangs in the kernel can't be
 * shaken off.
 */
static void
lose_legs (struct mirror *m, unsigned slots)
{
  FOR_EACH_SLOT (slot, slots)
    leg_lose (m->member[slot].leg, ETIMEDOUT, "no answer before the shutdown");
}

/* From the deadline on a leg that is busy at two looks is not waited for;
 * requests, copies and sweeps that it held up may then ask the next one.
 */
static void *
hurry_thread (void *opaque)
{
  struct mirror *m = opaque;
  unsigned busy = 0, before;
  uint64_t next;

  pthread_mutex_lock (&m->lock);
  next = m->stop_deadline - LOOK_GAP_NS;
  while (!m->stopped) {
    if (cond_wait_until (&m->cond, &m->lock, next) != ETIMEDOUT)
      continue;
    pthread_mutex_unlock (&m->lock);
    before = busy;
    busy = legs_in_flight (m);
    lose_legs (m, before & busy);
    pthread_mutex_lock (&m->lock);
    next = now_ns () + LOOK_GAP_NS;
  }
  pthread_mutex_unlock (&m->lock);
  return NULL;
}

static void
begin_stop (struct mirror *m, uint64_t deadline)
{
  CLEANUP_LOCK (&m->lock);

  m->stopping = true;
  m->stopped = false;
  m->stop_deadline = deadline;
  m->last_deadline = deadline + LOG_GRACE_NS;
  pthread_cond_broadcast (&m->cond);
}

static void
end_stop (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);

  m->stopped = true;
  pthread_cond_broadcast (&m->cond);
}

/* False if requests are still under way at the deadline. */
static bool
drain (struct mirror *m, uint64_t deadline)
{
  CLEANUP_LOCK (&m->lock);

  while (m->active > 0 && now_ns () < deadline)
    cond_wait_until (&m->cond, &m->lock, deadline);
  return m->active == 0;
}

static bool
stop_all (struct mirror *m, uint64_t deadline, bool *rejoined)
{
  dirty_log_hurry (m->log, deadline);
  if (!drain (m, deadline + DRAIN_GRACE_NS))
    return false;
  hold_stop (m, deadline);
  *rejoined = rejoin_stop (m, deadline + DRAIN_GRACE_NS);
  dirty_log_hurry (m->log, deadline + LOG_GRACE_NS);
  return scrub_stop (m, deadline + LOG_GRACE_NS) &&
         resync_stop (m, deadline + LOG_GRACE_NS) &&
         beats_stop (m, deadline + LOG_GRACE_NS) &&
         mirror_worker_stop (m, deadline + EXIT_GRACE_NS);
}

static void
close_log (struct mirror *m, uint64_t deadline)
{
  struct dirty_log *log = m->log;

  sums_close (&m->sums, log);
  {
    CLEANUP_LOCK (&m->lock);
    m->log = NULL;
  }
  dirty_log_close (log, deadline);
}

static void
close_legs (struct mirror *m)
{
  FOR_EACH_SLOT (slot, m->configured)
    if (m->member[slot].leg)
      leg_close (m->member[slot].leg);
}

bool
mirror_stop (struct mirror *m, uint64_t deadline)
{
  pthread_t hurry;
  bool hurried, ended, rejoined;

  begin_stop (m, deadline);
  hurried = thread_start (&hurry, "mirror-hurry", hurry_thread, m) == 0;
  ended = stop_all (m, deadline, &rejoined);
  end_stop (m);
  watch_stop (m);
  if (hurried)
    pthread_join (hurry, NULL);
  if (!ended) {
    msg_error ("requests are still under way: the log is left as it is");
    return false;
  }
  quarantine_end (m);
  close_log (m, deadline + LOG_GRACE_NS);
  if (!rejoined)
    return false;
  place_report_end (m);
  close_legs (m);
  return true;
}
