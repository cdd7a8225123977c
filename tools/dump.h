/* SPDX-License-Identifier: BSD-3-Clause */

/* The forms of a dump. */

#ifndef NBDMIRROR_DUMP_H
#define NBDMIRROR_DUMP_H

#include <stdio.h>

struct dump;

void dump_text (FILE *out, const struct dump *log);
void dump_json (FILE *out, const struct dump *log);

/* The table line for the kernel's dm-mirror.  -1 with the reason reported:
 * it would not be safe, or there is too little to make one of.
 */
int dump_dm_table (FILE *out, const struct dump *log);

#endif /* NBDMIRROR_DUMP_H */
