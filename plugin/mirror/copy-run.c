/* SPDX-License-Identifier: BSD-3-Clause */

/* A run is normally one region.  Where the source reads as zeroes for longer
 * it is as long as that, so that a sparse device needs few of them.  Nothing
 * is locked for that: the copier looks again.
 */

#include "config.h"

#include "cleanup.h"
#include "copy-run.h"
#include "copy.h"
#include "holes.h"
#include "mirror-impl.h"

#define MAX_RUN_BYTES (UINT64_C (64) << 30) /* of zeroes */

/* How many of these regions, which one of the targets misses, all of them
 * miss.  Who has a region must not be sent a copy of it: that might land late,
 * on what a client has written since, and nothing would correct it (S21).
 */
static uint64_t
missed_by_all (struct copier *c, uint64_t first, uint64_t nr)
{
  uint64_t begin, n;

  FOR_EACH_SLOT (slot, c->rec->targets) {
    if (!dirty_log_next_run (c->m->log, LOG_MAP_MISSED (slot), first, &begin,
                             &n) ||
        begin != first)
      return 0;
    if (n < nr)
      nr = n;
  }
  return nr;
}

/* Make the run as long as 'nr' regions, as far as they are to be had. */
static void
extend_run (struct copier *c, uint64_t nr)
{
  struct mirror *m = c->m;
  struct recovery *rec = c->rec;
  uint64_t next = rec->first + rec->nr;
  uint64_t first, got, more;
  CLEANUP_LOCK (&m->lock);

  if (nr <= rec->nr || next >= m->nr_regions ||
      !dirty_log_get_resync_work (m->log, rec->targets, next, nr - rec->nr,
                                  &first, &got))
    return;
  more = first == next ? missed_by_all (c, first, got) : 0;
  dirty_log_put_resync_work (m->log, first + more, got - more);
  rec->nr += more;
  if (m->resync.cursor < next + more)
    m->resync.cursor = next + more;
}

void
copy_run_cut (struct copier *c, uint64_t end)
{
  struct mirror *m = c->m;
  struct recovery *rec = c->rec;
  uint64_t bad = c->source_error ? 1 : 0;
  uint64_t nr = (end >> m->region_shift) - rec->first;
  uint64_t next = rec->first + nr + bad;
  CLEANUP_LOCK (&m->lock);

  dirty_log_put_resync_work (m->log, next, rec->nr - nr - bad);
  rec->nr = nr;
  if (m->resync.cursor > next)
    m->resync.cursor = next;
}

static uint64_t
run_end (const struct mirror *m, const struct recovery *rec)
{
  uint64_t end = (rec->first + rec->nr) << m->region_shift;

  return end < m->limits.size ? end : m->limits.size;
}

void
copy_run_prepare (struct copier *c)
{
  struct mirror *m = c->m;
  uint64_t begin = c->rec->first << m->region_shift;
  uint64_t left = m->limits.size - begin;
  struct held held = holes_at (m, c->source, begin,
                               left < MAX_RUN_BYTES ? left : MAX_RUN_BYTES);
  uint64_t nr = held.length >> m->region_shift;

  if (held.length == left)
    nr = m->nr_regions - c->rec->first;
  if (held.what == HOLDS_ZEROES)
    extend_run (c, nr);
  c->begin = begin;
  c->end = run_end (m, c->rec);
}
