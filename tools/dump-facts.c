/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dump-facts.h"

const char *
log_found_name (const struct dump *log)
{
  switch (log->info->found) {
  case LOG_FOUND_NEW:
    return "new";
  case LOG_FOUND_OURS:
    return "ours";
  case LOG_FOUND_KERNEL:
    return "kernel";
  case LOG_FOUND_KERNEL_SINCE:
    return "kernel-since";
  case LOG_FOUND_DAMAGED:
    return "damaged";
  }
  abort ();
}

const char *
log_leg_state_name (const struct dump *log, unsigned slot)
{
  switch (log->record.leg[slot].state) {
  case LOG_LEG_NONE:
    return "none";
  case LOG_LEG_IN_SYNC:
    return "in-sync";
  case LOG_LEG_STALE:
    return "stale";
  }
  abort ();
}

bool
log_is_ours (const struct dump *log)
{
  return log->info->found == LOG_FOUND_OURS ||
         log->info->found == LOG_FOUND_KERNEL_SINCE;
}

/* Legs with that state. */
static unsigned
count_legs (const struct dump *log, enum log_leg_state state)
{
  unsigned count = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    count += log->record.leg[s].state == state;
  return count;
}

/* The leg that a start after an unclean end copies from: the recorded
 * primary if it is in-sync, else the first that is.  -1: none.
 */
static int
source_leg (const struct dump *log)
{
  if (log->record.primary < LOG_MAX_LEGS &&
      log->record.leg[log->record.primary].state == LOG_LEG_IN_SYNC)
    return (int) log->record.primary;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (log->record.leg[s].state == LOG_LEG_IN_SYNC)
      return (int) s;
  return -1;
}

static void
plan_ours (char buf[PLAN_TEXT], const struct dump *log)
{
  int source = source_leg (log);
  uint64_t marked =
    log->info->unclean ? dirty_log_count (log->log, LOG_MAP_MARKED) : 0;

  if (source == -1)
    snprintf (buf, PLAN_TEXT, "refuse: no leg is in-sync");
  else if (marked == 0 && dirty_log_count (log->log, LOG_MAP_OUT_OF_SYNC) == 0)
    snprintf (buf, PLAN_TEXT, "serve, copy nothing");
  else
    snprintf (buf, PLAN_TEXT,
              "serve, source leg %d: copy %" PRIu64 " marked regions to every "
              "other leg, and %" PRIu64 " to legs that miss them",
              source, marked, dirty_log_count (log->log, LOG_MAP_OUT_OF_SYNC));
}

static void
plan_kernel_since (char buf[PLAN_TEXT], const struct dump *log)
{
  if (count_legs (log, LOG_LEG_IN_SYNC) == 2 &&
      count_legs (log, LOG_LEG_STALE) == 0)
    snprintf (buf, PLAN_TEXT,
              "the kernel used it since: serve, source leg %d: copy %" PRIu64
              " regions it left dirty",
              source_leg (log),
              dirty_log_count (log->log, LOG_MAP_KERNEL_DIRTY));
  else
    snprintf (buf, PLAN_TEXT,
              "refuse: the kernel used it since, and not just two legs were "
              "in-sync");
}

char *
log_plan (char buf[PLAN_TEXT], const struct dump *log)
{
  switch (log->info->found) {
  case LOG_FOUND_NEW:
    snprintf (buf, PLAN_TEXT, "begin a new log");
    return buf;
  case LOG_FOUND_OURS:
    plan_ours (buf, log);
    return buf;
  case LOG_FOUND_KERNEL:
    snprintf (buf, PLAN_TEXT,
              "with the kernel's region-size=: serve, source leg 0: copy "
              "%" PRIu64 " dirty regions",
              dirty_log_count (log->log, LOG_MAP_MARKED));
    return buf;
  case LOG_FOUND_KERNEL_SINCE:
    plan_kernel_since (buf, log);
    return buf;
  case LOG_FOUND_DAMAGED:
    snprintf (buf, PLAN_TEXT, "refuse: no valid record is left in it");
    return buf;
  }
  abort ();
}

bool
next_run (const struct dump *log, unsigned map, uint64_t *next,
          uint64_t *first, uint64_t *nr)
{
  if (!dirty_log_next_run (log->log, map, *next, first, nr))
    return false;
  *next = *first + *nr;
  return true;
}

uint64_t
count_runs (const struct dump *log, unsigned map, uint64_t next)
{
  uint64_t count = 0, first, nr;

  while (next_run (log, map, &next, &first, &nr))
    ++count;
  return count;
}
