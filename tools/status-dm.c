/* SPDX-License-Identifier: BSD-3-Clause */

/* The status as `dmsetup status` prints the kernel's mirror target:
 *
 *   <start> <sectors> mirror <#legs> <dev>... <in sync>/<regions>
 *     1 <one health character for each leg> <log information>
 *
 * Devices are names here, not major:minor, with what would break the line
 * into other words written as \xHH.
 */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "fields.h"
#include "status-print.h"

#define SECTOR 512

static void
print_word (FILE *out, const char *text)
{
  if (*text == '\0')
    text = "-";
  for (; *text != '\0'; ++text) {
    unsigned char ch = (unsigned char) *text;

    if (ch <= ' ' || ch == '\\' || ch == 0x7f)
      fprintf (out, "\\x%02x", ch);
    else
      fputc (ch, out);
  }
}

/* The kernel forgets a leg's errors once it is in sync again.  A read
 * error costs a leg nothing if another leg had the data, so it alone is
 * still shown.
 */
static char
leg_health (struct json_object *leg)
{
  uint64_t flush = field_u64 (leg, "flush_errors");
  uint64_t write = field_u64 (leg, "write_errors");
  uint64_t read = field_u64 (leg, "read_errors");

  if (leg_is (leg, "in-sync") || leg_is (leg, "resyncing"))
    return read > 0 && write == 0 && flush == 0 ? 'R' : 'A';
  if (flush > 0)
    return 'F';
  if (write > 0 || !leg_is (leg, "stale"))
    return 'D';
  return read > 0 ? 'R' : 'S';
}

static void
print_log (FILE *out, struct json_object *log)
{
  const char *type = field_text (log, "type");

  if (strcmp (type, "core") == 0) {
    fprintf (out, "1 core\n");
    return;
  }
  fprintf (out, "3 %s ", type);
  print_word (out, field_text (log, "name"));
  fprintf (out, " %c\n", strcmp (field_text (log, "state"), "ok") ? 'F' : 'A');
}

void
print_status_dm (FILE *out, struct json_object *status)
{
  struct json_object *mirror = field_object (status, "mirror");
  size_t nr_legs = status_nr_legs (status);
  uint64_t regions = field_u64 (mirror, "regions");
  uint64_t missed = field_u64 (mirror, "out_of_sync_regions");

  fprintf (out, "0 %" PRIu64 " mirror %zu",
           field_u64 (mirror, "size") / SECTOR, nr_legs);
  for (size_t i = 0; i < nr_legs; ++i) {
    fputc (' ', out);
    print_word (out, field_text (status_leg (status, i), "name"));
  }
  fprintf (out, " %" PRIu64 "/%" PRIu64 " 1 ", regions - missed, regions);
  for (size_t i = 0; i < nr_legs; ++i)
    fputc (leg_health (status_leg (status, i)), out);
  fputc (' ', out);
  print_log (out, field_object (status, "log"));
}
