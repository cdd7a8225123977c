/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "record-order.h"

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

bool
record_knows (const struct leg_record *a, const struct leg_record *b)
{
  if (!record_same_id (a->history, b->history))
    return record_same_id (a->parent, b->history) &&
           b->generation <= a->parent_generation;
  if (a->generation != b->generation)
    return a->generation > b->generation;
  return a->sequence >= b->sequence;
}
