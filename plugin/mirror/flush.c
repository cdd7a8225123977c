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
#include "hold.h"
#include "members.h"
#include "mirror-impl.h"
#include "rate.h"
#include "report.h"
#include "unstable.h"

struct flush {
  struct fan fan;
  uint64_t seq; /* of the mirror, when it began */
  unsigned legs, failed;
  unsigned kept; /* it could not, and is the last one */
  struct unstable_write *flushed;
};

/* Every leg of the writing set.  False while the last in-sync one is away. */
static bool
flush_begin (struct mirror *m, struct flush *f)
{
  CLEANUP_LOCK (&m->lock);

  f->seq = m->seq;
  f->legs = writing_set (m);
  if (m->hold.legs)
    return false;
  members_use_locked (m, f->legs);
  return true;
}

/* The in-sync legs did it, or have failed. */
static int
flush_end (struct mirror *m, struct flush *f, unsigned bad)
{
  unsigned unsent = f->fan.unsent;
  CLEANUP_LOCK (&m->lock);

  members_unuse_locked (m, f->legs);
  f->failed = members_lost_locked (m, bad);
  f->failed |= members_fail_locked (m, bad & ~unsent);
  if (m->hold.legs || unsent)
    return -1;
  f->kept = m->in_sync & bad; /* the last one */
  if (f->kept) {
    f->flushed = unstable_broken_locked (m);
    return -1;
  }
  if (f->seq > m->flushed_seq)
    m->flushed_seq = f->seq;
  f->flushed = unstable_flushed_locked (m, m->flushed_seq);
  return 0;
}

int
flush_legs (struct mirror *m, uint64_t arrival)
{
  const struct request rq = {.op = LEG_FLUSH, .arrival = arrival};
  struct flush f = {.failed = 0};
  int r = -1;

  if (flush_begin (m, &f))
    r = flush_end (m, &f, fan_out_leased (m, &f.fan, f.legs, &rq));
  unstable_free (m, f.flushed);
  members_report_failed (m, f.failed);
  members_report_kept (m, f.kept, LEG_FLUSH);
  if (r == -1)
    errno = EIO;
  return r;
}

/* The last in-sync leg may be away meanwhile; then its flush is of no use. */
static int
flush_lasting (struct mirror *m, uint64_t arrival)
{
  struct hold_tries tries = {0};

  for (;;) {
    {
      CLEANUP_LOCK (&m->lock);
      tries.ended = m->hold.ended;
    }
    if (flush_legs (m, arrival) == 0)
      return 0;
    CLEANUP_LOCK (&m->lock);
    if (!hold_again_locked (m, &tries))
      return -1;
  }
}

static int
flush_for_client (struct mirror *m, uint64_t arrival)
{
  int r;

  {
    CLEANUP_LOCK (&m->lock);
    if (request_enter_locked (m, arrival) == -1)
      return -1;
  }
  r = flush_lasting (m, arrival);

  CLEANUP_LOCK (&m->lock);
  if (acknowledge_locked (m, arrival) == -1)
    r = -1;
  request_leave_locked (m);
  if (r == -1)
    errno = EIO;
  return r;
}

int
mirror_flush (struct mirror *m)
{
  uint64_t arrival = rate_client_begin (&m->rate);
  int r = flush_for_client (m, arrival), err = errno;

  rate_client_end (m, CLIENT_FLUSH, arrival);
  errno = err;
  return r;
}
