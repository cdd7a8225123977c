/* SPDX-License-Identifier: BSD-3-Clause */

/* A write that was sent to an NBD leg and not answered may land later: it may
 * be in the server's socket, or in its queue (S21).  After quarantine= it
 * counts as landed or gone.
 *
 * Such a write is always in a region that was marked, so:
 *
 *   a leg that is (again) connected misses its region: copies to the leg
 *   wait, and then correct it (quarantine_member_locked);
 *
 *   after an unclean end it may also land on the source, where nothing would
 *   correct it: writes wait in all regions where that can be, and all copies
 *   do.  The start has kept the marks there, so a second crash finds them.
 *   Missed regions count, too: where a leg misses something, another mirror
 *   may have written.
 *
 * What has landed may be in the server's cache, and its block status call that a
 * hole.  So the legs are flushed before a copy asks, and before marks go that
 * the start has kept.
 */

#include "config.h"

#include <errno.h>

#include "cleanup.h"
#include "flush.h"
#include "log-life.h"
#include "mirror-impl.h"
#include "msg.h"
#include "quarantine.h"

static int
no_memory (void)
{
  msg_error ("quarantine: %m");
  return -1;
}

int
quarantine_marked (struct dirty_log *log, struct bitset *marked)
{
  const struct log_info *info = dirty_log_info (log);

  *marked = (struct bitset){0};
  if (info->found != LOG_FOUND_OURS || !info->unclean)
    return 0;
  if (bitset_init (marked, info->geo.nr_regions) == -1)
    return no_memory ();
  dirty_log_add_map (log, LOG_MAP_MARKED, marked);
  return 0;
}

int
quarantine_init (struct mirror *m, const struct bitset *marked)
{
  if (marked->nr == 0 || m->member[m->primary].kind != LEG_NBD)
    return 0;
  if (bitset_init (&m->held, marked->nr) == -1)
    return no_memory ();
  bitset_or (&m->held, marked);
  if (bitset_resize (&m->held, m->nr_regions) == -1)
    return no_memory ();
  dirty_log_add_map (m->log, LOG_MAP_OUT_OF_SYNC, &m->held);
  return 0;
}

void
quarantine_member_locked (struct member *member)
{
  const struct mirror *m = member->mirror;
  uint64_t until = member->kind == LEG_NBD ? now_ns () + m->quarantine_ns : 0;

  /* What may still change on the source must not be copied before. */
  member->stalled_until = until > m->held_until ? until : m->held_until;
  member->unsettled = member->stalled_until > 0;
}

void
quarantine_begin_locked (struct mirror *m)
{
  if (m->held.count > 0)
    m->held_until = now_ns () + m->quarantine_ns;
  FOR_EACH_SLOT (slot, m->resyncing)
    quarantine_member_locked (&m->member[slot]);
}

static bool
holds (const struct mirror *m)
{
  return m->held_until > 0 && now_ns () < m->held_until;
}

/* Writes in these regions wait now. */
static bool
is_held (const struct mirror *m, uint64_t first, uint64_t nr)
{
  return holds (m) && bitset_next_set (&m->held, first) < first + nr;
}

int
quarantine_wait_locked (struct mirror *m, uint64_t first, uint64_t nr)
{
  while (is_held (m, first, nr)) {
    if (m->stopping) {
      errno = ESHUTDOWN;
      return -1;
    }
    cond_wait_until (&m->cond, &m->lock, m->held_until);
  }
  return 0;
}

/* Marks that the start has kept.  Where somebody writes now the sweep clears
 * them.  True if there were any.
 */
static bool
clear_kept_marks (struct mirror *m)
{
  uint64_t from = 0, first, nr;
  bool any = false;

  while (dirty_log_next_run (m->log, LOG_MAP_MARKED, from, &first, &nr)) {
    from = first + nr;
    for (uint64_t region = first; region < from; ++region)
      if (!hot_find (&m->hot, region)) {
        dirty_log_clear (m->log, region);
        any = true;
      }
  }
  return any;
}

static bool
has_ended (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->held_until > 0 && !holds (m);
}

bool
quarantine_over (struct mirror *m)
{
  /* What has landed is in a cache. */
  if (!has_ended (m) || flush_legs (m, 0) == -1)
    return false;

  CLEANUP_LOCK (&m->lock);
  m->held_until = 0;
  return clear_kept_marks (m);
}

void
quarantine_end (struct mirror *m)
{
  if (m->held_until > 0)
    dirty_log_stay_unclean (m->log, true);
}
