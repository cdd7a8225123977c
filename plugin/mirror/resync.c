/* SPDX-License-Identifier: BSD-3-Clause */

/* Resync: which regions are copied when, and what becomes of them; copy.c
 * does the copying.
 *
 * Thread model: RESYNC_THREADS copiers, each with one run of regions at a
 * time.  The missed maps are the only position: what is not yet done is
 * still in them, so a restart goes on where this process ended.
 *
 * A run that was copied stays in the missed maps until the sweep has flushed
 * the target.  If meanwhile a write ended in an error the run is spoiled, and
 * if the target failed it no longer counts.  A spoiled run waits for the sweep,
 * too: the target may call a hole what the copy left in its cache.
 *
 * A target that refuses copies stalls: it gets none for a while.  What no
 * in-sync leg can read holds up nobody: that region is left out for a while
 * (bad-regions.h).  Only if very much cannot be read do the targets stall.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "bad-regions.h"
#include "cleanup.h"
#include "copy-run.h"
#include "copy.h"
#include "flush.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "recovery.h"
#include "resync.h"
#include "suspend.h"
#include "thread.h"

#define SWEEP_BYTES (UINT64_C (1) << 30) /* copied before a sweep is due */
#define FIRST_STALL_NS NSEC_PER_SEC
#define MAX_STALL_NS (30 * NSEC_PER_SEC)
#define MAX_BAD_IN_ROW 32 /* then the targets stall */

/* --- choosing work; m->lock is held --- */

static unsigned
ready_targets (const struct mirror *m, uint64_t now)
{
  unsigned ready = 0;

  FOR_EACH_SLOT (slot, m->resyncing)
    if (m->member[slot].stalled_until <= now)
      ready |= SLOT_BIT (slot);
  return ready;
}

static unsigned
targets_of (struct mirror *m, unsigned ready, uint64_t first, uint64_t nr)
{
  unsigned targets = 0;

  FOR_EACH_SLOT (slot, ready)
    if (!dirty_log_in_sync (m->log, slot, first, nr))
      targets |= SLOT_BIT (slot);
  return targets;
}

uint64_t
resync_todo (const struct mirror *m, const struct log_status *ls)
{
  uint64_t todo = 0;

  FOR_EACH_SLOT (slot, m->resyncing)
    todo += ls->missed[slot];
  return todo;
}

static void
begin_round (struct mirror *m)
{
  struct resync *rs = &m->resync;
  struct log_status ls;

  if (rs->busy > 0 || rs->copied)
    return;
  dirty_log_status (m->log, &ls);
  rs->begin_ns = now_ns ();
  rs->begin_bytes = rs->copied_bytes + rs->skipped_bytes;
  rs->total_regions = resync_todo (m, &ls);
}

/* Bad regions that are to be tried again are work again. */
static void
give_back_bad (struct mirror *m, uint64_t now)
{
  uint64_t region;

  while (bad_regions_due (&m->resync.bad, m->in_sync, now, &region))
    dirty_log_put_resync_work (m->log, region, 1);
}

static bool
get_work (struct mirror *m, unsigned ready, uint64_t *first, uint64_t *nr)
{
  struct resync *rs = &m->resync;
  bool any =
    dirty_log_get_resync_work (m->log, ready, rs->cursor, 1, first, nr) ||
    dirty_log_get_resync_work (m->log, ready, 0, 1, first, nr);

  rs->only_bad = !any && rs->busy == 0 && rs->bad.nr_waiting > 0;
  return any;
}

static struct recovery *
next_work (struct mirror *m)
{
  struct resync *rs = &m->resync;
  uint64_t now = now_ns ();
  unsigned ready = ready_targets (m, now);
  struct recovery *rec;
  uint64_t first, nr;

  give_back_bad (m, now);
  if (rs->stop || rs->paused || !ready || m->hold.legs ||
      suspended_locked (m) || !dirty_log_valid (m->log))
    return NULL;
  if (!get_work (m, ready, &first, &nr))
    return NULL;
  rec = calloc (1, sizeof *rec);
  if (!rec) {
    dirty_log_put_resync_work (m->log, first, nr);
    return NULL;
  }
  begin_round (m);
  rec->first = first;
  rec->nr = nr;
  rec->targets = targets_of (m, ready, first, nr);
  rec->next = rs->running;
  rs->running = rec;
  rs->cursor = first + nr;
  rs->busy++;
  return rec;
}

/* --- the end of a run; m->lock is held --- */

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

static void
end_run (struct copier *c)
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

/* --- the first copy after a quarantine --- */

