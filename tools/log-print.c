/* SPDX-License-Identifier: BSD-3-Clause */

/* Logs of a server for people. */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "fields.h"
#include "log-print.h"

#define CELL_TEXT 160

enum {
  NAME,
  STATE,
  OWNER,
  OWNER_STATE,
  EPOCH,
  LEASE,
  MARKED,
  MISSED,
  NR_COLUMNS,
};

static const struct {
  const char *title;
  bool right;
} columns[NR_COLUMNS] = {
  [NAME] = {"name", false},    [STATE] = {"state", false},
  [OWNER] = {"owner", false},  [OWNER_STATE] = {"is", false},
  [EPOCH] = {"epoch", true},   [LEASE] = {"lease left", true},
  [MARKED] = {"marked", true}, [MISSED] = {"missed", true},
};

bool
log_is_complete (struct json_object *log)
{
  return log != NULL && json_object_is_type (log, json_type_object) &&
         *field_text (log, "name") != '\0' &&
         *field_text (log, "state") != '\0' &&
         *field_text (log, "owner_state") != '\0';
}

static bool
has (struct json_object *log, const char *key)
{
  return json_object_object_get_ex (log, key, NULL);
}

static bool
owner_is (struct json_object *log, const char *state)
{
  return strcmp (field_text (log, "owner_state"), state) == 0;
}

/* --- cells --- */

static void
write_number (char cell[CELL_TEXT], struct json_object *log, const char *key)
{
  if (has (log, key))
    snprintf (cell, CELL_TEXT, "%" PRIu64, field_u64 (log, key));
  else
    strcpy (cell, "-");
}

/* Where it is, if not at the server that was asked; "(away)": that one does not
 * answer.
 */
static void
write_state (char cell[CELL_TEXT], struct json_object *log)
{
  const char *state = field_text (log, "state");

  if (strcmp (state, "elsewhere") == 0)
    snprintf (cell, CELL_TEXT, "at %s%s", field_text (log, "server"),
              field_bool (log, "away") ? " (away)" : "");
  else
    snprintf (cell, CELL_TEXT, "%s", state);
}

static void
write_owner (char cell[CELL_TEXT], struct json_object *log)
{
  struct json_object *owner = field_object (log, "owner");

  if (owner && !owner_is (log, "free"))
    snprintf (cell, CELL_TEXT, "%s/%" PRIu64, field_text (owner, "host"),
              field_u64 (owner, "pid"));
  else
    strcpy (cell, "-");
}

static void
write_lease (char cell[CELL_TEXT], struct json_object *log)
{
  if (has (log, "lease_left_ms") && !owner_is (log, "free"))
    snprintf (cell, CELL_TEXT, "%.1f s",
              (double) field_u64 (log, "lease_left_ms") / 1000);
  else
    strcpy (cell, "-");
}

static void
write_cell (char cell[CELL_TEXT], struct json_object *log, unsigned column)
{
  switch (column) {
  case NAME:
    snprintf (cell, CELL_TEXT, "%s", field_text (log, "name"));
    break;
  case STATE:
    write_state (cell, log);
    break;
  case OWNER:
    write_owner (cell, log);
    break;
  case OWNER_STATE:
    snprintf (cell, CELL_TEXT, "%s", field_text (log, "owner_state"));
    break;
  case EPOCH:
    write_number (cell, log, "epoch");
    break;
  case LEASE:
    write_lease (cell, log);
    break;
  case MARKED:
    write_number (cell, log, "dirty_regions");
    break;
  default:
    write_number (cell, log, "out_of_sync_regions");
  }
}

/* --- the table --- */

static int
width_of (struct json_object *logs, unsigned column)
{
  size_t width = strlen (columns[column].title);
  char cell[CELL_TEXT];

  for (size_t i = 0; i < json_object_array_length (logs); ++i) {
    write_cell (cell, json_object_array_get_idx (logs, i), column);
    if (strlen (cell) > width)
      width = strlen (cell);
  }
  return (int) width;
}

