/* SPDX-License-Identifier: BSD-3-Clause */

/* Start-up: who is the source, and what each leg misses.  Decides only; open.c
 * asks, and apply.c carries it out.
 */

#ifndef NBDMIRROR_PLAN_H
#define NBDMIRROR_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"
#include "mirror.h"
#include "record-format.h"

/* What a leg misses after start-up, beside what it already missed. */
enum plan_miss {
  MISS_NOTHING_MORE,
  MISS_DATA, /* wherever the source has data */
  MISS_ALL,
  MISS_KERNEL_DIRTY, /* what the kernel left dirty */
};

struct plan_slot {
  bool configured;
  int leg;    /* number on the command line, -1 = recorded but not named */
  bool here;  /* opened */
  bool fresh; /* no record yet: everything known about the slot is void */
  enum plan_miss miss;

  /* As it is recorded in the log, or where that is lost in the newest record:
   * lives as long as the input.  NULL: nowhere.
   */
  const char *name;

  /* Of the leg's own record. */
  bool keeps_record;                 /* it is here and has, or gets, one */
  uint8_t record_id[RECORD_ID_SIZE]; /* the leg's random id, here or not; zero:
                                      * none yet */
  struct record_had had; /* what the leg, here or not, has for certain */
};

/* Instead of a leg. */
#define PLAN_NO_RECORD (-1)
#define PLAN_TWO_LINES (-2) /* no record knows what all others do */

/* A reason may be cut off; the words source=N@G that it ends with are all there. */
#define PLAN_REASON_SIZE 3072
#define PLAN_WORDS_SIZE 1024

struct plan {
  bool refuse;
  char reason[PLAN_REASON_SIZE + PLAN_WORDS_SIZE]; /* of a refusal, one
                                                     * message */

  bool create;         /* give the log a new life */
  uint64_t generation; /* of the new life, or to rise to; 0 = leave */
  struct log_geometry geo;
  bool grow;
  uint32_t min_block; /* what clients are told */
  bool diverged;      /* source= overrode the record: the others also miss what
                    * the source missed */
  bool kernel_used;   /* the log's marks are void, the kernel's bits count */
  unsigned source;    /* slot */

  /* Of the legs' own records. */
  int newest; /* the leg whose record knows most; PLAN_NO_RECORD ... */
  uint8_t mirror[RECORD_ID_SIZE];  /* of a new life, if it is an old mirror */
  uint8_t history[RECORD_ID_SIZE]; /* what goes on; zero: a new one begins */
  uint64_t history_left;           /* a new history begins, which leaves that
                                    * one at this generation; 0 = it goes on */
  bool unclean; /* the log is lost, and was in use to the end: what was sent
                 * may still land, anywhere (S21) */
  enum plan_miss others_miss; /* at least, whatever was found of them */
  struct plan_slot slot[LOG_MAX_LEGS];

  char notes[4096]; /* lines for the admin */
};

/* A leg of the command line. */
struct plan_leg {
  const char *name;
  bool missing;    /* the word "missing" */
  struct leg *leg; /* opened, or NULL */

  /* What it knows by itself; RECORD_BLANK and nothing more if it was not
   * asked.
   */
  enum record_verdict record_verdict;
  struct leg_record record; /* if RECORD_VALID */
  bool has_beat;
  struct leg_beat beat;
  bool grown;       /* its record is where its end was: record.leg_size */
  bool can_move;    /* ... and can move to where it is */
  uint64_t trailer; /* offset of its record, or where there is room for one: of
                     * zeroes, so far; 0: there is none, or it has a file */
};

struct plan_input {
  const struct mirror_config *config;
  const struct log_info *log; /* as found */
  const struct log_record *record;
  uint64_t log_flush_number; /* as found; 0 = the log does not keep it */
  unsigned nr_legs;
  struct plan_leg leg[MIRROR_MAX_LEGS];

  /* Questions to the legs' content, asked only when the answer matters:
   * enum probe_answer, -1 = error, reported.
   */
  int (*empty) (const struct plan_input *in, unsigned leg, uint64_t size);
  int (*same) (const struct plan_input *in, const struct log_geometry *geo,
               unsigned leg, unsigned slot, unsigned source_leg,
               unsigned source_slot);
};

/* Fill the plan.  0, or -1 with an error reported that is no decision. */
int plan_make (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_H */
