/* SPDX-License-Identifier: BSD-3-Clause */

/* Resync: the copiers.  resync-next.c says which regions are copied when,
 * resync-end.c what becomes of them, and copy.c does the copying.
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

#include <stdlib.h>

#include "cleanup.h"
#include "copy-run.h"
#include "copy.h"
#include "flush.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "recovery.h"
#include "resync-end.h"
#include "resync-next.h"
#include "resync.h"
#include "thread.h"

#define SWEEP_BYTES (UINT64_C (1) << 30) /* copied before a sweep is due */

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
    resync_end_run_locked (&c);
  }
  resync_report (&c);
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
    struct recovery *rec = resync_next_run_locked (m);

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
