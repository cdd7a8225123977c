/* SPDX-License-Identifier: BSD-3-Clause */

/* log=core: the memory is all there is, and counts as durable. */

#include "config.h"

#include <stdlib.h>

#include "cleanup.h"
#include "log-life.h"
#include "msg.h"
#include "truth.h"

static struct dirty_log *
core_open (const char *name, const struct log_options *options)
{
  struct dirty_log *log = calloc (1, sizeof *log);

  (void) options;
  if (!log) {
    msg_error ("log: %m");
    return NULL;
  }
  if (truth_init (log, &core_log_ops, name) == -1) {
    free (log);
    return NULL;
  }
  log->info.found = LOG_FOUND_NEW;
  return log;
}

static int
core_nothing (struct dirty_log *log)
{
  (void) log;
  return 0;
}

static bool
core_close (struct dirty_log *log, uint64_t deadline)
{
  (void) log;
  (void) deadline;
  return true;
}

static void
core_free (struct dirty_log *log)
{
  truth_destroy (log);
  free (log);
}

static void
core_map_changed (struct dirty_log *log, unsigned map, uint64_t first,
                  uint64_t nr, bool lowering)
{
  (void) log;
  (void) map;
  (void) first;
  (void) nr;
  (void) lowering;
}

static void
core_record_changed (struct dirty_log *log, bool lowering)
{
  (void) log;
  (void) lowering;
}

static int
core_flush (struct dirty_log *log, bool commit, uint64_t deadline)
{
  CLEANUP_LOCK (&log->lock);

  (void) commit;
  (void) deadline;
  log->counters.flushes++;
  log->flush_number++;
  return 0;
}

const struct dirty_log_ops core_log_ops = {
  .type = "core",
  .name_is = NULL,
  .open = core_open,
  .create = core_nothing,
  .grow = core_nothing,
  .start = core_nothing,
  .close = core_close,
  .free = core_free,
  .map_changed = core_map_changed,
  .record_changed = core_record_changed,
  .flush = core_flush,
};
