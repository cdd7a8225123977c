/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

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
