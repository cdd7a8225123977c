/* SPDX-License-Identifier: BSD-3-Clause */

/* A disk log for people. */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "dump-facts.h"
#include "dump.h"
#include "leg-kind.h"
#include "fields.h"

#define MAX_RUNS 24

/* "what 5 regions: 0-3 17" */
static void
print_bits (FILE *out, const char *what, const struct dump *log, unsigned map)
{
  uint64_t count = dirty_log_count (log->log, map);
  uint64_t next = 0, first, nr, left;
  unsigned shown = 0;

  if (count == 0)
    return;
  fprintf (out, "\n%s, %" PRIu64 " region%s:", what, count,
           count == 1 ? "" : "s");
  while (shown < MAX_RUNS && next_run (log, map, &next, &first, &nr)) {
    fprintf (out, "%s%" PRIu64, shown++ % 8 == 0 ? "\n  " : " ", first);
    if (nr > 1)
      fprintf (out, "-%" PRIu64, first + nr - 1);
  }
  left = count_runs (log, map, next);
  if (left > 0)
    fprintf (out, "\n  and %" PRIu64 " more runs", left);
  fputc ('\n', out);
}

static void
print_owner (FILE *out, const struct dump *log)
{
  if (log->info->owner_pid == 0)
    return;
  fprintf (out, "owner       process %" PRIu64 " on ", log->info->owner_pid);
  print_safe (out, log->info->owner_host);
  fprintf (out, "%s\n", log->info->unclean ? "" : " (ended)");
}

static void
print_geometry (FILE *out, const struct dump *log)
{
  char size[SIZE_TEXT], region[SIZE_TEXT];

  if (log->info->geo.region_size != 0)
    fprintf (out,
             "size        %" PRIu64 " (%s)\nregions     %" PRIu64 " of %s\n",
             log->info->geo.size, format_size (size, log->info->geo.size),
             log->info->geo.nr_regions,
             format_size (region, log->info->geo.region_size));
  else if (log->info->geo.nr_regions != 0)
    fprintf (out,
             "regions     %" PRIu64 ", of a size only the kernel's table "
             "knows\n",
             log->info->geo.nr_regions);
}

static void
print_header (FILE *out, const struct dump *log)
{
  char uuid[UUID_TEXT], plan[PLAN_TEXT];

  fprintf (out, "log         ");
  print_safe (out, log->info->name);
  fprintf (out, "\nfound       %s\n", log_found_name (log));
  if (log_is_ours (log)) {
    fprintf (out, "uuid        %s\n", format_uuid (uuid, log->info->uuid));
    fprintf (out, "generation  %" PRIu64 "\n", log->record.generation);
    fprintf (out, "state       %s\n",
             log->info->unclean
               ? "unclean: in use, or its server did not end well"
               : "clean");
    print_owner (out, log);
  }
  print_geometry (out, log);
  if (log->record.min_block != 0)
    fprintf (out, "blocks      of %" PRIu32 " bytes, clients were told\n",
             log->record.min_block);
  fprintf (out, "a start     would %s\n", log_plan (plan, log));
}

static void
print_legs (FILE *out, const struct dump *log)
{
  char size[SIZE_TEXT];

  fprintf (out, "\n%4s  %-7s  %-7s  %-7s  %10s  %10s  %10s  %s\n", "leg",
           "state", "", "kind", "size", "generation", "missed", "name");
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    const struct log_leg *leg = &log->record.leg[s];

    if (leg->state == LOG_LEG_NONE)
      continue;
    fprintf (out,
             "%4u  %-7s  %-7s  %-7s  %10s  %10" PRIu64 "  %10" PRIu64 "  ", s,
             log_leg_state_name (log, s),
             s == log->record.primary ? "primary" : "",
             leg_kind_name (leg->kind), format_size (size, leg->size),
             leg->generation, dirty_log_count (log->log, LOG_MAP_MISSED (s)));
    print_safe (out, leg->name);
    fputc ('\n', out);
  }
}

void
dump_text (FILE *out, const struct dump *log)
{
  char what[32];

  print_header (out, log);
  if (log_is_ours (log))
    print_legs (out, log);
  print_bits (out, "marked", log, LOG_MAP_MARKED);
  print_bits (out, "left dirty by the kernel", log, LOG_MAP_KERNEL_DIRTY);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    snprintf (what, sizeof what, "missed by leg %u", s);
    print_bits (out, what, log, LOG_MAP_MISSED (s));
  }
}
