/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bitset.h"
#include "dirty-log.h"
#include "dump-facts.h"

const char *
log_found_name (const struct dirty_log *log)
{
  switch (log->found) {
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
log_leg_state_name (const struct dirty_log *log, unsigned slot)
{
  switch (log->leg[slot].state) {
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
log_is_ours (const struct dirty_log *log)
{
  return log->found == LOG_FOUND_OURS || log->found == LOG_FOUND_KERNEL_SINCE;
}

char *
log_uuid_text (char buf[UUID_TEXT], const struct dirty_log *log)
{
  char *p = buf;

  for (size_t i = 0; i < sizeof log->uuid; ++i)
    p += sprintf (p, "%s%02x", i >= 4 && i <= 10 && i % 2 == 0 ? "-" : "",
                  log->uuid[i]);
  return buf;
}

/* Legs with that state. */
static unsigned
count_legs (const struct dirty_log *log, enum log_leg_state state)
{
  unsigned count = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    count += log->leg[s].state == state;
  return count;
}

/* The leg that a start after an unclean end copies from: the recorded
 * primary if it is in-sync, else the first that is.  -1: none.
 */
static int
source_leg (const struct dirty_log *log)
{
  if (log->primary < LOG_MAX_LEGS &&
      log->leg[log->primary].state == LOG_LEG_IN_SYNC)
    return (int) log->primary;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (log->leg[s].state == LOG_LEG_IN_SYNC)
      return (int) s;
  return -1;
}

static void
plan_ours (char buf[PLAN_TEXT], const struct dirty_log *log)
{
  int source = source_leg (log);
  uint64_t marked = log->unclean ? log->marked.count : 0;

  if (source == -1)
    snprintf (buf, PLAN_TEXT, "refuse: no leg is in-sync");
  else if (marked == 0 && log->out_of_sync.count == 0)
    snprintf (buf, PLAN_TEXT, "serve, copy nothing");
  else
    snprintf (buf, PLAN_TEXT,
              "serve, source leg %d: copy %" PRIu64 " marked regions to every "
              "other leg, and %" PRIu64 " to legs that miss them",
              source, marked, log->out_of_sync.count);
}

static void
plan_kernel_since (char buf[PLAN_TEXT], const struct dirty_log *log)
{
  if (count_legs (log, LOG_LEG_IN_SYNC) == 2 &&
      count_legs (log, LOG_LEG_STALE) == 0)
    snprintf (buf, PLAN_TEXT,
              "the kernel used it since: serve, source leg %d: copy %" PRIu64
              " regions it left dirty",
              source_leg (log), log->kernel_dirty.count);
  else
    snprintf (buf, PLAN_TEXT,
              "refuse: the kernel used it since, and not just two legs were "
              "in-sync");
}

char *
log_plan (char buf[PLAN_TEXT], const struct dirty_log *log)
{
  switch (log->found) {
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
              log->marked.count);
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
next_run (const struct bitset *bs, uint64_t *next, uint64_t *first,
          uint64_t *nr)
{
  if (bs->nr == 0)
    return false;
  *first = bitset_next_set (bs, *next);
  if (*first >= bs->nr)
    return false;
  *next = bitset_next_clear (bs, *first);
  *nr = *next - *first;
  return true;
}

uint64_t
count_runs (const struct bitset *bs, uint64_t next)
{
  uint64_t count = 0, first, nr;

  while (next_run (bs, &next, &first, &nr))
    ++count;
  return count;
}
