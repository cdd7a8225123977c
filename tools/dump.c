/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror dump: what a disk log says, or what a leg knows by itself.
 *
 * What begins like a log is one, whatever lies beside or behind it, unless --leg
 * says otherwise; then a leg's record is looked for; and what has none may still
 * be a new log, or a badly damaged one.
 */

#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "dump-facts.h"
#include "dump-leg-facts.h"
#include "dump-leg-find.h"
#include "dump-leg-nbd.h"
#include "dump-leg.h"
#include "dump.h"
#include "log-life.h"
#include "msg.h"
#include "nbdmirror.h"

#define EXPORT_TIMEOUT 10. /* seconds */

/* --- logs --- */

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
  struct dump log;
  int r = 0;

  if (spec == NULL)
    return EXIT_FAILED;
  log.log = dirty_log_open (spec, LOG_READ_ONLY);
  if (log.log == NULL)
    return EXIT_FAILED;
  log.info = dirty_log_info (log.log);
  dirty_log_get_record (log.log, &log.record);
  if (form == 't')
    r = dump_dm_table (stdout, &log);
  else if (form == 'j')
    dump_json (stdout, &log);
  else
    dump_text (stdout, &log);
  dirty_log_close (log.log, NO_DEADLINE);
  return r == -1 ? EXIT_FAILED : 0;
}

/* --- legs --- */

struct dump_options {
  int form; /* 0, 'j' or 't' */
  bool leg; /* not a log */
  double timeout_s;
};

static int
dump_leg (const struct leg_find *f, int form)
{
  struct leg_facts facts;

  leg_facts_get (&facts, f);
  if (form == 'j')
    dump_leg_json (stdout, &facts);
  else
    dump_leg_text (stdout, &facts);
  if (f->also)
    msg_error ("%s: has a record in a trailer at offset %" PRIu64
               ", too; %s is shown",
               f->name, f->trailer, f->path);
  return 0;
}

static int
no_record (const struct leg_find *f)
{
  leg_find_say_none (f);
  return EXIT_FAILED;
}

static int
dump_found (const struct leg_find *f, const struct dump_options *o)
{
  int code;

  if (f->where != RECORD_NOWHERE && (o->leg || !f->is_log))
    return dump_leg (f, o->form);
  if (o->leg)
    return no_record (f);
  code = dump_log (f->name, o->form);
  if (f->where != RECORD_NOWHERE)
    msg_error ("%s: begins like a log, and is shown as one; it has the record "
               "of a leg, too: --leg shows that",
               f->name);
  else if (code != 0 && f->looked_at && !f->is_log)
    leg_find_say_none (f);
  return code;
}

static int
dump_export (const char *uri, const struct dump_options *o)
{
  struct leg_find f;
  int code = leg_find_export (&f, uri, o->timeout_s);

  if (code == 0)
    code = f.where == RECORD_NOWHERE ? no_record (&f) : dump_leg (&f, o->form);
  leg_find_free (&f);
  return code;
}

static int
dump_path (const char *path, const struct dump_options *o)
{
  struct leg_find f;
  int code = leg_find (&f, path) == -1 ? EXIT_FAILED : dump_found (&f, o);

  leg_find_free (&f);
  return code;
}

/* The kernel's table is made of a log. */
static int
dump_operand (const char *operand, const struct dump_options *o)
{
  if (o->form == 't')
    return dump_log (operand, o->form);
  return leg_is_export (operand) ? dump_export (operand, o)
                                 : dump_path (operand, o);
}

/* --- the command line --- */

static int
usage (void)
{
  return usage_error ("dump");
}

/* -1: wrong. */
static int
parse_option (struct dump_options *o, int opt)
{
  switch (opt) {
  case 'l':
    o->leg = true;
    return 0;
  case 'T':
    return parse_seconds (optarg, &o->timeout_s);
  case 'j':
  case 't':
    if (o->form != 0 && o->form != opt) {
      msg_error ("only one of --json and --dm-table");
      return -1;
    }
    o->form = opt;
    return 0;
  default:
    return -1;
  }
}

int
verb_dump (int argc, char *argv[])
{
  static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"dm-table", no_argument, NULL, 't'},
    {"leg", no_argument, NULL, 'l'},
    {"timeout", required_argument, NULL, 'T'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
  };
  struct dump_options o = {.timeout_s = EXPORT_TIMEOUT};
  const char *operand;
  int opt;

  while ((opt = getopt_long (argc, argv, "h", options, NULL)) != -1) {
    if (opt == 'h')
      return verb_help ("dump");
    if (parse_option (&o, opt) == -1)
      return usage ();
  }
  if (o.leg && o.form == 't') {
    msg_error ("only one of --leg and --dm-table");
    return usage ();
  }
  operand = one_operand (argc, argv, "LOGFILE or LEG");
  return operand == NULL ? usage () : dump_operand (operand, &o);
}
