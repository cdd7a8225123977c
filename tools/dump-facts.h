/* SPDX-License-Identifier: BSD-3-Clause */

/* What all forms of a dump say. */

#ifndef NBDMIRROR_DUMP_FACTS_H
#define NBDMIRROR_DUMP_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"

/* A log opened read-only, and what it says of itself. */
struct dump {
  struct dirty_log *log;
  const struct log_info *info;
  struct log_record record;
};

/* What was found, in one word. */
const char *log_found_name (const struct dump *log);

const char *log_leg_state_name (const struct dump *log, unsigned slot);

/* The file holds records of ours: uuid, generation and legs mean something. */
bool log_is_ours (const struct dump *log);

/* What a start with all recorded legs there would make of the log, in one
 * line of text.  Returns buf.
 */
#define PLAN_TEXT 256
char *log_plan (char buf[PLAN_TEXT], const struct dump *log);

/* The next run of set bits of a map at or after *next, which is moved behind
 * it.  False if there is none.
 */
bool next_run (const struct dump *log, unsigned map, uint64_t *next,
               uint64_t *first, uint64_t *nr);

/* Runs from next on. */
uint64_t count_runs (const struct dump *log, unsigned map, uint64_t next);

#endif /* NBDMIRROR_DUMP_FACTS_H */
