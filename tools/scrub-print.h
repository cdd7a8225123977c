/* SPDX-License-Identifier: BSD-3-Clause */

/* What a status says of a scrub, for people. */

#ifndef NBDMIRROR_SCRUB_PRINT_H
#define NBDMIRROR_SCRUB_PRINT_H

#include <stdbool.h>
#include <stdio.h>

struct json_object;

/* Nothing is left that differs or could not be read. */
bool scrub_is_clean (struct json_object *scrub);

/* What it does or did, in a line; nothing if there never was one. */
void print_scrub_line (FILE *out, struct json_object *scrub);

/* The same, and all that was found. */
void print_scrub_list (FILE *out, struct json_object *scrub);

/* For a terminal: over what was there. */
void print_scrub_bar (FILE *out, struct json_object *scrub);

#endif /* NBDMIRROR_SCRUB_PRINT_H */
