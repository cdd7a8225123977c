/* SPDX-License-Identifier: BSD-3-Clause */

/* What can be asked of the truth: resync work, state, status. */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "cleanup.h"
#include "truth.h"

static uint64_t
work_word (const struct dirty_log *log, unsigned slots, uint64_t word)
{
  return truth_missed_word (log, slots, word) & ~log->recovering.words[word];
}

/* The first region at or after 'from' that is work, or nr_regions. */
static uint64_t
work_begin (const struct dirty_log *log, unsigned slots, uint64_t from)
{
  uint64_t nr = log->out_of_sync.nr, bits, w;

  for (uint64_t r = bitset_next_set (&log->out_of_sync, from); r < nr;
       r = bitset_next_set (&log->out_of_sync, (w + 1) * 64)) {
    w = r / 64;
    bits = work_word (log, slots, w) & UINT64_MAX << (r % 64);
    if (bits)
      return w * 64 + (uint64_t) __builtin_ctzll (bits);
  }
  return nr;
}

/* The first region after 'first' that is not work, at most 'limit'. */
static uint64_t
work_end (const struct dirty_log *log, unsigned slots, uint64_t first,
          uint64_t limit)
{
  uint64_t end = limit, bits;

  for (uint64_t w = first / 64; w * 64 < limit; ++w) {
    bits = ~work_word (log, slots, w);
    if (w == first / 64)
      bits &= UINT64_MAX << (first % 64);
    if (bits) {
      end = w * 64 + (uint64_t) __builtin_ctzll (bits);
      break;
    }
  }
  return end < limit ? end : limit;
}

bool
dirty_log_get_resync_work (struct dirty_log *log, unsigned slots,
                           uint64_t from, uint64_t max, uint64_t *first,
                           uint64_t *nr)
{
  CLEANUP_LOCK_LOG (log);
  uint64_t regions = log->out_of_sync.nr, begin, limit;

  begin = work_begin (log, slots, from);
  if (begin == regions || max == 0)
    return false;
  limit = max < regions - begin ? begin + max : regions;
  *first = begin;
  *nr = work_end (log, slots, begin, limit) - begin;
  bitset_set_range (&log->recovering, *first, *nr);
  return true;
}

void
dirty_log_put_resync_work (struct dirty_log *log, uint64_t first, uint64_t nr)
{
  CLEANUP_LOCK_LOG (log);

  bitset_clear_range (&log->recovering, first, nr);
}

/* --- questions --- */

uint64_t
dirty_log_count (struct dirty_log *log, unsigned map)
{
  CLEANUP_LOCK_LOG (log);

  return truth_map (log, map)->count;
}

void
dirty_log_add_map (struct dirty_log *log, unsigned map, struct bitset *set)
{
  CLEANUP_LOCK_LOG (log);
  const struct bitset *bs = truth_map (log, map);

  if (bs->nr > 0)
    bitset_or (set, bs);
}

bool
dirty_log_next_run (struct dirty_log *log, unsigned map, uint64_t from,
                    uint64_t *first, uint64_t *nr)
{
  CLEANUP_LOCK_LOG (log);
  const struct bitset *bs = truth_map (log, map);

  *first = bitset_next_set (bs, from);
  if (*first >= bs->nr)
    return false;
  *nr = bitset_next_clear (bs, *first) - *first;
  return true;
}

void
dirty_log_get_record (struct dirty_log *log, struct log_record *record)
{
  CLEANUP_LOCK_LOG (log);

  *record = log->record;
}

uint32_t
dirty_log_min_block (struct dirty_log *log)
{
  CLEANUP_LOCK_LOG (log);

  return log->record.min_block;
}

void
dirty_log_get_leg (struct dirty_log *log, unsigned slot, struct log_leg *leg)
{
  CLEANUP_LOCK_LOG (log);

  assert (slot < LOG_MAX_LEGS);
  *leg = log->record.leg[slot];
}

enum log_leg_state
dirty_log_leg_state (struct dirty_log *log, unsigned slot)
{
  CLEANUP_LOCK_LOG (log);

  assert (slot < LOG_MAX_LEGS);
  return log->record.leg[slot].state;
}

uint64_t
dirty_log_flush_number (struct dirty_log *log)
{
  CLEANUP_LOCK_LOG (log);

  return log->flush_number;
}

const struct log_info *
dirty_log_info (const struct dirty_log *log)
{
  return &truth_current (log)->info;
}

bool
dirty_log_is_clean (struct dirty_log *log, uint64_t region)
{
  CLEANUP_LOCK_LOG (log);

  assert (region < log->marked.nr);
  return !bitset_test (&log->marked, region);
}

bool
dirty_log_in_sync (struct dirty_log *log, unsigned slot, uint64_t first,
                   uint64_t nr)
{
  CLEANUP_LOCK_LOG (log);

  assert (slot < LOG_MAX_LEGS);
  assert (first <= log->marked.nr && nr <= log->marked.nr - first);
  return bitset_next_set (&log->missed[slot], first) >= first + nr;
}

uint64_t
dirty_log_get_sync_count (struct dirty_log *log)
{
  CLEANUP_LOCK_LOG (log);

  return log->out_of_sync.nr - log->out_of_sync.count;
}

void
dirty_log_status (struct dirty_log *log, struct log_status *status)
{
  CLEANUP_LOCK_LOG (log);

  status->type = log->ops->type;
  status->failed = log->failed || log->misplaced;
  status->misplaced = log->misplaced;
  status->disconnected = log->disconnected;
  status->lost = log->lost;
  status->nr_servers = log->nr_servers;
  memcpy (status->server, log->server,
          log->nr_servers * sizeof log->server[0]);
  status->last_error_time = (uint64_t) log->last_error_time;
  status->flush_number = log->flush_number;
  memcpy (status->last_error, log->last_error, sizeof status->last_error);
  status->counters = log->counters;
  status->generation = log->record.generation;
  status->primary = log->record.primary;
  status->marked = log->marked.count;
  status->out_of_sync = log->out_of_sync.count;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    status->missed[s] = log->missed[s].count;
    status->leg_state[s] = log->record.leg[s].state;
  }
}
