/* SPDX-License-Identifier: BSD-3-Clause */

/* The state of the log as the server sends it at the start: records and runs
 * first, what kind of log it is and how long it is last.  So maps are made as
 * long as can be (untouched pages cost nothing), and cut afterwards.
 */

#include "config.h"

#include <string.h>

#include "record-wire.h"
#include "userspace-image.h"
#include "userspace-load.h"

static const char no_memory[] = "not enough memory for the log";

/* --- parts --- */

static const char *
load_begin (struct dirty_log *log)
{
  bitset_free (&log->kernel_dirty);
  log->record = (struct log_record){.generation = 0};
  if (truth_alloc_maps (log, LOG_MAX_REGIONS) == -1 ||
      bitset_init (&log->kernel_dirty, LOG_MAX_REGIONS) == -1)
    return no_memory;
  return NULL;
}

static void
load_runs (struct dirty_log *log, const struct proto_change *change)
{
  struct bitset *map = truth_map (log, change->map);

  for (uint32_t i = 0; i < change->runs.nr; ++i) {
    struct proto_run run = proto_run_get (&change->runs, i);

    bitset_set_range (map, run.first, run.nr);
  }
}

const char *
user_load_state (struct user_log *u, const struct proto_msg *msg)
{
  if (!msg)
    return load_begin (&u->log);
  if (msg->type == PROTO_STATE_RECORD)
    log_record_from_wire (&u->log.record, &msg->record);
  else
    load_runs (&u->log, &msg->change);
  return NULL;
}

/* --- the end --- */

static bool
has_maps (const struct proto_attached *a)
{
  return a->found != LOG_FOUND_NEW && a->found != LOG_FOUND_DAMAGED;
}

static bool
geometry_ok (const struct proto_attached *a)
{
  if (!has_maps (a))
    return true;
  if (a->nr_regions == 0 || a->nr_regions > LOG_MAX_REGIONS)
    return false;
  if (a->found == LOG_FOUND_KERNEL)
    return true;
  return a->region_size >= LOG_MIN_REGION_SIZE &&
         a->region_size <= LOG_MAX_REGION_SIZE &&
         (a->region_size & (a->region_size - 1)) == 0 &&
         a->nr_regions ==
           a->size / a->region_size + (a->size % a->region_size != 0);
}

static bool
fits (const struct dirty_log *log, uint64_t nr)
{
  bool ok = bitset_next_set (&log->kernel_dirty, nr) >= log->kernel_dirty.nr;

  ok &= bitset_next_set (&log->marked, nr) >= log->marked.nr;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    ok &= bitset_next_set (&log->missed[s], nr) >= log->missed[s].nr;
  return ok;
}

static int
cut_maps (struct user_log *u, const struct proto_attached *a)
{
  struct dirty_log *log = &u->log;
  uint64_t nr = has_maps (a) ? a->nr_regions : 0;
  uint64_t kernel_nr = a->found == LOG_FOUND_KERNEL_SINCE ? nr : 0;

  if (truth_grow_maps (log, nr) == -1 ||
      bitset_resize (&log->kernel_dirty, kernel_nr) == -1)
    return -1;
  log->info.geo.nr_regions = nr;
  return user_maps_alloc (u);
}

/* I1 is the server's to keep.  If it did not, the leg is stale.  A leg that was
 * removed misses nothing: a crash can have left its map.
 */
static void
derive (struct dirty_log *log)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    if (log->record.leg[s].state == LOG_LEG_NONE)
      bitset_clear_range (&log->missed[s], 0, log->missed[s].nr);
    bitset_or (&log->out_of_sync, &log->missed[s]);
    if (log->missed[s].count > 0)
      truth_leg_stale (log, s);
  }
}

static void
take_facts (struct dirty_log *log, const struct proto_attached *a)
{
  log->info.found = (enum log_found) a->found;
  log->info.unclean = a->flags & PROTO_LOG_UNCLEAN;
  log->info.shared_map = a->flags & PROTO_LOG_SHARED_MAP;
  log->flush_number = a->flush_number;
  memcpy (log->info.uuid, a->uuid, sizeof log->info.uuid);
  log->info.geo.size = a->size;
  log->info.geo.region_size = a->region_size;
  log->info.owner_pid = a->owner_pid;
  memset (log->info.owner_host, 0, sizeof log->info.owner_host);
  memcpy (log->info.owner_host, a->owner_host.s, a->owner_host.len);
}

const char *
user_load_attached (struct user_log *u, const struct proto_attached *a)
{
  struct dirty_log *log = &u->log;

  if (!geometry_ok (a))
    return "the server sent a log of an impossible size";
  if (has_maps (a) && !fits (log, a->nr_regions))
    return "the server sent a map longer than the log";
  if (cut_maps (u, a) == -1)
    return no_memory;
  take_facts (log, a);
  user_take_image (u);
  derive (log);
  u->ready = a->found == LOG_FOUND_OURS || a->found == LOG_FOUND_KERNEL_SINCE;
  u->lowering = u->record_changed = u->ready;
  return NULL;
}
