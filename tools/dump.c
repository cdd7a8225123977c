/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror dump: what a disk log says. */

#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "dump-facts.h"
#include "dump.h"
#include "msg.h"
#include "nbdmirror.h"

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
