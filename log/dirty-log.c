/* SPDX-License-Identifier: BSD-3-Clause */

/* The calls that go to the type. */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "cleanup.h"
#include "deadline.h"
#include "log-life.h"
#include "msg.h"
#include "truth.h"

static int
out_of_memory (struct dirty_log *log)
{
  errno = ENOMEM;
  msg_error ("log %s:%s: %m", log->ops->type, log->info.name);
  return -1;
}

int
dirty_log_create (struct dirty_log *log, const struct log_geometry *geo,
                  uint64_t generation)
{
  uuid_t uuid;

  uuid_generate (uuid);
  return dirty_log_create_as (log, geo, generation, uuid);
}

int
dirty_log_create_as (struct dirty_log *log, const struct log_geometry *geo,
                     uint64_t generation, const uint8_t uuid[16])
{
  assert (geo->nr_regions > 0 && geo->nr_regions <= LOG_MAX_REGIONS);
  if (truth_alloc_maps (log, geo->nr_regions) == -1)
    return out_of_memory (log);
  log->info.geo = *geo;
  log->record = (struct log_record){.generation = generation};
  log->recent.nr = 0;
  memcpy (log->info.uuid, uuid, sizeof log->info.uuid);
  return log->ops->create (log);
}

static uint64_t
regions_of (const struct dirty_log *log, uint64_t size)
{
  uint32_t region_size = log->info.geo.region_size;

  return size / region_size + (size % region_size != 0);
}

/* log->lock is held. */
static int
grow (struct dirty_log *log, uint64_t new_size, unsigned slots)
{
  struct log_geometry *geo = &log->info.geo;
  const struct log_geometry old = *geo;
  uint64_t first = geo->size / geo->region_size;

  geo->size = new_size;
  geo->nr_regions = regions_of (log, new_size);
  if (log->ops->grow (log) == -1) {
    *geo = old;
    return -1;
  }
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (slots >> s & 1)
      truth_miss (log, s, first, geo->nr_regions - first);
  return 0;
}

int
dirty_log_grow (struct dirty_log *log, uint64_t new_size, unsigned slots)
{
  uint64_t nr;

  log = truth_current (log);
  nr = regions_of (log, new_size);
  assert (new_size >= log->info.geo.size && nr <= LOG_MAX_REGIONS);
  {
    CLEANUP_LOCK_LOG (log);
    if (truth_grow_maps (log, nr) == 0)
      return grow (log, new_size, slots);
  }
  return out_of_memory (log);
}

int
dirty_log_reserve (struct dirty_log *log, uint64_t new_size, bool ask,
                   char *why, size_t size)
{
  uint64_t nr;

  log = truth_current (log);
  nr = regions_of (log, new_size);
  if (nr > LOG_MAX_REGIONS) {
    snprintf (why, size,
              "it would have %" PRIu64 " regions of %" PRIu32
              " bytes, at most %" PRIu64 " are possible",
              nr, log->info.geo.region_size, LOG_MAX_REGIONS);
    return -1;
  }
  return log->ops->reserve ? log->ops->reserve (log, nr, ask, why, size) : 0;
}

void
dirty_log_on_release (struct dirty_log *log, void (*fn) (void *opaque),
                      void *opaque)
{
  log->on_release = fn;
  log->opaque = opaque;
}

int
dirty_log_start (struct dirty_log *log)
{
  return log->ops->start (log);
}

void
dirty_log_look (struct dirty_log *log)
{
  if (log->ops->look)
    log->ops->look (log);
}

/* Those that were moved from, and the last one. */
static void
free_all (struct dirty_log *log)
{
  while (log) {
    struct dirty_log *next = atomic_load (&log->successor);

    if (log->over)
      log->ops->free (log);
    log = next;
  }
}

void
dirty_log_close (struct dirty_log *log, uint64_t deadline)
{
  struct dirty_log *last;

  if (!log)
    return;
  last = truth_current (log);
  last->over = last->ops->close (last, deadline);
  free_all (log);
}

bool
dirty_log_valid (struct dirty_log *log)
{
  uint64_t until = atomic_load (&truth_current (log)->valid_until);

  return until == NO_DEADLINE || now_boot_ns () < until;
}

/* --- what waits for the store --- */

/* The log that counts when nobody keeps others from its store, or NULL at the
 * deadline.
 */
static struct dirty_log *
enter (struct dirty_log *log, uint64_t deadline)
{
  CLEANUP_LOCK_LOG (log);

  while (log->gated)
    if (cond_wait_until (&log->gate, &log->lock, deadline) == ETIMEDOUT) {
      errno = ETIMEDOUT;
      return NULL;
    }
  if (atomic_load (&log->successor))
    return log;
  log->inside++;
  return log;
}

static void
leave (struct dirty_log *log)
{
  CLEANUP_LOCK (&log->lock);

  log->inside--;
  pthread_cond_broadcast (&log->gate);
}

/* NULL with errno. */
static struct dirty_log *
enter_current (struct dirty_log *log, uint64_t deadline)
{
  do
    log = enter (log, deadline);
  while (log && atomic_load (&log->successor));
  return log;
}

static int
flush (struct dirty_log *log, bool commit, uint64_t deadline)
{
  int r, err;

  log = enter_current (log, deadline);
  if (!log)
    return -1;
  r = log->ops->flush (log, commit, deadline);
  err = errno;
  leave (log);
  errno = err;
  return r;
}

int
dirty_log_flush (struct dirty_log *log, uint64_t deadline)
{
  return flush (log, false, deadline);
}

int
dirty_log_commit (struct dirty_log *log, uint64_t deadline)
{
  return flush (log, true, deadline);
}

int
dirty_log_wait_valid (struct dirty_log *log, uint64_t deadline)
{
  int r, err;

  if (dirty_log_valid (log))
    return 0;
  log = enter_current (log, deadline);
  if (!log)
    return -1;
  r = log->ops->wait_valid ? log->ops->wait_valid (log, deadline) : 0;
  err = errno;
  leave (log);
  errno = err;
  return r;
}

void
dirty_log_hurry (struct dirty_log *log, uint64_t deadline)
{
  log = truth_current (log);
  if (log->ops->hurry)
    log->ops->hurry (log, deadline);
}
