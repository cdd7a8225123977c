/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "dump-leg-facts.h"
#include "record-owner.h"

#define VERSION_OFFSET 8

const char *
record_verdict_name (enum record_verdict verdict)
{
  switch (verdict) {
  case RECORD_BLANK:
    return "blank";
  case RECORD_NONE:
    return "none";
  case RECORD_BAD:
    return "damaged";
  case RECORD_FOREIGN:
    return "foreign";
  case RECORD_VALID:
    return "valid";
  }
  abort ();
}

const char *
leg_facts_meaning (const struct leg_facts *facts)
{
  switch (facts->verdict) {
  case RECORD_BLANK:
    return "blank: the leg has no record";
  case RECORD_NONE:
    return "none: other data";
  case RECORD_BAD:
    return facts->slot_verdict[0] == facts->slot_verdict[1] &&
               facts->slot_verdict[0] == RECORD_VALID
             ? "damaged: the slots are of different legs; it counts as none"
             : "damaged: it counts as none";
  case RECORD_FOREIGN:
    return "foreign: made by another version of nbdmirror; this one refuses "
           "the leg";
  case RECORD_VALID:
    return facts->other_file ? "valid, but made for another file: it counts "
                               "as none"
                             : "valid";
  }
  abort ();
}

const char *
record_owner_words (const struct record_owner *owner, bool ended)
{
  struct record_owner self;

  if (ended)
    return "ended cleanly";
  if (record_owner_is_gone (owner))
    return "has ended";
  record_owner_self (&self);
  return record_owner_same_host (owner, &self)
           ? "may be running"
           : "another host, may be running";
}

bool
record_has_leg (uint8_t mask, unsigned slot)
{
  return mask >> slot & 1;
}

static void
get_slots (struct leg_facts *facts, const uint8_t *area)
{
  for (unsigned i = 0; i < 2; ++i) {
    const uint8_t *slot = area + (size_t) i * RECORD_SLOT_SIZE;

    facts->slot_verdict[i] = record_decode (&facts->slot[i], slot);
    facts->version[i] = get_le32 (slot + VERSION_OFFSET);
  }
}

void
leg_facts_get (struct leg_facts *facts, const struct leg_find *from)
{
  const uint8_t *area = from->area;
  unsigned next;

  memset (facts, 0, sizeof *facts);
  facts->from = from;
  facts->counts = -1;
  get_slots (facts, area);
  facts->verdict = record_decode_area (&facts->record, area, &next);
  if (facts->verdict == RECORD_VALID) {
    facts->counts = !next;
    facts->torn = facts->slot[!next].flags & ~facts->record.flags;
    facts->other_file = from->has_id && memcmp (facts->record.file, from->id,
                                                RECORD_ID_SIZE) != 0;
  }
  facts->beat_verdict =
    record_beat_decode (&facts->beat, area + RECORD_BEAT_OFFSET);
}
