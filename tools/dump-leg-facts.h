/* SPDX-License-Identifier: BSD-3-Clause */

/* What both forms of a dump of a leg say. */

#ifndef NBDMIRROR_DUMP_LEG_FACTS_H
#define NBDMIRROR_DUMP_LEG_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "dump-leg-find.h"
#include "record-format.h"

struct leg_facts {
  const struct leg_find *from;
  enum record_verdict verdict; /* of both slots together */
  struct leg_record record;    /* if RECORD_VALID */
  int counts;                  /* which slot that is from; else -1 */
  bool torn;                   /* it is not clean since the other one is bad */
  bool other_file;             /* it was made for another file */

  enum record_verdict slot_verdict[2];
  struct leg_record slot[2];
  uint32_t version[2]; /* of the format */

  enum record_verdict beat_verdict;
  struct leg_beat beat;
};

void leg_facts_get (struct leg_facts *facts, const struct leg_find *from);

/* In one word, for programs; and what it means for the leg. */
const char *record_verdict_name (enum record_verdict verdict);
const char *leg_facts_meaning (const struct leg_facts *facts);

/* What can be known here of a process that wrote.  ended: it said so. */
const char *record_owner_words (const struct record_owner *owner, bool ended);

bool record_has_leg (uint8_t mask, unsigned slot);

#endif /* NBDMIRROR_DUMP_LEG_FACTS_H */
