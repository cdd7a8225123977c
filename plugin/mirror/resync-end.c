/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "bad-regions.h"
#include "copy.h"
#include "mirror-impl.h"
#include "msg.h"
#include "resync-end.h"

#define FIRST_STALL_NS NSEC_PER_SEC
#define MAX_STALL_NS (30 * NSEC_PER_SEC)
#define MAX_BAD_IN_ROW 32 /* then the targets stall */

/* --- m->lock is held --- */

static void
stall_member (struct member *member)
{
  uint64_t now = now_ns ();
  uint64_t ns = FIRST_STALL_NS << (member->stalls < 5 ? member->stalls : 5);

  if (member->stalled_until > now)
    return; /* several copies failed together */
  member->stalls++;
  member->stalled_until = now + (ns < MAX_STALL_NS ? ns : MAX_STALL_NS);
}

static void
stall (struct copier *c, unsigned targets)
{
  FOR_EACH_SLOT (slot, targets) {
    struct member *member = &c->m->member[slot];

    stall_member (member);
    if (!member->stall_reported)
      c->to_report |= SLOT_BIT (slot);
    member->stall_reported = true;
  }
}

/* The region that could not be read is not in the run any more, and still
 * handed out.  A source that is lost reads nothing: that is not the region's
 * fault.
 */
static void
leave_bad_region (struct copier *c)
{
  struct mirror *m = c->m;
  struct bad_regions *bad = &m->resync.bad;
  uint64_t region = c->source_bad >> m->region_shift;
  enum bad_news news = BAD_FULL;

  if (!leg_is_lost (m->member[c->source].leg))
    news = bad_regions_add (bad, region, c->source_bad_legs, now_ns ());
  c->name_bad = news == BAD_NEW;
  if (news == BAD_FULL)
    dirty_log_put_resync_work (m->log, region, 1);
  if (news == BAD_FULL || bad->in_row >= MAX_BAD_IN_ROW)
    stall (c, c->rec->targets);
}

static void
unlink_running (struct mirror *m, struct recovery *rec)
{
  struct recovery **p = &m->resync.running;

  while (*p != rec)
    p = &(*p)->next;
  *p = rec->next;
}

void
resync_end_run_locked (struct copier *c)
{
  struct mirror *m = c->m;
  struct resync *rs = &m->resync;
  struct recovery *rec = c->rec;

  unlink_running (m, rec);
  if (--rs->busy == 0 && m->suspended_until > 0)
    pthread_cond_broadcast (&m->cond);
  if (c->source_error)
    leave_bad_region (c);
  stall (c, c->unflushed ? rec->targets : c->bad);
  rec->targets &= ~c->bad;
  if (rec->targets == 0 || rec->nr == 0) {
    dirty_log_put_resync_work (m->log, rec->first, rec->nr);
    free (rec);
  }
  else {
    FOR_EACH_SLOT (slot, rec->targets)
      m->member[slot].stalls = 0;
    bad_regions_read (&rs->bad, rec->first, rec->nr);
    rec->next = rs->copied;
    rs->copied = rec;
    rs->copied_regions += rec->nr;
  }
}

/* --- no lock is held --- */

/* Once for each target, however often it is tried until it is in-sync. */
static void
report_stalled (struct copier *c)
{
  char why[LEG_ERROR_SIZE];

  FOR_EACH_SLOT (slot, c->to_report & c->bad) {
    leg_last_error (c->m->member[slot].leg, why, sizeof why);
    msg_warning ("leg %s: resync stalled, will be tried again: %s",
                 c->m->member[slot].name, why);
  }
  if (c->source_error || c->unflushed) {
    leg_last_error (c->m->member[c->source].leg, why, sizeof why);
    msg_warning ("leg %s: resync source: %s", c->m->member[c->source].name,
                 why);
  }
}

static void
report_bad (struct copier *c)
{
  errno = c->source_error;
  msg_error ("leg %s: resync: read at offset %" PRIu64
             ": %m: the region stays missed, and is tried again later",
             c->m->member[c->source].name, c->source_bad);
}

void
resync_report (struct copier *c)
{
  if (c->to_report)
    report_stalled (c);
  if (c->name_bad)
    report_bad (c);
}
