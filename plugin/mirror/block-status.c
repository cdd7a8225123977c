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

uint64_t
unflushed_length (struct mirror *m, uint64_t offset, uint64_t count)
{
  uint64_t begin, end;

  if (!marked_run (m, offset, &begin, &end) || begin > offset)
    return 0;
  return end - offset < count ? end - offset : count;
}
