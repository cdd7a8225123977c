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

#include "dirty-log.h"
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
refuse (const struct dirty_log *log, const char *why)
{
  msg_error ("%s: no table line: %s", log->name, why);
  return -1;
}

static unsigned
count_legs (const struct dirty_log *log)
{
  unsigned count = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    count += log->leg[s].state != LOG_LEG_NONE;
  return count;
}

static bool
has_nameless_leg (const struct dirty_log *log)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (log->leg[s].state != LOG_LEG_NONE && log->leg[s].name[0] == '\0')
      return true;
  return false;
}

static int
check_log (const struct dirty_log *log)
{
  if (log->found == LOG_FOUND_DAMAGED)
    return refuse (log, "the log is damaged");
  if (!log_is_ours (log))
    return refuse (log, "the log holds no record of legs");
  if (log->primary >= LOG_MAX_LEGS ||
      log->leg[log->primary].state != LOG_LEG_IN_SYNC)
    return refuse (log, "the primary is not in-sync, and the kernel would "
                        "copy from it");
  if (count_legs (log) < 2)
    return refuse (log, "a mirror needs two legs");
  if (has_nameless_leg (log))
    return refuse (log, "the name of a leg is not recorded");
  if (log->geo.size % SECTOR != 0)
    return refuse (log, "the size is not a multiple of 512");
  return 0;
}

static void
print_leg (FILE *out, const struct dirty_log *log, unsigned slot)
{
  fputc (' ', out);
  print_word (out, log->leg[slot].name);
  fputs (" 0", out);
}

int
dump_dm_table (FILE *out, struct dirty_log *log)
{
  if (check_log (log) == -1)
    return -1;
  fprintf (out, "0 %" PRIu64 " mirror disk 2 ", log->geo.size / SECTOR);
  print_word (out, log->name);
  fprintf (out, " %u %u", log->geo.region_size / SECTOR, count_legs (log));
  print_leg (out, log, log->primary);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (s != log->primary && log->leg[s].state != LOG_LEG_NONE)
      print_leg (out, log, s);
  fprintf (out, " 1 handle_errors\n");
  return 0;
}
