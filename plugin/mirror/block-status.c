/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "block-status.h"
#include "mirror-impl.h"

/* The first run of marked regions from offset on, in bytes; false if there is
 * none.
 */
static bool
marked_run (struct mirror *m, uint64_t offset, uint64_t *begin, uint64_t *end)
{
  uint64_t first, nr;

  if (!dirty_log_next_run (m->log, LOG_MAP_MARKED, offset >> m->region_shift,
                           &first, &nr))
    return false;
  *begin = first << m->region_shift;
  *end = (first + nr) << m->region_shift;
  return true;
}

uint64_t
flushed_length (struct mirror *m, uint64_t offset, uint64_t count)
{
  uint64_t begin, end;

  if (!marked_run (m, offset, &begin, &end))
    return count;
  if (begin <= offset)
    return 0;
  return begin - offset < count ? begin - offset : count;
}

/* A marked region in which nothing is under way, and which was flushed since it
 * was written.  One that the start has kept marked is not known here (S21).
 */
static bool
is_settled_locked (const struct mirror *m, uint64_t region)
{
  const struct hot *h = hot_find (&m->hot, region);

  return h && h->pending == 0 && h->last_seq <= m->flushed_seq;
}

/* *until: where what follows offset may begin to be other than that, at the end
 * of the region, or of the regions that are not marked.
 */
static bool
is_fresh_locked (struct mirror *m, uint64_t offset, uint64_t *until)
{
  uint64_t begin, end, region = offset >> m->region_shift;

  *until = UINT64_MAX;
  if (!marked_run (m, offset, &begin, &end))
    return false;
  *until = begin > offset ? begin : (region + 1) << m->region_shift;
  return begin <= offset && !is_settled_locked (m, region);
}

bool
is_unflushed_locked (struct mirror *m, uint64_t offset, uint64_t count,
                     uint64_t *length)
{
  uint64_t until, end = offset + count;
  bool fresh = is_fresh_locked (m, offset, &until);

  while (until < end) {
    uint64_t next = until;

    if (is_fresh_locked (m, next, &until) != fresh) {
      until = next;
      break;
    }
  }
  *length = (until < end ? until : end) - offset;
  return fresh;
}
