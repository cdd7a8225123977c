/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "cleanup.h"
#include "mirror-impl.h"
#include "suspend.h"

uint64_t
suspend_left_locked (const struct mirror *m)
{
  uint64_t now;

  if (m->suspended_until == 0 || m->stopping)
    return 0;
  now = now_ns ();
  return now < m->suspended_until ? m->suspended_until - now : 0;
}

bool
suspended_locked (const struct mirror *m)
{
  return suspend_left_locked (m) > 0;
}

void
suspend_wait_locked (struct mirror *m)
{
  while (suspended_locked (m))
    cond_wait_until (&m->cond, &m->lock, m->suspended_until);
}

bool
suspend_is_still_locked (const struct mirror *m)
{
  return suspended_locked (m) && m->active == 0 && m->resync.busy == 0;
}

bool
suspend_begin (struct mirror *m, unsigned seconds)
{
  CLEANUP_LOCK (&m->lock);

  m->suspended_until = now_ns () + seconds * NSEC_PER_SEC;
  while (suspended_locked (m) && !suspend_is_still_locked (m) &&
         !m->orders_end)
    cond_wait_until (&m->cond, &m->lock, m->suspended_until);
  return suspend_is_still_locked (m);
}

bool
suspend_end (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  bool was = suspended_locked (m);

  m->suspended_until = 0;
  pthread_cond_broadcast (&m->cond);
  resync_wake_locked (m);
  return was;
}
