/* SPDX-License-Identifier: BSD-3-Clause */

/* The table line with which the kernel's dm-mirror takes over:
 *
 *   0 <sectors> mirror disk 2 <log> <region sectors> <#legs> {<leg> 0}...
 *     1 handle_errors
 *
 * dm-mirror copies from its first leg and, in regions out of sync, writes
 * only there.  So our primary comes first, and there is no line if that
 * leg does not have all data.
 */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dump-facts.h"
#include "dump.h"
#include "msg.h"

#define SECTOR 512

/* dm splits at white space that no backslash precedes. */
static void
print_word (FILE *out, const char *text)
{
  for (; *text != '\0'; ++text) {
    if (strchr (" \t\n\v\f\r\\", *text) != NULL)
      fputc ('\\', out);
    fputc (*text, out);
  }
}

static int
refuse (const struct dump *log, const char *why)
{
  msg_error ("%s: no table line: %s", log->info->name, why);
  return -1;
}

static unsigned
count_legs (const struct dump *log)
{
  unsigned count = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    count += log->record.leg[s].state != LOG_LEG_NONE;
  return count;
}

static bool
has_nameless_leg (const struct dump *log)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (log->record.leg[s].state != LOG_LEG_NONE &&
        log->record.leg[s].name[0] == '\0')
      return true;
  return false;
}

static int
check_log (const struct dump *log)
{
  if (log->info->found == LOG_FOUND_DAMAGED)
    return refuse (log, "the log is damaged");
  if (!log_is_ours (log))
    return refuse (log, "the log holds no record of legs");
  if (log->record.primary >= LOG_MAX_LEGS ||
      log->record.leg[log->record.primary].state != LOG_LEG_IN_SYNC)
    return refuse (log, "the primary is not in-sync, and the kernel would "
                        "copy from it");
  if (count_legs (log) < 2)
    return refuse (log, "a mirror needs two legs");
  if (has_nameless_leg (log))
    return refuse (log, "the name of a leg is not recorded");
  if (log->info->geo.size % SECTOR != 0)
    return refuse (log, "the size is not a multiple of 512");
  return 0;
}

static void
print_leg (FILE *out, const struct dump *log, unsigned slot)
{
  fputc (' ', out);
  print_word (out, log->record.leg[slot].name);
  fputs (" 0", out);
}

int
dump_dm_table (FILE *out, const struct dump *log)
{
  if (check_log (log) == -1)
    return -1;
  fprintf (out, "0 %" PRIu64 " mirror disk 2 ", log->info->geo.size / SECTOR);
  print_word (out, log->info->name);
  fprintf (out, " %u %u", log->info->geo.region_size / SECTOR,
           count_legs (log));
  print_leg (out, log, log->record.primary);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (s != log->record.primary && log->record.leg[s].state != LOG_LEG_NONE)
      print_leg (out, log, s);
  fprintf (out, " 1 handle_errors\n");
  return 0;
}
