/* SPDX-License-Identifier: BSD-3-Clause */

/* The forms of a dump.  All take a log opened read-only, of which nothing
 * else knows, so they look into it without its lock.
 */

#ifndef NBDMIRROR_DUMP_H
#define NBDMIRROR_DUMP_H

#include <stdio.h>

struct dirty_log;

void dump_text (FILE *out, struct dirty_log *log);
void dump_json (FILE *out, struct dirty_log *log);

/* The table line for the kernel's dm-mirror.  -1 with the reason reported:
 * it would not be safe, or there is too little to make one of.
 */
int dump_dm_table (FILE *out, struct dirty_log *log);

#endif /* NBDMIRROR_DUMP_H */
