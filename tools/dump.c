/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror dump: what a disk log says. */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bitset.h"
#include "cleanup.h"
#include "deadline.h"
#include "dirty-log.h"
#include "dump.h"
#include "msg.h"
#include "nbdmirror.h"

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

/* "disk:" and the absolute path, without following links: the name is
 * printed.  NULL with the error reported.
 */
static char *
log_spec (const char *path)
{
  CLEANUP_FREE char *cwd = NULL;
  struct stat st;
  char *spec;
  int r;

  /* A log that is not there is a new one to a server, not to us. */
  if (stat (path, &st) == -1) {
    msg_error ("%s: %m", path);
    return NULL;
  }
  if (*path == '/')
    r = asprintf (&spec, "disk:%s", path);
  else {
    cwd = getcwd (NULL, 0);
    r = cwd == NULL ? -1 : asprintf (&spec, "disk:%s/%s", cwd, path);
  }
  if (r == -1) {
    msg_error ("%s: absolute path: %m", path);
    return NULL;
  }
  return spec;
}

static int
dump_log (const char *path, int form)
{
  CLEANUP_FREE char *spec = log_spec (path);
  struct dirty_log *log;
  int r = 0;

  if (spec == NULL)
    return EXIT_FAILED;
  log = dirty_log_open (spec, LOG_READ_ONLY);
  if (log == NULL)
    return EXIT_FAILED;
  if (form == 't')
    r = dump_dm_table (stdout, log);
  else if (form == 'j')
    dump_json (stdout, log);
  else
    dump_text (stdout, log);
  dirty_log_close (log, NO_DEADLINE);
  return r == -1 ? EXIT_FAILED : 0;
}

int
verb_dump (int argc, char *argv[])
{
  static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"dm-table", no_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
  };
  const char *path;
  int form = 0, opt;

  while ((opt = getopt_long (argc, argv, "h", options, NULL)) != -1) {
    if (opt == 'h')
      return verb_help ("dump");
    if (opt == '?')
      return usage_error ("dump");
    if (form != 0 && form != opt) {
      msg_error ("only one of --json and --dm-table");
      return usage_error ("dump");
    }
    form = opt;
  }
  path = one_operand (argc, argv, "LOGFILE");
  if (path == NULL)
    return usage_error ("dump");
  return dump_log (path, form);
}