static unsigned
unsettled_targets (struct copier *c)
{
  unsigned slots = 0;
  CLEANUP_LOCK (&c->m->lock);

  FOR_EACH_SLOT (slot, c->rec->targets)
    if (c->m->member[slot].unsettled)
      slots |= SLOT_BIT (slot);
  return slots;
}

/* What may have landed late is on the medium, and block status knows of it
 * (quarantine.c).
 */
static bool
settle (struct copier *c)
{
  unsigned slots = unsettled_targets (c);

  if (slots == 0)
    return true;
  if (flush_legs (c->m, 0) == -1)
    return false;
  CLEANUP_LOCK (&c->m->lock);
  FOR_EACH_SLOT (slot, slots & c->rec->targets)
    c->m->member[slot].unsettled = false;
  return true;
}

static void
copy_none (struct copier *c)
{
  /* Without the lease it is not the source's fault, and it will be back, as one
   * will that is away.
   */
  c->unflushed = !c->no_source && dirty_log_valid (c->m->log);
  copy_run_cut (c, c->rec->first << c->m->region_shift);
}

/* --- a run --- */

static void
report_bad (struct copier *c)
{
  errno = c->source_error;
  msg_error ("leg %s: resync: read at offset %" PRIu64
             ": %m: the region stays missed, and is tried again later",
             c->m->member[c->source].name, c->source_bad);
}

static void
recover (struct mirror *m, struct recovery *rec, char *buf)
{
  struct copier c = {.m = m, .rec = rec, .buf = buf};
  unsigned targets;

  {
    CLEANUP_LOCK (&m->lock);
    targets = rec->targets;
    members_use_locked (m, targets);
    copy_source_locked (&c, m->primary);
  }
  if (!c.no_source && settle (&c))
    copy_run (&c);
  else
    copy_none (&c);
  {
    CLEANUP_LOCK (&m->lock);
    members_unuse_locked (m, targets);
    copy_no_source_locked (&c);
    end_run (&c);
  }
  if (c.to_report)
    report_stalled (&c);
  if (c.name_bad)
    report_bad (&c);
}

/* Copied runs are made durable when there are many, or nothing else is left
 * to do now.
 */
static bool
sweep_is_due (const struct mirror *m)
{
  const struct resync *rs = &m->resync;

  return rs->copied && (rs->busy == 0 ||
                        rs->copied_regions << m->region_shift >= SWEEP_BYTES);
}

static void
wait_for_work (struct mirror *m)
{
  if (sweep_is_due (m))
    worker_wake_locked (m);
  cond_wait_until (&m->resync.wake, &m->lock, now_ns () + NSEC_PER_SEC);
}

static void *
copier_thread (void *opaque)
{
  struct mirror *m = opaque;
  char *buf = aligned_alloc (4096, COPY_CHUNK);

  if (!buf)
    msg_error ("resync: out of memory");
  pthread_mutex_lock (&m->lock);
  while (buf && !m->resync.stop) {
    struct recovery *rec = next_work (m);

    if (!rec) {
      wait_for_work (m);
      continue;
    }
    pthread_mutex_unlock (&m->lock);
    recover (m, rec, buf);
    pthread_mutex_lock (&m->lock);
    if (sweep_is_due (m))
      worker_wake_locked (m);
  }
  m->resync.exited++;
  pthread_cond_broadcast (&m->cond);
  pthread_mutex_unlock (&m->lock);
  free (buf);
  return NULL;
}

int
resync_start (struct mirror *m)
{
  struct resync *rs = &m->resync;

  for (; rs->nr_threads < RESYNC_THREADS; ++rs->nr_threads)
    if (thread_start (&rs->thread[rs->nr_threads], "mirror-resync",
                      copier_thread, m) == -1) {
      msg_error ("resync: cannot start a thread: %m");
      return -1;
    }
  return 0;
}

static bool
threads_exited (struct mirror *m, uint64_t deadline)
{
  const struct resync *rs = &m->resync;
  CLEANUP_LOCK (&m->lock);

  while (rs->exited < rs->nr_threads && now_ns () < deadline)
    cond_wait_until (&m->cond, &m->lock, deadline);
  return rs->exited == rs->nr_threads;
}

bool
resync_stop (struct mirror *m, uint64_t deadline)
{
  struct resync *rs = &m->resync;

  {
    CLEANUP_LOCK (&m->lock);
    rs->stop = true;
    resync_wake_locked (m);
  }
  if (!threads_exited (m, deadline))
    return false;
  rs->exited = 0;
  while (rs->nr_threads > 0)
    pthread_join (rs->thread[--rs->nr_threads], NULL);
  return true;
}
