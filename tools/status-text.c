/* SPDX-License-Identifier: BSD-3-Clause */

/* The status for people. */

#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "fields.h"
#include "scrub-print.h"
#include "status-print.h"

#define BAR_WIDTH 30

/* 100 only when all is done. */
static unsigned
percent (uint64_t done, uint64_t total)
{
  if (total == 0 || done >= total)
    return 100;
  return (unsigned) ((double) done * 100 / (double) total);
}

/* Done bytes of a resync; the total may be zero. */
static unsigned
resync_percent (struct json_object *resync)
{
  return percent (field_u64 (resync, "done_bytes"),
                  field_u64 (resync, "total_bytes"));
}

static bool
resync_is (struct json_object *status, const char *state)
{
  return strcmp (field_text (field_object (status, "resync"), "state"),
                 state) == 0;
}

/* "2 errors" */
static void
print_count (FILE *out, uint64_t n, const char *what)
{
  fprintf (out, "%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
}

static void
print_mirror (FILE *out, struct json_object *status)
{
  struct json_object *mirror = field_object (status, "mirror");
  char size[SIZE_TEXT], region[SIZE_TEXT];

  fprintf (out, "mirror  %s, %s, ", field_text (mirror, "state"),
           format_size (size, field_u64 (mirror, "size")));
  print_count (out, status_nr_legs (status), "leg");
  fprintf (out, ", ");
  print_count (out, field_u64 (mirror, "regions"), "region");
  fprintf (out, " of %s\n",
           format_size (region, field_u64 (mirror, "region_size")));
  fprintf (out, "        uuid %s, generation %" PRIu64 "\n",
           field_text (mirror, "uuid"), field_u64 (mirror, "generation"));
  if (*field_text (mirror, "reason") != '\0') {
    fprintf (out, "        ");
    print_safe (out, field_text (mirror, "reason"));
    fputc ('\n', out);
  }
}

/* If there are several. */
static void
print_log_servers (FILE *out, struct json_object *log)
{
  struct json_object *servers, *server;

  if (!json_object_object_get_ex (log, "servers", &servers) ||
      !json_object_is_type (servers, json_type_array) ||
      json_object_array_length (servers) < 2)
    return;
  for (size_t i = 0; i < json_object_array_length (servers); ++i) {
    server = json_object_array_get_idx (servers, i);
    fputs (i == 0 ? "        " : ", ", out);
    print_safe (out, field_text (server, "server"));
    fprintf (out, " ");
    print_safe (out, field_text (server, "state"));
  }
  fputc ('\n', out);
}

static void
print_log (FILE *out, struct json_object *status)
{
  struct json_object *mirror = field_object (status, "mirror");
  struct json_object *log = field_object (status, "log");

  fprintf (out, "log     %s, %s, ", field_text (log, "state"),
           field_text (log, "type"));
  if (*field_text (log, "name") != '\0') {
    print_safe (out, field_text (log, "name"));
    fprintf (out, ", ");
  }
  print_count (out, field_u64 (mirror, "dirty_regions"), "region");
  fprintf (out, " marked\n");
  print_log_servers (out, log);
}

static void
print_leg (FILE *out, struct json_object *status, struct json_object *leg)
{
  uint64_t errors = field_u64 (leg, "read_errors") +
                    field_u64 (leg, "write_errors") +
                    field_u64 (leg, "flush_errors");
  uint64_t region_size =
    field_u64 (field_object (status, "mirror"), "region_size");
  char missed[SIZE_TEXT], reads[SIZE_TEXT], writes[SIZE_TEXT];

  fprintf (out, "%4" PRIu64 "  %-9s  %-7s  %10s  %10s  %10s  %6" PRIu64 "  ",
           field_u64 (leg, "index"), field_text (leg, "state"),
           field_bool (leg, "primary") ? "primary" : "",
           format_size (missed,
                        field_u64 (leg, "missed_regions") * region_size),
           format_size (reads, field_u64 (leg, "read_bytes")),
           format_size (writes, field_u64 (leg, "write_bytes")), errors);
  print_safe (out, field_text (leg, "name"));
  fputc ('\n', out);
}

static void
print_legs (FILE *out, struct json_object *status)
{
  fprintf (out, "\n%4s  %-9s  %-7s  %10s  %10s  %10s  %6s  %s\n", "leg",
           "state", "", "missed", "read", "written", "errors", "name");
  for (size_t i = 0; i < status_nr_legs (status); ++i)
    print_leg (out, status, status_leg (status, i));
}

static void
print_eta (FILE *out, struct json_object *resync)
{
  struct json_object *eta;
  uint64_t s;

  if (!json_object_object_get_ex (resync, "eta_seconds", &eta) || eta == NULL)
    return;
  s = field_u64 (resync, "eta_seconds");
  if (s >= 3600)
    fprintf (out, ", %" PRIu64 " h %02" PRIu64 " min left", s / 3600,
             s / 60 % 60);
  else if (s >= 60)
    fprintf (out, ", %" PRIu64 " min %02" PRIu64 " s left", s / 60, s % 60);
  else
    fprintf (out, ", %" PRIu64 " s left", s);
}

static void
print_bar (FILE *out, unsigned done)
{
  unsigned filled = done * BAR_WIDTH / 100;

  fputc ('[', out);
  for (unsigned i = 0; i < BAR_WIDTH; ++i)
    fputc (i < filled ? '#' : '.', out);
  fprintf (out, "] %3u%%", done);
}

static void
print_resync (FILE *out, struct json_object *status)
{
  struct json_object *resync = field_object (status, "resync");
  char done[SIZE_TEXT], total[SIZE_TEXT], rate[SIZE_TEXT];

  if (resync_is (status, "idle"))
    return;
  fprintf (out, "\nresync  ");
  print_bar (out, resync_percent (resync));
  fprintf (out, "  %s of %s",
           format_size (done, field_u64 (resync, "done_bytes")),
           format_size (total, field_u64 (resync, "total_bytes")));
  fprintf (out, ", %s/s",
           format_size (rate, field_u64 (resync, "bytes_per_second")));
  print_eta (out, resync);
  fputc ('\n', out);
}

/* Why resync and scrub are not faster. */
static const char *
why_in_words (const char *why)
{
  static const char *const words[][2] = {
    {"idle", "as fast as the legs allow"},
    {"legs", "as fast as the legs allow beside clients"},
    {"yielding", "yielding to clients"},
    {"floor", "yielding to clients, but not below resync-min"},
    {"limit", "resync-rate"},
  };

  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i)
    if (strcmp (why, words[i][0]) == 0)
      return words[i][1];
  return why;
}

