/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "fields.h"
#include "scrub-print.h"

#define BAR_WIDTH 30

static size_t
nr_of (struct json_object *scrub, const char *key)
{
  struct json_object *found = json_object_object_get (scrub, key);

  return json_object_is_type (found, json_type_array)
           ? json_object_array_length (found)
           : 0;
}

bool
scrub_is_clean (struct json_object *scrub)
{
  return nr_of (scrub, "mismatches") == 0 && nr_of (scrub, "read_errors") == 0;
}

/* 100 only when all is done. */
static unsigned
percent (struct json_object *scrub)
{
  uint64_t done = field_u64 (scrub, "done_bytes");
  uint64_t total = field_u64 (scrub, "total_bytes");

  return done >= total ? 100
                       : (unsigned) ((double) done * 100 / (double) total);
}

static uint64_t
bytes_of (struct json_object *scrub, const char *key)
{
  struct json_object *found = json_object_object_get (scrub, key);
  uint64_t bytes = 0;

  for (size_t i = 0; i < nr_of (scrub, key); ++i)
    bytes += field_u64 (json_object_array_get_idx (found, i), "length");
  return bytes;
}

static void
print_found (FILE *out, struct json_object *scrub)
{
  char differ[SIZE_TEXT], unread[SIZE_TEXT], repaired[SIZE_TEXT];

  fprintf (out, ", %s differ",
           format_size (differ, bytes_of (scrub, "mismatches")));
  if (nr_of (scrub, "read_errors") > 0)
    fprintf (out, ", %s can't be read",
             format_size (unread, bytes_of (scrub, "read_errors")));
  if (field_u64 (scrub, "repaired_bytes") > 0)
    fprintf (out, ", %s repaired",
             format_size (repaired, field_u64 (scrub, "repaired_bytes")));
}

void
print_scrub_line (FILE *out, struct json_object *scrub)
{
  const char *state = field_text (scrub, "state");
  char done[SIZE_TEXT], total[SIZE_TEXT];

  if (*state == '\0' || strcmp (state, "idle") == 0)
    return;
  fprintf (out, "scrub   %s, %u%%, %s of %s", state, percent (scrub),
           format_size (done, field_u64 (scrub, "done_bytes")),
           format_size (total, field_u64 (scrub, "total_bytes")));
  print_found (out, scrub);
  fputc ('\n', out);
  if (*field_text (scrub, "waits") != '\0') {
    fprintf (out, "        it waits: ");
    print_safe (out, field_text (scrub, "waits"));
    fputc ('\n', out);
  }
}

/* "0 2 | 1", or "1". */
static void
print_legs (FILE *out, struct json_object *legs)
{
  size_t nr = json_object_is_type (legs, json_type_array)
                ? json_object_array_length (legs)
                : 0;

  for (size_t i = 0; i < nr; ++i) {
    struct json_object *leg = json_object_array_get_idx (legs, i);

    if (json_object_is_type (leg, json_type_array)) {
      fprintf (out, "%s", i > 0 ? " | " : "");
      print_legs (out, leg);
    }
    else
      fprintf (out, "%s%" PRId64, i > 0 ? " " : "",
               json_object_get_int64 (leg));
  }
}

static void
print_ranges (FILE *out, struct json_object *scrub, const char *key,
              const char *what)
{
  struct json_object *found = json_object_object_get (scrub, key);

  for (size_t i = 0; i < nr_of (scrub, key); ++i) {
    struct json_object *range = json_object_array_get_idx (found, i);

    fprintf (out, "%-10s  %20" PRIu64 "  %14" PRIu64 "  ", what,
             field_u64 (range, "offset"), field_u64 (range, "length"));
    print_legs (out, json_object_object_get (range, "legs"));
    fputc ('\n', out);
  }
}

void
print_scrub_list (FILE *out, struct json_object *scrub)
{
  const char *state = field_text (scrub, "state");

  if (*state == '\0' || strcmp (state, "idle") == 0) {
    fprintf (out, "there was no scrub yet\n");
    return;
  }
  print_scrub_line (out, scrub);
  if (scrub_is_clean (scrub))
    return;
  fprintf (out, "\n%-10s  %20s  %14s  %s\n", "", "offset", "length",
           "legs (those that are equal | others)");
  print_ranges (out, scrub, "mismatches", "differ");
  print_ranges (out, scrub, "read_errors", "unreadable");
  if (field_bool (scrub, "more_mismatches") ||
      field_bool (scrub, "more_read_errors"))
    fprintf (out, "and more, for which there was no room: repair these, and "
                  "scrub again\n");
}

void
print_scrub_bar (FILE *out, struct json_object *scrub)
{
  unsigned done = percent (scrub), filled = done * BAR_WIDTH / 100;

  fprintf (out, "\r[");
  for (unsigned i = 0; i < BAR_WIDTH; ++i)
    fputc (i < filled ? '#' : '.', out);
  fprintf (out, "] %3u%%", done);
  print_found (out, scrub);
  fprintf (out, "\033[K");
}
