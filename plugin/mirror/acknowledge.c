/* SPDX-License-Identifier: BSD-3-Clause */

/* The thread that waits for the record of a failure does the log flush itself,
 * so a failure costs no hand-over; members.c has the order.
 */

#include "config.h"

#include <errno.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "hold.h"
#include "mirror-impl.h"
#include "suspend.h"

#define LAST_TRY_NS NSEC_PER_SEC /* of one that queued too long */

/* Who wakes up so much later than it wanted to stood still. */
#define STILL_NS (100 * NSEC_PER_MSEC)

static void
note_log_bad (struct mirror *m, uint64_t since)
{
  uint64_t good = 0;

  atomic_compare_exchange_strong (&m->log_bad_since, &good, since);
}

/* A log that this process did not listen to, because it was stopped, gets
 * another try.
 */
static int
flush_awake (struct mirror *m, uint64_t deadline)
{
  uint64_t begin = now_ns ();

  for (;;) {
    int r = dirty_log_flush (m->log, deadline);
    uint64_t now = now_ns ();

    if (r == 0 || errno != ETIMEDOUT || begin >= deadline ||
        now < deadline + STILL_NS)
      return r;
    begin = now;
    deadline = now + LAST_TRY_NS;
  }
}

int
log_flush (struct mirror *m, uint64_t deadline)
{
  uint64_t begin = now_ns ();
  int r = flush_awake (m, deadline);

  if (r == 0)
    atomic_store (&m->log_bad_since, 0);
  else
    note_log_bad (m, begin);
  return r;
}

void
record_failures_locked (struct mirror *m, uint64_t deadline)
{
  uint64_t known = m->failures;
  struct records_state state;
  uint64_t retry;
  int r;

  records_take_locked (m, 0, &state);
  pthread_mutex_unlock (&m->lock);
  r = log_flush (m, deadline);
  if (r == 0)
    r = records_write (m, &state, 0);
  pthread_mutex_lock (&m->lock);
  if (r == 0) {
    if (m->failures_recorded < known)
      m->failures_recorded = known;
    pthread_cond_broadcast (&m->cond);
    pthread_cond_broadcast (&m->rejoin_wake);
    return;
  }
  retry = now_ns () + RETRY_NS;
  if (m->failures_recorded < known)
    cond_wait_until (&m->cond, &m->lock, retry < deadline ? retry : deadline);
}

/* One who queued too long did so behind others, each of whom waited for the
 * log: what they have found out counts for it, too.
 */
static uint64_t
last_try (const struct mirror *m, uint64_t timeout)
{
  uint64_t one_try = now_ns () + LAST_TRY_NS;
  uint64_t bad = atomic_load (&m->log_bad_since);

  return bad && bad + timeout < one_try ? bad + timeout : one_try;
}

uint64_t
log_deadline (const struct mirror *m, uint64_t arrival)
{
  uint64_t timeout = m->config.log_timeout * NSEC_PER_SEC;
  uint64_t late = last_try (m, timeout);

  return arrival + timeout > late ? arrival + timeout : late;
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

/* Time in which this process stood still is no waiting. */
static void
leave_out_pause (uint64_t *looked, uint64_t *deadline)
{
  uint64_t now = now_ns ();

  if (now > *looked + RETRY_NS + STILL_NS)
    *deadline += now - *looked;
  *looked = now;
}

int
lease_wait (struct mirror *m, uint64_t deadline)
{
  uint64_t begin = now_ns (), looked = begin;

  while (!dirty_log_valid (m->log)) {
    if (!lease_retry (m, deadline)) {
      note_log_bad (m, begin);
      errno = EIO;
      return -1;
    }
    if (deadline > begin)
      leave_out_pause (&looked, &deadline);
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

int
request_check (const struct mirror *m, uint64_t offset, uint64_t count)
{
  if (!((offset | count) & (m->limits.min_block - 1)))
    return 0;
  errno = EINVAL;
  return -1;
}

int
request_enter_locked (struct mirror *m, uint64_t arrival)
{
  suspend_wait_locked (m);
  if (m->stopping) {
    errno = ESHUTDOWN;
    return -1;
  }
  m->active++;
  if (hold_wait_locked (m) == 0 && lease_needed_locked (m, arrival) == 0)
    return 0;
  request_leave_locked (m);
  errno = EIO;
  return -1;
}

void
request_leave_locked (struct mirror *m)
{
  if (--m->active == 0 && (m->stopping || m->suspended_until > 0))
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
    if (m->hold.legs) { /* its own record is one of those */
      if (hold_wait_locked (m) == -1)
        return -1;
      deadline = log_deadline (m, arrival);
    }
    else if (is_over_locked (m, deadline))
      return -1;
    else
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
