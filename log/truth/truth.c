/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "group-commit.h"
#include "msg.h"
#include "truth.h"

int
truth_init (struct dirty_log *log, const struct dirty_log_ops *ops,
            const char *name)
{
  int err;

  log->ops = ops;
  log->name = strdup (name);
  if (!log->name) {
    msg_error ("log: %m");
    return -1;
  }
  log->info.name = log->name;
  atomic_init (&log->valid_until, NO_DEADLINE);
  err = cond_init_monotonic (&log->gate);
  if (!err)
    err = pthread_mutex_init (&log->lock, NULL);
  if (err) {
    free (log->name);
    errno = err;
    msg_error ("log: mutex: %m");
    return -1;
  }
  return 0;
}

static void
free_maps (struct dirty_log *log)
{
  for (unsigned map = 0; map < LOG_NR_MAPS; ++map)
    bitset_free (truth_map (log, map));
  bitset_free (&log->out_of_sync);
  bitset_free (&log->recovering);
}

void
truth_destroy (struct dirty_log *log)
{
  free_maps (log);
  bitset_free (&log->kernel_dirty);
  pthread_mutex_destroy (&log->lock);
  pthread_cond_destroy (&log->gate);
  free (log->name);
}

struct bitset *
truth_map (struct dirty_log *log, unsigned map)
{
  switch (map) {
  case LOG_MAP_MARKED:
    return &log->marked;
  case LOG_MAP_KERNEL_DIRTY:
    return &log->kernel_dirty;
  case LOG_MAP_OUT_OF_SYNC:
    return &log->out_of_sync;
  default:
    assert (map < LOG_NR_MAPS);
    return &log->missed[map - LOG_MAP_MISSED (0)];
  }
}

int
truth_alloc_maps (struct dirty_log *log, uint64_t nr)
{
  int r = 0;

  free_maps (log);
  for (unsigned map = 0; map < LOG_NR_MAPS; ++map)
    r |= bitset_init (truth_map (log, map), nr);
  r |= bitset_init (&log->out_of_sync, nr);
  r |= bitset_init (&log->recovering, nr);
  return r;
}

int
truth_grow_maps (struct dirty_log *log, uint64_t nr)
{
  int r = 0;

  for (unsigned map = 0; map < LOG_NR_MAPS; ++map)
    r |= bitset_resize (truth_map (log, map), nr);
  r |= bitset_resize (&log->out_of_sync, nr);
  r |= bitset_resize (&log->recovering, nr);
  return r;
}

void
truth_get_host (char host[LOG_HOST_SIZE])
{
  memset (host, 0, LOG_HOST_SIZE);
  gethostname (host, LOG_HOST_SIZE - 1);
  for (char *p = host; *p; ++p)
    if (*p <= ' ' || *p > '~')
      *p = '?';
}

void
truth_keep_error (struct dirty_log *log, const char *text)
{
  snprintf (log->last_error, sizeof log->last_error, "%s", text);
  log->last_error_time = time (NULL);
}

bool
truth_note_result (struct dirty_log *log, int err)
{
  bool was_failed = log->failed;

  log->failed = err != 0;
  if (err) {
    log->counters.flush_errors++;
    truth_keep_error (log, strerror (err));
  }
  return log->failed != was_failed;
}

void
truth_report_result (struct dirty_log *log, int err)
{
  if (err == 0) {
    msg_note ("log %s:%s: works again", log->ops->type, log->info.name);
    return;
  }
  errno = err;
  msg_error ("log %s:%s: flush: %m", log->ops->type, log->info.name);
}

void
truth_count_cycles (struct dirty_log *log, const struct group_commit *g)
{
  log->counters.cycles = g->cycles;
  log->counters.served = g->served;
}

/* --- changes; log->lock is held by all static functions below --- */

static void
new_generation (struct dirty_log *log, uint64_t generation)
{
  log->record.generation = generation;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (log->record.leg[s].state == LOG_LEG_IN_SYNC)
      log->record.leg[s].generation = generation;
}

