/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "record-order.h"

#define LATE_BEATS 12
#define LATE_MS 60000

bool
record_same_id (const uint8_t a[RECORD_ID_SIZE],
                const uint8_t b[RECORD_ID_SIZE])
{
  return memcmp (a, b, RECORD_ID_SIZE) == 0;
}

bool
record_no_id (const uint8_t id[RECORD_ID_SIZE])
{
  static const uint8_t none[RECORD_ID_SIZE];

  return record_same_id (id, none);
}

static unsigned
slot_bit (const struct leg_record *r)
{
  return 1u << r->slot;
}

bool
record_was_alone (const struct leg_record *r)
{
  return r->in_sync == slot_bit (r);
}

bool
record_was_stale (const struct leg_record *r)
{
  return !(r->in_sync & slot_bit (r));
}

bool
record_knows (const struct leg_record *a, const struct leg_record *b)
{
  if (!record_same_id (a->history, b->history))
    return record_same_id (a->parent, b->history) &&
           b->generation <= a->parent_generation;
  if (record_was_alone (b) && !(a->in_sync & slot_bit (b)))
    return false;
  if (a->generation != b->generation)
    return a->generation > b->generation;
  return a->sequence >= b->sequence;
}

bool
record_beats_are_many (uint64_t beats, uint32_t interval_ms,
                       uint64_t patience_ms)
{
  uint64_t allowed_ms = patience_ms > LATE_MS ? patience_ms : LATE_MS;

  return beats > LATE_BEATS && beats > allowed_ms / interval_ms;
}

bool
record_is_older (const struct leg_record *r, const struct leg_beat *beat,
                 const struct record_had *had, uint64_t patience_ms)
{
  if (r->sequence < had->sequence)
    return true;
  return beat && record_same_id (beat->session, had->session) &&
         had->count > beat->count &&
         record_beats_are_many (had->count - beat->count, beat->interval_ms,
                                patience_ms);
}
