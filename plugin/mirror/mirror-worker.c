/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>

#include "acknowledge.h"
#include "beat.h"
#include "cleanup.h"
#include "hold.h"
#include "mirror-impl.h"
#include "mirror-worker.h"
#include "msg.h"
#include "quarantine.h"
#include "sweep.h"
#include "thread.h"
#include "unstable-room.h"

#define TICK_NS NSEC_PER_SEC
#define MIN_SWEEP_GAP_NS (100 * NSEC_PER_MSEC)
#define FULL_SWEEP_GAP_NS (5 * NSEC_PER_MSEC) /* a write waits for a place */

static void
worker_wait (struct mirror *m)
{
  uint64_t tick = now_ns () + TICK_NS;

  while (!m->worker_stop && !m->wake_worker)
    if (cond_wait_until (&m->cond, &m->lock, tick) == ETIMEDOUT)
      break;
  m->wake_worker = false;
}

static uint64_t
sweep_gap (const struct mirror *m)
{
  return m->hot_queue ? FULL_SWEEP_GAP_NS : MIN_SWEEP_GAP_NS;
}

/* A full hot set or a flood of copied regions must not make it spin. */
static void
worker_gap (struct mirror *m, uint64_t last_sweep)
{
  while (!m->worker_stop && now_ns () < last_sweep + sweep_gap (m))
    cond_wait_until (&m->cond, &m->lock, last_sweep + sweep_gap (m));
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

/* Requests that come late rely on it: see that the log works again. */
static void
try_log_locked (struct mirror *m)
{
  if (m->failures_recorded < m->failures)
    record_failures_locked (m, now_ns () + RETRY_NS);
  else if (atomic_load (&m->log_bad_since)) {
    pthread_mutex_unlock (&m->lock);
    log_flush (m, now_ns () + RETRY_NS);
    pthread_mutex_lock (&m->lock);
  }
}

static void *
worker_thread (void *opaque)
{
  struct mirror *m = opaque;
  uint64_t last_sweep = 0, deadline;

  pthread_mutex_lock (&m->lock);
  while (!m->worker_stop) {
    worker_wait (m);
    try_log_locked (m);
    worker_gap (m, last_sweep);
    pthread_mutex_unlock (&m->lock);
    last_sweep = now_ns ();
    deadline = last_sweep + m->config.log_timeout * NSEC_PER_SEC;
    sweep (m, false, deadline);
    unstable_flush_if_asked (m);
    hold_report (m);
    if (quarantine_over (m))
      dirty_log_commit (m->log, deadline); /* else the next one does it */
    pthread_mutex_lock (&m->lock);
  }
  pthread_mutex_unlock (&m->lock);
  last_sweeps (m, m->last_deadline);
  quarantine_over (m);
  records_close (m);
  beats_close (m);
  {
    CLEANUP_LOCK (&m->lock);
    m->worker_exited = true;
    pthread_cond_broadcast (&m->cond);
  }
  return NULL;
}

int
mirror_worker_start (struct mirror *m)
{
  if (thread_start (&m->worker, "mirror-worker", worker_thread, m) == -1) {
    msg_error ("cannot start the worker thread: %m");
    return -1;
  }
  m->worker_started = true;
  return 0;
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

bool
mirror_worker_stop (struct mirror *m, uint64_t deadline)
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
