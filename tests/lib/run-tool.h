/* SPDX-License-Identifier: BSD-3-Clause */

/* Run the program nbdmirror.  Its output goes through files in the
 * directory of fake_dir.
 */

#ifndef NBDMIRROR_RUN_TOOL_H
#define NBDMIRROR_RUN_TOOL_H

#include <sys/types.h>

/* What the last program that ended had written. */
extern char tool_out[65536], tool_err[65536];

/* Start it with these arguments, the last of which is NULL. */
pid_t tool_start (const char *arg, ...) __attribute__ ((sentinel));

/* Wait for its end: the exit code. */
int tool_end (pid_t pid);

#define TOOL(...) tool_end (tool_start (__VA_ARGS__, (char *) NULL))

/* Fail the test unless part was written. */
void tool_expect_out (const char *part);
void tool_expect_err (const char *part);

#endif /* NBDMIRROR_RUN_TOOL_H */
