/* SPDX-License-Identifier: BSD-3-Clause */

/* Flush (S8): all legs of the writing set at once; a leg whose flush fails has
 * failed, but for the last in-sync one (S6).
 */

#include "config.h"

#include <errno.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "fan.h"
#include "flush.h"
#include "members.h"
#include "mirror-impl.h"
#include "rate.h"
#include "report.h"

/* Flush every leg of the writing set.  -1: the last one could not, and is
 * kept, or there is no lease.
 */
static int
flush_all (struct mirror *m, struct fan *fan, uint64_t deadline,
           unsigned *failed, unsigned *kept)
{
  const struct request rq = {.op = LEG_FLUSH};
  unsigned legs, bad;
  uint64_t seq;

  pthread_mutex_lock (&m->lock);
  seq = m->seq;
  legs = writing_set (m);
  members_use_locked (m, legs);
  pthread_mutex_unlock (&m->lock);

  bad = fan_out_leased (m, fan, legs, &rq, deadline);

  CLEANUP_LOCK (&m->lock);
  members_unuse_locked (m, legs);
  if (bad)
    *failed = members_fail_locked (m, bad & ~fan->unsent);
  *kept = m->in_sync & bad & ~fan->unsent;
  if (*kept || fan->unsent)
    return -1;
  if (seq > m->flushed_seq)
    m->flushed_seq = seq;
  return 0;
}

int
flush_legs (struct mirror *m, uint64_t deadline)
{
  struct fan fan;
  unsigned failed = 0, kept = 0;
  int r = flush_all (m, &fan, deadline, &failed, &kept);

  members_report_failed (m, failed);
  members_report_kept (m, kept, LEG_FLUSH);
  if (r == -1)
    errno = EIO;
  return r;
}

int
mirror_flush (struct mirror *m)
{
  uint64_t arrival = rate_client (&m->rate);
  int r = 0;

  {
    CLEANUP_LOCK (&m->lock);
    if (request_enter_locked (m, arrival) == -1)
      return -1;
  }
  r = flush_legs (m, log_deadline (m, arrival));

  CLEANUP_LOCK (&m->lock);
  if (acknowledge_locked (m, arrival) == -1)
    r = -1;
  request_leave_locked (m);
  if (r == -1)
    errno = EIO;
  return r;
}
