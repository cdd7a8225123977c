/* SPDX-License-Identifier: BSD-3-Clause */

/* The forms of a status. */

#ifndef NBDMIRROR_TOOL_STATUS_H
#define NBDMIRROR_TOOL_STATUS_H

#include <stdio.h>

struct json_object;

/* For people: several lines, with what to do if something is wrong. */
void print_status_text (FILE *out, struct json_object *status);

/* For people who follow it: one line without the counters that always
 * change.
 */
void print_status_summary (FILE *out, struct json_object *status);

/* As `dmsetup status` prints a mirror. */
void print_status_dm (FILE *out, struct json_object *status);

#endif /* NBDMIRROR_TOOL_STATUS_H */
