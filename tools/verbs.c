/* SPDX-License-Identifier: BSD-3-Clause */

/* The verbs of nbdmirror: one table, and what is said of it. */

#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "msg.h"
#include "nbdmirror.h"
#include "verbs.h"

#define SERVER_HELP(timeout) \
  "  --timeout SECONDS       give up after this time (default: " timeout \
  ")\n" \
  "  --tls-psk FILE          use TLS, with a key of this file\n" \
  "  --tls-username NAME     whose key (default: your login name)\n" \
  "  --tls-certificates DIR  use TLS, with the certificates in DIR\n" \
  "\n" \
  "  Exit: 0 done, 1 the server refuses, or has no such log, 3 no answer.\n"

static const struct verb verbs[] = {
  {"status", verb_status, "[--json|--dm|--watch] SOCKET",
   "  Show the mirror that serves the control socket SOCKET.\n"
   "\n"
   "  --json    print JSON\n"
   "  --dm      print a line as `dmsetup status` does\n"
   "  --watch   show again every second, until the server ends\n"
   "\n"
   "  Exit: 0 in sync, 1 degraded or resyncing, 2 failed, 3 no answer.\n"},
  {"list", verb_list, "[--json]",
   "  Show the mirrors of this host that have a control socket.\n"
   "\n"
   "  --json    print JSON\n"},
  {"wait", verb_wait, "[--timeout SECONDS] [--resync] SOCKET",
   "  Wait until every leg of the mirror is in sync.\n"
   "\n"
   "  --resync             wait only until nothing is left to copy to the\n"
   "                       legs that are there\n"
   "  --timeout SECONDS    give up after this time\n"
   "\n"
   "  Exit: 0 in sync, 1 degraded or resyncing, 2 failed (at once),\n"
   "  3 no answer.\n"},
  {"fail", verb_order, "[--dry-run] SOCKET LEG",
   "  Take a leg out of use, until it is attached.  LEG is its number, its\n"
   "  name, or its uuid.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"detach", verb_order, "[--track] [--dry-run] SOCKET LEG",
   "  The same, and close it, so that it can be used elsewhere.  It gets\n"
   "  everything when it is attached.\n"
   "\n"
   "  --track              it is only read elsewhere: it gets what it misses\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"attach", verb_order, "[--wait [--timeout SECONDS]] [--dry-run] SOCKET LEG",
   "  Let a leg come back that is out of use.\n"
   "\n"
   "  --wait               wait until it is in sync\n"
   "  --timeout SECONDS    but not longer than this\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"add", verb_order,
   "[--overwrite] [--wait [--timeout SECONDS]] [--dry-run] SOCKET NEW",
   "  Make a disk a leg: a path or an NBD URI.  It gets a full copy.\n"
   "\n"
   "  --overwrite          it holds data, which are lost\n"
   "  --wait               wait until it is in sync\n"
   "  --timeout SECONDS    but not longer than this\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"remove", verb_order, "[--dry-run] SOCKET LEG",
   "  Forget a leg.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"replace", verb_order,
   "[--overwrite] [--wait [--timeout SECONDS]] [--dry-run] SOCKET LEG NEW",
   "  Make the disk NEW a leg, and forget LEG when NEW is in sync.\n"
   "\n"
   "  --overwrite          NEW holds data, which are lost\n"
   "  --wait               wait until it is in sync\n"
   "  --timeout SECONDS    but not longer than this\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"rename", verb_order,
   "[--wait [--timeout SECONDS]] [--dry-run] SOCKET LEG NEW-NAME",
   "  The same disk has another path or URI now.\n"
   "\n"
   "  --wait               wait until it is in sync\n"
   "  --timeout SECONDS    but not longer than this\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"grow", verb_order,
   "[--wait [--timeout SECONDS]] [--dry-run] SOCKET [SIZE]",
   "  Make the mirror larger; without SIZE as large as its smallest leg allows.\n"
   "  A client sees the new size when it connects again.\n"
   "\n"
   "  --wait               wait until it is\n"
   "  --timeout SECONDS    but not longer than this\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"may-stop", verb_order, "SOCKET LEG",
   "  Could the server of this leg be stopped now?\n"
   "\n"
   "  Exit: 0 yes, 1 no, 3 no answer.\n"},
  {"resync pause", verb_order, "[--dry-run] SOCKET",
   "  Copy nothing to legs that miss something.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"resync resume", verb_order, "[--dry-run] SOCKET",
   "  Go on with it.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"resync rate", verb_order, "[--dry-run] SIZE SOCKET",
   "  Copy at most SIZE bytes per second; 0: no limit.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"resync min", verb_order, "[--dry-run] SIZE SOCKET",
   "  Copy at least SIZE bytes per second when clients are busy.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"read-policy", verb_order, "[--dry-run] SOCKET auto|first|round-robin",
   "  Which in-sync leg serves a read.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"write-mostly", verb_order, "[--dry-run] SOCKET LEG|none",
   "  This leg serves reads only if no other can.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"set", verb_order, "[--dry-run] SOCKET NAME=VALUE",
   "  Change a parameter of the plugin until a restart: a timeout, or one of\n"
   "  those above.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"suspend", verb_order, "[--max SECONDS] [--dry-run] SOCKET",
   "  Let requests wait, and flush the legs: a snapshot of them is whole.\n"
   "\n"
   "  --max SECONDS        go on after this time (default: 10)\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"resume", verb_order, "[--dry-run] SOCKET",
   "  Go on before that.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"stop", verb_order, "[--drain SECONDS] [--dry-run] SOCKET",
   "  End the server.\n"
   "\n"
   "  --drain SECONDS      clients may stay so long (default: 0)\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"scrub", verb_scrub,
   "[--range FROM-TO] [--rate SIZE] [--wait [--timeout SECONDS]]\n"
   "                 [--dry-run] SOCKET\n"
   "       nbdmirror scrub --repair [--from LEG] [OPTION...] SOCKET\n"
   "       nbdmirror scrub --list [--json] SOCKET",
   "  Compare all in-sync legs, while they are used (`scrub start' is the same).\n"
   "  With --repair make equal what the last scrub found.  With --list show it.\n"
   "\n"
   "  --range FROM-TO      only these bytes (or OFFSET:LENGTH)\n"
   "  --rate SIZE          at most SIZE bytes per second\n"
   "  --repair             what differs becomes as most legs have it, if there\n"
   "                       are three or more\n"
   "  --from LEG           as this leg has it\n"
   "  --wait               wait until it ends\n"
   "  --timeout SECONDS    but not longer than this\n"
   "  --json               print JSON\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer; --list, --wait: 0 nothing differs and\n"
   "  all can be read, else 1.\n"},
  {"scrub start", verb_scrub,
   "[--range FROM-TO] [--rate SIZE] [--repair [--from LEG]]\n"
   "                       [--wait [--timeout SECONDS]] [--dry-run] SOCKET",
   "  The same; with --repair all is compared, and repaired at once.\n"
   "\n"
   "  Exit: as above.\n"},
  {"scrub pause", verb_scrub, "[--dry-run] SOCKET",
   "  Compare nothing for a while.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"scrub resume", verb_scrub,
   "[--rate SIZE] [--wait [--timeout SECONDS]] [--dry-run] SOCKET",
   "  Go on with a scrub that was paused or stopped, or change its rate.\n"
   "\n"
   "  --rate SIZE          at most SIZE bytes per second; 0: no limit\n"
   "  --wait               wait until it ends\n"
   "  --timeout SECONDS    but not longer than this\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer; --wait: as above.\n"},
  {"scrub stop", verb_scrub, "[--dry-run] SOCKET",
   "  End a scrub, or a repair.  What was found is kept.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"dump", verb_dump,
   "[--json|--dm-table] [--leg] [--timeout SECONDS] LOGFILE|LEG",
   "  Show what a disk log says, or what a leg knows by itself; works beside a\n"
   "  running server, never writes.  LEG is a file, a block device, or an NBD "
   "URI.\n"
   "\n"
   "  --json               print JSON\n"
   "  --dm-table           print the table line for the kernel's dm-mirror\n"
   "  --leg                it is a leg, even if it begins like a log\n"
   "  --timeout SECONDS    give an NBD server up after this time (default: "
   "10)\n"
   "\n"
   "  Exit: 0 printed, 2 it can't be read, there is no record, or --dm-table\n"
   "  refuses, 3 no answer from the NBD server.\n"},
  {"log move", verb_order, "[--dry-run] SOCKET NEW-LOG",
   "  Move the log of a running mirror: NEW-LOG is core, disk:PATH, or\n"
   "  userspace:HOST/NAME, as log= of the plugin.\n"
   "\n"
   "  --dry-run            only say what would be done\n"
   "\n"
   "  Exit: 0 done, 1 refused, 3 no answer.\n"},
  {"log list", verb_log_list, "[--json] [OPTION...] SERVER[,SERVER...]",
   "  Show the logs that nbdmirror-logd keeps: who owns them, for how long, "
   "and how\n"
   "  many regions are marked, or missed by a leg.  SERVER is HOST, HOST:PORT,\n"
   "  [IPV6]:PORT, or the absolute path of a Unix socket.\n"
   "\n"
   "  --json                  print JSON\n" SERVER_HELP ("10")},
  {"log show", verb_log_show, "[--json] [OPTION...] SERVER/NAME",
   "  Show one of them.\n"
   "\n"
   "  --json                  print JSON\n" SERVER_HELP ("10")},
  {"log delete", verb_log_delete, "[OPTION...] SERVER/NAME",
   "  Delete a log that nobody owns.\n"
   "\n" SERVER_HELP ("10")},
  {"log takeover", verb_log_takeover, "[--fenced] [OPTION...] SERVER/NAME",
   "  Ask the owner to give the log up, or wait until its lease is over.\n"
   "\n"
   "  --fenced                its host is known to be off: take it at once\n" SERVER_HELP (
     "30")},
};

