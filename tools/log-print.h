/* SPDX-License-Identifier: BSD-3-Clause */

/* What a log server says of its logs, for people. */

#ifndef NBDMIRROR_LOG_PRINT_H
#define NBDMIRROR_LOG_PRINT_H

#include <stdbool.h>
#include <stdio.h>

struct json_object;

/* All that the tool can't do without is there; log may be NULL. */
bool log_is_complete (struct json_object *log);

/* An array of them: a table. */
void print_log_list (FILE *out, struct json_object *logs);

/* One of them, with what to do if something is wrong. */
void print_log_text (FILE *out, struct json_object *log);

#endif /* NBDMIRROR_LOG_PRINT_H */
