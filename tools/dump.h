/* SPDX-License-Identifier: BSD-3-Clause */

/* The forms of a dump.  All take a log opened read-only, of which nothing
 * else knows, so they look into it without its lock.
 */

#ifndef NBDMIRROR_DUMP_H
#define NBDMIRROR_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bitset;
struct dirty_log;

void dump_text (FILE *out, struct dirty_log *log);
void dump_json (FILE *out, struct dirty_log *log);

/* The table line for the kernel's dm-mirror.  -1 with the reason reported:
 * it would not be safe, or there is too little to make one of.
 */
int dump_dm_table (FILE *out, struct dirty_log *log);

/* What was found, in one word. */
const char *log_found_name (const struct dirty_log *log);

const char *log_leg_state_name (const struct dirty_log *log, unsigned slot);

/* The file holds records of ours: uuid, generation and legs mean something. */
bool log_is_ours (const struct dirty_log *log);

#define UUID_TEXT 37
char *log_uuid_text (char buf[UUID_TEXT], const struct dirty_log *log);

/* What a start with all recorded legs there would make of the log, in one
 * line of text.  Returns buf.
 */
#define PLAN_TEXT 256
char *log_plan (char buf[PLAN_TEXT], const struct dirty_log *log);

/* The next run of set bits at or after *next, which is moved behind it.
 * False if there is none.
 */
bool next_run (const struct bitset *bs, uint64_t *next, uint64_t *first,
               uint64_t *nr);

/* Runs from next on. */
uint64_t count_runs (const struct bitset *bs, uint64_t next);

#endif /* NBDMIRROR_DUMP_H */
