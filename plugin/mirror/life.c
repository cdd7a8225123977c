/* SPDX-License-Identifier: BSD-3-Clause */

/* Start, stop, the worker thread. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "quarantine.h"
#include "rejoin.h"
#include "report.h"
#include "resync.h"
#include "sweep.h"
#include "thread.h"

#define TICK_NS NSEC_PER_SEC
#define MIN_SWEEP_GAP_NS (100 * NSEC_PER_MSEC)

/* At shutdown, beyond the deadline: what was waited for may end, then the log
 * may, then the last thread.  Closing the log and the legs takes the rest of
 * STOP_GRACE_NS.
 */
#define DRAIN_GRACE_NS (500 * NSEC_PER_MSEC)
#define LOG_GRACE_NS NSEC_PER_SEC
#define EXIT_GRACE_NS (1250 * NSEC_PER_MSEC)
#define LOOK_GAP_NS (500 * NSEC_PER_MSEC) /* at the legs */

/* --- the worker --- */

static void
worker_wait (struct mirror *m)
{
  uint64_t tick = now_ns () + TICK_NS;

  while (!m->worker_stop && !m->wake_worker)
    if (cond_wait_until (&m->cond, &m->lock, tick) == ETIMEDOUT)
      break;
  m->wake_worker = false;
}

/* A full hot set or a flood of copied regions must not make it spin. */
static void
worker_gap (struct mirror *m, uint64_t last_sweep)
{
  uint64_t until = last_sweep + MIN_SWEEP_GAP_NS;

  while (!m->worker_stop && now_ns () < until)
    cond_wait_until (&m->cond, &m->lock, until);
}

static uint64_t
failures_of (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->failures;
}

/* A leg that fails meanwhile costs a round. */
static void
last_sweeps (struct mirror *m, uint64_t deadline)
{
  uint64_t failures;

  do {
    failures = failures_of (m);
    sweep (m, true, deadline);
  } while (failures_of (m) != failures && now_ns () < deadline);
}

static void *
worker_thread (void *opaque)
{
  struct mirror *m = opaque;
  uint64_t last_sweep = 0, deadline;

  pthread_setname_np (pthread_self (), "mirror-worker");
  pthread_mutex_lock (&m->lock);
  while (!m->worker_stop) {
    worker_wait (m);
    if (m->failures_recorded < m->failures)
      record_failures_locked (m, now_ns () + RETRY_NS);
    worker_gap (m, last_sweep);
    pthread_mutex_unlock (&m->lock);
    last_sweep = now_ns ();
    deadline = last_sweep + m->config.log_timeout * NSEC_PER_SEC;
    sweep (m, false, deadline);
    if (quarantine_over (m))
      dirty_log_commit (m->log, deadline); /* else the next one does it */
    pthread_mutex_lock (&m->lock);
  }
  pthread_mutex_unlock (&m->lock);
  last_sweeps (m, m->last_deadline);
  {
    CLEANUP_LOCK (&m->lock);
    m->worker_exited = true;
    pthread_cond_broadcast (&m->cond);
  }
  return NULL;
}

/* --- start --- */

static void
asked_for_log (struct dirty_log *log)
{
  struct mirror *m = log->opaque;

  if (m->config.on_release && m->config.on_release ())
    msg_error ("log %s: another mirror asks for it: shutting down",
               m->config.log);
  else
    msg_error ("log %s: another mirror asks for it: refused, clients are "
               "connected",
               m->config.log);
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
  int err;

  m->log->on_release = asked_for_log;
  m->log->opaque = m;
  if (dirty_log_start (m->log) == -1 || start_legs (m) == -1)
    return -1;
  err = pthread_create (&m->worker, NULL, worker_thread, m);
  if (err != 0) {
    errno = err;
    msg_error ("cannot start the worker thread: %m");
    return -1;
  }
  m->worker_started = true;
  {
    CLEANUP_LOCK (&m->lock);
    quarantine_begin_locked (m);
  }
  return resync_start (m) == -1 || rejoin_start (m) == -1 ? -1 : 0;
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
worker_exited (struct mirror *m, uint64_t deadline)
{
  CLEANUP_LOCK (&m->lock);

  m->worker_stop = true;
  worker_wake_locked (m);
  while (!m->worker_exited && now_ns () < deadline)
    cond_wait_until (&m->cond, &m->lock, deadline);
  return m->worker_exited;
}

/* With the last sweep.  False if it still hangs at the deadline. */
static bool
stop_worker (struct mirror *m, uint64_t deadline)
{
  if (!m->worker_started) {
    last_sweeps (m, deadline);
    return true;
  }
  if (!worker_exited (m, deadline))
    return false;
  pthread_join (m->worker, NULL);
  m->worker_started = false;
  return true;
}

static bool
stop_all (struct mirror *m, uint64_t deadline, bool *rejoined)
{
  dirty_log_hurry (m->log, deadline);
  if (!drain (m, deadline + DRAIN_GRACE_NS))
    return false;
  *rejoined = rejoin_stop (m, deadline + DRAIN_GRACE_NS);
  dirty_log_hurry (m->log, deadline + LOG_GRACE_NS);
  return resync_stop (m, deadline + LOG_GRACE_NS) &&
         stop_worker (m, deadline + EXIT_GRACE_NS);
}

static void
close_log (struct mirror *m, uint64_t deadline)
{
  struct dirty_log *log = m->log;

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
  close_legs (m);
  return true;
}