void
truth_leg_stale (struct dirty_log *log, unsigned slot)
{
  if (log->record.leg[slot].state != LOG_LEG_IN_SYNC)
    return;
  log->record.leg[slot].state = LOG_LEG_STALE;
  new_generation (log, log->record.generation + 1);
  log->ops->record_changed (log, true);
}

static void
miss_run (struct dirty_log *log, unsigned slot, uint64_t first, uint64_t nr)
{
  if (nr == 0)
    return;
  bitset_set_range (&log->missed[slot], first, nr);
  bitset_set_range (&log->out_of_sync, first, nr);
  log->ops->map_changed (log, LOG_MAP_MISSED (slot), first, nr, true);
}

uint64_t
truth_missed_word (const struct dirty_log *log, unsigned slots, uint64_t word)
{
  uint64_t bits = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (slots >> s & 1)
      bits |= log->missed[s].words[word];
  return bits;
}

#define ALL_SLOTS ((1u << LOG_MAX_LEGS) - 1)

void
truth_miss (struct dirty_log *log, unsigned slot, uint64_t first, uint64_t nr)
{
  if (nr == 0)
    return;
  miss_run (log, slot, first, nr);
  truth_leg_stale (log, slot);
}

static void
got_run (struct dirty_log *log, unsigned slot, uint64_t first, uint64_t nr)
{
  if (nr == 0)
    return;
  bitset_clear_range (&log->missed[slot], first, nr);
  for (uint64_t w = first / 64; w * 64 < first + nr; ++w)
    bitset_put_word (&log->out_of_sync, w,
                     truth_missed_word (log, ALL_SLOTS, w));
  log->ops->map_changed (log, LOG_MAP_MISSED (slot), first, nr, false);
}

/* Only the runs that are marked count as changed, so a failing leg does not
 * make the next flush look at the whole map.
 */
static void
miss_marked (struct dirty_log *log, unsigned slot)
{
  uint64_t end;

  for (uint64_t r = bitset_next_set (&log->marked, 0); r < log->marked.nr;
       r = bitset_next_set (&log->marked, end)) {
    end = bitset_next_clear (&log->marked, r);
    miss_run (log, slot, r, end - r);
  }
}

void
dirty_log_mark_run (struct dirty_log *log, uint64_t first, uint64_t nr)
{
  CLEANUP_LOCK_LOG (log);
  uint64_t before = log->marked.count;

  bitset_set_range (&log->marked, first, nr);
  if (log->marked.count != before) {
    log->counters.marks += log->marked.count - before;
    log->ops->map_changed (log, LOG_MAP_MARKED, first, nr, true);
  }
}

void
dirty_log_clear_run (struct dirty_log *log, uint64_t first, uint64_t nr)
{
  CLEANUP_LOCK_LOG (log);
  uint64_t before = log->marked.count;

  truth_note_cleared (log, first, nr);
  bitset_clear_range (&log->marked, first, nr);
  if (log->marked.count != before) {
    log->counters.clears += before - log->marked.count;
    log->ops->map_changed (log, LOG_MAP_MARKED, first, nr, false);
  }
}

void
dirty_log_mark (struct dirty_log *log, uint64_t region)
{
  dirty_log_mark_run (log, region, 1);
}

void
dirty_log_clear (struct dirty_log *log, uint64_t region)
{
  dirty_log_clear_run (log, region, 1);
}

void
dirty_log_set_region_sync (struct dirty_log *log, unsigned slot,
                           uint64_t first, uint64_t nr, bool in_sync)
{
  CLEANUP_LOCK_LOG (log);

  assert (slot < LOG_MAX_LEGS);
  if (in_sync)
    got_run (log, slot, first, nr);
  else
    truth_miss (log, slot, first, nr);
}

void
dirty_log_leg_failed (struct dirty_log *log, unsigned slot)
{
  CLEANUP_LOCK_LOG (log);

  assert (slot < LOG_MAX_LEGS && log->record.leg[slot].state != LOG_LEG_NONE);
  miss_marked (log, slot);
  truth_leg_stale (log, slot);
}

