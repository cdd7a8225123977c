/* SPDX-License-Identifier: BSD-3-Clause */

/* The verbs of nbdmirror and what they share. */

#ifndef NBDMIRROR_NBDMIRROR_H
#define NBDMIRROR_NBDMIRROR_H

#include <stdio.h>

/* Exit codes.  The first four say how the mirror is, so what went wrong in
 * the tool itself is far from them (the numbers are those of sysexits.h).
 */
enum {
  EXIT_IN_SYNC = 0,
  EXIT_DEGRADED = 1, /* or resyncing */
  EXIT_REFUSED = 1,  /* log: by the server */
  EXIT_FAILED = 2,   /* dump: it can't be read, or refused */
  EXIT_NO_ANSWER = 3,
  EXIT_USAGE = 64,
  EXIT_OUTPUT = 74, /* standard output can't be written */
};

/* argv[0] is "nbdmirror: VERB", options and operands follow.  Each returns
 * the exit code of the program.
 */
int verb_status (int argc, char *argv[]);
int verb_list (int argc, char *argv[]);
int verb_wait (int argc, char *argv[]);
int verb_order (int argc, char *argv[]); /* all that tell it to do something */
int verb_scrub (int argc, char *argv[]); /* all about scrubs */
int verb_dump (int argc, char *argv[]);
int verb_log_list (int argc, char *argv[]);
int verb_log_show (int argc, char *argv[]);
int verb_log_delete (int argc, char *argv[]);
int verb_log_takeover (int argc, char *argv[]);

/* Print the lines of the verb's help.  Returns 0. */
int verb_help (const char *name);

/* Say how to get help.  Returns EXIT_USAGE. */
int usage_error (const char *name);

/* The one operand (what: "SOCKET"), or NULL with the error reported. */
const char *one_operand (int argc, char *argv[], const char *what);

/* The value of --timeout.  0, or -1 with the error reported. */
int parse_seconds (const char *text, double *seconds);

#endif /* NBDMIRROR_NBDMIRROR_H */
