/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "report.h"

#define KEPT_GAP_NS (60 * NSEC_PER_SEC)

int
client_error (int err)
{
  switch (err) {
  case EPERM:
  case ENOMEM:
  case EINVAL:
  case ENOSPC:
  case ESHUTDOWN:
    return err;
  case EDQUOT:
  case EFBIG:
    return ENOSPC;
  case EROFS:
    return EPERM;
  default:
    return EIO;
  }
}

/* Some leg has all data and can be asked. */
static bool
is_served (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);

  FOR_EACH_SLOT (slot, m->in_sync)
    if (!atomic_load (&m->member[slot].leg->lost))
      return true;
  return false;
}

void
members_report_failed (struct mirror *m, unsigned slots)
{
  char why[LEG_ERROR_SIZE];

  FOR_EACH_SLOT (slot, slots) {
    leg_last_error (m->member[slot].leg, why, sizeof why);
    msg_error (is_served (m)
                 ? "leg %s: failed, the mirror goes on without it: %s"
                 : "leg %s: failed, and no leg is left that has all data: %s",
               m->member[slot].name, why);
  }
}

/* Of one that is lost everything has been said. */
static bool
kept_is_news (struct mirror *m, unsigned slot, enum leg_op op)
{
  struct member *member = &m->member[slot];
  uint64_t now = now_ns ();
  CLEANUP_LOCK (&m->lock);

  if (!(m->in_sync & SLOT_BIT (slot)) || atomic_load (&member->leg->lost) ||
      (member->kept_said[op] && now < member->kept_said[op] + KEPT_GAP_NS))
    return false;
  member->kept_said[op] = now;
  return true;
}

void
members_report_kept (struct mirror *m, unsigned slots, enum leg_op op)
{
  char why[LEG_ERROR_SIZE];

  FOR_EACH_SLOT (slot, slots) {
    if (!kept_is_news (m, slot, op))
      continue;
    leg_last_error (m->member[slot].leg, why, sizeof why);
    msg_error ("leg %s: %s; no other leg could do it, so clients get the "
               "error, and the leg stays in use",
               m->member[slot].name, why);
  }
}