void
dirty_log_stay_unclean (struct dirty_log *log, bool unclean)
{
  CLEANUP_LOCK_LOG (log);
  log->stay_unclean = unclean;
}

void
dirty_log_leg_in_sync (struct dirty_log *log, unsigned slot)
{
  CLEANUP_LOCK_LOG (log);

  assert (slot < LOG_MAX_LEGS && log->record.leg[slot].state != LOG_LEG_NONE);
  assert (log->missed[slot].count == 0);
  log->record.leg[slot].state = LOG_LEG_IN_SYNC;
  log->record.leg[slot].generation = log->record.generation;
  log->ops->record_changed (log, false);
}

void
dirty_log_set_generation (struct dirty_log *log, uint64_t generation)
{
  CLEANUP_LOCK_LOG (log);

  assert (generation > log->record.generation);
  new_generation (log, generation);
  log->ops->record_changed (log, true);
}

void
dirty_log_set_primary (struct dirty_log *log, unsigned slot)
{
  CLEANUP_LOCK_LOG (log);

  assert (slot < LOG_MAX_LEGS);
  log->record.primary = slot;
  log->ops->record_changed (log, true);
}

void
dirty_log_set_min_block (struct dirty_log *log, uint32_t min_block)
{
  CLEANUP_LOCK_LOG (log);

  assert (min_block <= LOG_MAX_MIN_BLOCK &&
          (min_block & (min_block - 1)) == 0);
  log->record.min_block = min_block;
  log->ops->record_changed (log, true);
}

void
dirty_log_set_leg (struct dirty_log *log, unsigned slot, uint32_t kind,
                   const uint8_t id[LOG_ID_SIZE], uint64_t size,
                   const char *name)
{
  CLEANUP_LOCK_LOG (log);
  struct log_leg *leg = &log->record.leg[slot];

  assert (slot < LOG_MAX_LEGS && strlen (name) < LOG_NAME_SIZE);
  if (leg->state == LOG_LEG_NONE) {
    leg->state = LOG_LEG_STALE;
    miss_run (log, slot, 0, log->info.geo.nr_regions);
  }
  leg->kind = kind;
  memcpy (leg->id, id, LOG_ID_SIZE);
  leg->size = size;
  memset (leg->name, 0, sizeof leg->name);
  memcpy (leg->name, name, strlen (name));
  log->ops->record_changed (log, true);
}

void
dirty_log_set_orders (struct dirty_log *log, unsigned slot, bool parked,
                      unsigned replaces)
{
  CLEANUP_LOCK_LOG (log);
  struct log_leg *leg = &log->record.leg[slot];

  assert (slot < LOG_MAX_LEGS && replaces <= LOG_MAX_LEGS);
  if (leg->state == LOG_LEG_NONE ||
      (leg->parked == parked && leg->replaces == replaces))
    return;
  leg->parked = parked;
  leg->replaces = (uint8_t) replaces;
  log->ops->record_changed (log, true);
}

void
dirty_log_remove_leg (struct dirty_log *log, unsigned slot)
{
  CLEANUP_LOCK_LOG (log);

  assert (slot < LOG_MAX_LEGS);
  truth_leg_stale (log, slot);
  memset (&log->record.leg[slot], 0, sizeof log->record.leg[slot]);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (log->record.leg[s].replaces == slot + 1)
      log->record.leg[s].replaces = 0;
  got_run (log, slot, 0, log->info.geo.nr_regions);
  log->ops->record_changed (log, true);
}

static bool
record_ok (const struct dirty_log *log, const struct log_record *record)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (record->leg[s].state == LOG_LEG_IN_SYNC && log->missed[s].count > 0)
      return false;
  return record->generation >= log->record.generation &&
         record->primary < LOG_MAX_LEGS;
}

int
dirty_log_set_record (struct dirty_log *log, const struct log_record *record)
{
  CLEANUP_LOCK_LOG (log);

  if (!record_ok (log, record)) {
    errno = EINVAL;
    return -1;
  }
  log->record = *record;
  log->ops->record_changed (log, true);
  return 0;
}
