/* SPDX-License-Identifier: BSD-3-Clause */

/* The regions whose marks were cleared last. */

#include "config.h"

#include <string.h>

#include "cleanup.h"
#include "truth.h"

/* Where the region is, or where the one is that has to go. */
static unsigned
place_of (const struct log_recent *recent, uint64_t region)
{
  unsigned i = 0;

  while (i < recent->nr && recent->region[i] != region)
    ++i;
  return i < LOG_NR_RECENT ? i : LOG_NR_RECENT - 1;
}

static void
recent_put (struct log_recent *recent, uint64_t region, unsigned first)
{
  unsigned i = place_of (recent, region);

  if (first > i)
    first = i;
  if (i == recent->nr)
    recent->nr++;
  memmove (recent->region + first + 1, recent->region + first,
           (i - first) * sizeof recent->region[0]);
  recent->region[first] = region;
}

void
truth_note_cleared (struct dirty_log *log, uint64_t first, uint64_t nr)
{
  uint64_t skip = nr > LOG_NR_RECENT ? nr - LOG_NR_RECENT : 0;

  for (uint64_t r = first + skip; r < first + nr; ++r)
    if (bitset_test (&log->marked, r))
      recent_put (&log->recent, r,
                  bitset_test (&log->out_of_sync, r) ? LOG_NR_RECENT_EQUAL
                                                     : 0);
}

void
dirty_log_get_recent (struct dirty_log *log, struct log_recent *recent)
{
  CLEANUP_LOCK_LOG (log);

  *recent = log->recent;
}