#define NR_VERBS (sizeof verbs / sizeof verbs[0])

const struct verb *
find_verb (const char *name)
{
  for (size_t i = 0; i < NR_VERBS; ++i)
    if (strcmp (verbs[i].name, name) == 0)
      return &verbs[i];
  return NULL;
}

int
print_help (void)
{
  printf (
    "nbdmirror: ask a running mirror, look into its log and legs, or ask "
    "the server\nthat keeps logs.\n\n");
  for (size_t i = 0; i < NR_VERBS; ++i)
    printf ("nbdmirror %s %s\n%s\n", verbs[i].name, verbs[i].synopsis,
            verbs[i].help);
  printf ("nbdmirror --help | --version\n"
          "\n"
          "Exit 64 means wrong usage, 74 that the output can't be written.\n");
  return 0;
}

int
verb_help (const char *name)
{
  const struct verb *verb = find_verb (name);

  printf ("nbdmirror %s %s\n%s", verb->name, verb->synopsis, verb->help);
  return 0;
}

int
usage_error (const char *name)
{
  if (name != NULL)
    fprintf (stderr, "Usage: nbdmirror %s %s\n", name,
             find_verb (name)->synopsis);
  else
    fprintf (stderr, "Try `nbdmirror --help'.\n");
  return EXIT_USAGE;
}

int
unknown_verb (const char *name)
{
  char known[1024];
  int len = 0;

  for (size_t i = 0; i < NR_VERBS; ++i)
    len += snprintf (known + len, sizeof known - (size_t) len, "%s %s",
                     i == 0 ? "" : ",", verbs[i].name);
  msg_error ("unknown verb \"%s\", not one of:%s", name, known);
  return usage_error (NULL);
}

bool
is_first_word (const char *word)
{
  size_t len = strlen (word);

  if (find_verb (word) != NULL)
    return false;
  for (size_t i = 0; i < NR_VERBS; ++i)
    if (strncmp (verbs[i].name, word, len) == 0 && verbs[i].name[len] == ' ')
      return true;
  return false;
}