static void
print_rate (FILE *out, struct json_object *status)
{
  struct json_object *rate = field_object (status, "rate");
  const char *why = field_text (rate, "why");
  char now[SIZE_TEXT];

  if (*why == '\0' || strcmp (why, "none") == 0)
    return;
  fprintf (out, "\ncopies  %s/s, ",
           format_size (now, field_u64 (rate, "bytes_per_second")));
  print_safe (out, why_in_words (why));
  if (field_u64 (rate, "alone_p99_us") > 0)
    fprintf (out, " (p99 %" PRIu64 " us, without copies %" PRIu64 " us)",
             field_u64 (rate, "client_p99_us"),
             field_u64 (rate, "alone_p99_us"));
  fputc ('\n', out);
}

static void
print_time (FILE *out, uint64_t seconds)
{
  time_t when = (time_t) seconds;
  char text[32];
  struct tm tm;

  if (seconds != 0 && localtime_r (&when, &tm) &&
      strftime (text, sizeof text, "%F %T", &tm) > 0)
    fprintf (out, " (%s)", text);
}

static void
print_last_error (FILE *out, const char *who, struct json_object *of)
{
  const char *error = field_text (of, "last_error");

  if (*error == '\0')
    return;
  fprintf (out, "%s: last error", who);
  print_time (out, field_u64 (of, "last_error_time"));
  fprintf (out, ": ");
  print_safe (out, error);
  fputc ('\n', out);
}

static void
print_errors (FILE *out, struct json_object *status)
{
  char who[32];

  for (size_t i = 0; i < status_nr_legs (status); ++i) {
    struct json_object *leg = status_leg (status, i);

    snprintf (who, sizeof who, "leg %" PRIu64, field_u64 (leg, "index"));
    print_last_error (out, who, leg);
  }
  print_last_error (out, "log", field_object (status, "log"));
}

/* A leg that does not answer, or late. */
static void
print_delay_advice (FILE *out, struct json_object *leg)
{
  if (field_u64 (leg, "no_answer_seconds") > 0)
    fprintf (out,
             "leg %" PRIu64 " has not answered for %" PRIu64 " seconds, and "
             "%s: look at its disk, or what it is mounted from\n",
             field_u64 (leg, "index"), field_u64 (leg, "no_answer_seconds"),
             leg_is (leg, "failed") ? "is not used again before it does"
                                    : "requests wait for it");
  if (field_bool (leg, "slow"))
    fprintf (out,
             "leg %" PRIu64 " is slow beside the others, and what is written "
             "waits for it: look at its disk,\nits load and its network\n",
             field_u64 (leg, "index"));
}