static void
print_cell (FILE *out, const char *cell, unsigned column, int width)
{
  char padded[2 * CELL_TEXT];

  snprintf (padded, sizeof padded, "%*s",
            columns[column].right ? width : -width, cell);
  print_safe (out, padded);
  fputs (column == NR_COLUMNS - 1 ? "\n" : "  ", out);
}

void
print_log_list (FILE *out, struct json_object *logs)
{
  int width[NR_COLUMNS];
  char cell[CELL_TEXT];

  for (unsigned c = 0; c < NR_COLUMNS; ++c) {
    width[c] = width_of (logs, c);
    print_cell (out, columns[c].title, c, width[c]);
  }
  for (size_t i = 0; i < json_object_array_length (logs); ++i)
    for (unsigned c = 0; c < NR_COLUMNS; ++c) {
      write_cell (cell, json_object_array_get_idx (logs, i), c);
      print_cell (out, cell, c, width[c]);
    }
}

/* --- one log --- */

static void
print_head (FILE *out, struct json_object *log)
{
  fprintf (out, "log     ");
  print_safe (out, field_text (log, "name"));
  fprintf (out, ", ");
  print_safe (out, field_text (log, "state"));
  fprintf (out, strcmp (field_text (log, "type"), "memory") == 0
                  ? ", in the server's memory\n"
                  : ", on the server's disk\n");
}

static void
print_mirror (FILE *out, struct json_object *log)
{
  char size[SIZE_TEXT], region[SIZE_TEXT];

  if (field_u64 (log, "regions") == 0)
    return;
  fprintf (out, "mirror  %s, %" PRIu64 " regions of %s\n",
           format_size (size, field_u64 (log, "size")),
           field_u64 (log, "regions"),
           format_size (region, field_u64 (log, "region_size")));
  fprintf (out, "        uuid ");
  print_safe (out, field_text (log, "uuid"));
  fprintf (out, ", generation %" PRIu64 "\n", field_u64 (log, "generation"));
}

static void
print_owner (FILE *out, struct json_object *log)
{
  struct json_object *owner = field_object (log, "owner");
  char cell[CELL_TEXT];

  fprintf (out, "owner   ");
  if (owner_is (log, "free"))
    fprintf (out, owner ? "none, the last one was " : "none");
  if (owner) {
    print_safe (out, field_text (owner, "host"));
    fprintf (out, ", process %" PRIu64 ", address ", field_u64 (owner, "pid"));
    print_safe (out, field_text (owner, "address"));
  }
  fprintf (out, "\n        ");
  print_safe (out, field_text (log, "owner_state"));
  fprintf (out, ", epoch %" PRIu64, field_u64 (log, "epoch"));
  write_lease (cell, log);
  if (strcmp (cell, "-") != 0)
    fprintf (out, ", lease ends in %s", cell);
  fputc ('\n', out);
}

static void
print_counts (FILE *out, struct json_object *log)
{
  if (!has (log, "dirty_regions"))
    return;
  fprintf (out, "regions %" PRIu64 " marked, %" PRIu64 " missed by some leg\n",
           field_u64 (log, "dirty_regions"),
           field_u64 (log, "out_of_sync_regions"));
  fprintf (out,
           "since   %" PRIu64 " marks, %" PRIu64 " clears, %" PRIu64
           " flushes, of which %" PRIu64 " failed\n",
           field_u64 (log, "marks"), field_u64 (log, "clears"),
           field_u64 (log, "flushes"), field_u64 (log, "flush_errors"));
}

static void
print_advice (FILE *out, struct json_object *log)
{
  if (*field_text (log, "last_error") != '\0') {
    fprintf (out, "\nlast error: ");
    print_safe (out, field_text (log, "last_error"));
    fputc ('\n', out);
  }
  if (strcmp (field_text (log, "state"), "failed") == 0)
    fprintf (out, "the server can't write the log: make room on its disk, or "
                  "repair it\n");
  if (owner_is (log, "silent"))
    fprintf (out, "the owner is silent: another mirror that starts with this "
                  "log gets it when the lease\nis over\n");
}

void
print_log_text (FILE *out, struct json_object *log)
{
  print_head (out, log);
  print_mirror (out, log);
  print_owner (out, log);
  print_counts (out, log);
  print_advice (out, log);
}