/* What to do about one leg. */
static void
print_leg_advice (FILE *out, struct json_object *leg)
{
  static const struct {
    const char *field, *value, *advice;
  } advices[] = {
    {"returns", "itself",
     "is out of use: repair what its last error names; it is tried again by "
     "itself,\nand gets what it missed"},
    {"returns", "refused",
     "is out of use: what is there now is not used, see its last error; bring "
     "the right one,\nor an empty one in its place (the same path or URI)"},
    {"returns", "awaited",
     "has all data, and is away: bring its server back, and all goes on by "
     "itself"},
    {"returns", "restart",
     "has all data, and is lost: bring it back, then restart the server"},
    {"returns", "not-named",
     "is known to the log, and this server was not told of it: start it with "
     "the leg,\nor with an empty one; data written since is kept account of"},
    {"returns", "attach",
     "was taken out of use: `nbdmirror attach' brings it back"},
    {"state", "stale",
     "lacks data, and a copy to it failed, which is tried again: see its last "
     "error"},
  };

  print_delay_advice (out, leg);
  for (size_t i = 0; i < sizeof advices / sizeof advices[0]; ++i)
    if (strcmp (field_text (leg, advices[i].field), advices[i].value) == 0)
      fprintf (out, "leg %" PRIu64 " %s\n", field_u64 (leg, "index"),
               advices[i].advice);
}

static void
print_log_advice (FILE *out, struct json_object *log)
{
  const char *state = field_text (log, "state");

  if (field_bool (log, "lost"))
    fprintf (out, "the log is lost for good, see its last error: end this "
                  "server\n");
  else if (strcmp (state, "disconnected") == 0)
    fprintf (out,
             "the log server can't be reached: bring it, or the network "
             "to it, back, and all goes on by itself;\nmeanwhile writes to "
             "unmarked regions wait, and nothing is served when the lease "
             "is over\n");
  else if (field_bool (log, "misplaced"))
    fprintf (out, "a start after a crash would not find the log, and not know "
                  "which regions differ: see the\nlog's last error; it is "
                  "written anew when its name is free\n");
  else if (strcmp (state, "ok") != 0)
    fprintf (out, "the log can't be written: writes to unmarked regions wait, "
                  "then fail; make room or repair its storage\n");
}

static void
print_advice (FILE *out, struct json_object *status)
{
  print_log_advice (out, field_object (status, "log"));
  for (size_t i = 0; i < status_nr_legs (status); ++i)
    print_leg_advice (out, status_leg (status, i));
  if (!scrub_is_clean (field_object (status, "scrub")))
    fprintf (out, "legs differ, or can't be read in places: `nbdmirror scrub "
                  "--list' shows where, `scrub --repair'\nmakes them equal\n");
  if (status_count_legs (status, "in-sync") == 1 &&
      status_nr_legs (status) > 1)
    fprintf (out, "only one leg has all data: another failure loses it\n");
}

static void
print_scrub (FILE *out, struct json_object *status)
{
  struct json_object *scrub = field_object (status, "scrub");

  if (scrub == NULL || strcmp (field_text (scrub, "state"), "idle") == 0)
    return;
  fputc ('\n', out);
  print_scrub_line (out, scrub);
}

void
print_status_text (FILE *out, struct json_object *status)
{
  char *text = NULL;
  size_t len;
  FILE *notes = open_memstream (&text, &len);

  print_mirror (out, status);
  print_log (out, status);
  print_legs (out, status);
  print_resync (out, status);
  print_scrub (out, status);
  print_rate (out, status);
  if (notes == NULL)
    return;
  print_errors (notes, status);
  print_advice (notes, status);
  fclose (notes);
  if (len > 0)
    fprintf (out, "\n%s", text);
  free (text);
}

void
print_status_summary (FILE *out, struct json_object *status)
{
  struct json_object *mirror = field_object (status, "mirror");
  struct json_object *resync = field_object (status, "resync");

  fprintf (out, "%s, legs:", field_text (mirror, "state"));
  for (size_t i = 0; i < status_nr_legs (status); ++i) {
    struct json_object *leg = status_leg (status, i);

    fprintf (out, " %s%s", field_text (leg, "state"),
             field_bool (leg, "primary") ? "*" : "");
  }
  fprintf (out, ", log: %s, resync: %s",
           field_text (field_object (status, "log"), "state"),
           field_text (resync, "state"));
  if (!resync_is (status, "idle"))
    fprintf (out, " %u%%", resync_percent (resync));
  fputc ('\n', out);
}
