/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "byte-order.h"
#include "record-block.h"
#include "record-format.h"

enum {
  BEAT_SESSION = HEAD_END,
  BEAT_COUNT = BEAT_SESSION + RECORD_ID_SIZE,
  BEAT_INTERVAL = BEAT_COUNT + 8,
  BEAT_USED = BEAT_INTERVAL + 4,
  BEAT_MIRROR = BEAT_USED + 4,
  BEAT_GENERATION = BEAT_MIRROR + RECORD_ID_SIZE,
  BEAT_FLUSH_NUMBER = BEAT_GENERATION + 8,
  BEAT_OWNER = BEAT_FLUSH_NUMBER + 8,
  BEAT_ZERO = BEAT_OWNER + OWNER_END,
};

static_assert (BEAT_USED == 44 && BEAT_OWNER == 80 && BEAT_ZERO == 192,
               "beat offsets");
static_assert (RECORD_BEAT_OFFSET + RECORD_BEAT_SIZE <= RECORD_AREA, "area");

void
record_beat_encode (uint8_t buf[RECORD_BEAT_SIZE], const struct leg_beat *beat)
{
  memset (buf, 0, RECORD_BEAT_SIZE);
  memcpy (buf + BEAT_SESSION, beat->session, RECORD_ID_SIZE);
  put_le64 (buf + BEAT_COUNT, beat->count);
  put_le32 (buf + BEAT_INTERVAL, beat->interval_ms);
  put_le32 (buf + BEAT_USED, beat->used);
  memcpy (buf + BEAT_MIRROR, beat->mirror, RECORD_ID_SIZE);
  put_le64 (buf + BEAT_GENERATION, beat->generation);
  put_le64 (buf + BEAT_FLUSH_NUMBER, beat->flush_number);
  block_put_owner (buf + BEAT_OWNER, &beat->owner);
  block_encode (buf, RECORD_BEAT_SIZE, RECORD_BEAT_MAGIC, RECORD_BEAT_VERSION);
}

/* Rules (4), (7) and (8). */
static bool
beat_decode (struct leg_beat *beat, const uint8_t *buf)
{
  uint32_t used = get_le32 (buf + BEAT_USED);

  memcpy (beat->session, buf + BEAT_SESSION, RECORD_ID_SIZE);
  beat->count = get_le64 (buf + BEAT_COUNT);
  beat->interval_ms = get_le32 (buf + BEAT_INTERVAL);
  beat->used = used != 0;
  memcpy (beat->mirror, buf + BEAT_MIRROR, RECORD_ID_SIZE);
  beat->generation = get_le64 (buf + BEAT_GENERATION);
  beat->flush_number = get_le64 (buf + BEAT_FLUSH_NUMBER);
  return used <= 1 && block_get_owner (&beat->owner, buf + BEAT_OWNER) &&
         beat->interval_ms >= RECORD_MIN_INTERVAL_MS &&
         beat->interval_ms <= RECORD_MAX_INTERVAL_MS &&
         beat->generation <= BLOCK_MAX_COUNT &&
         beat->count <= BLOCK_MAX_COUNT &&
         !block_all_zero (beat->session, RECORD_ID_SIZE) &&
         !block_all_zero (beat->mirror, RECORD_ID_SIZE);
}

enum record_verdict
record_beat_decode (struct leg_beat *beat, const uint8_t buf[RECORD_BEAT_SIZE])
{
  enum record_verdict verdict =
    block_decode (buf, RECORD_BEAT_SIZE, RECORD_BEAT_MAGIC);
  struct leg_beat found;

  if (verdict != RECORD_VALID)
    return verdict;
  if (!beat_decode (&found, buf))
    return RECORD_BAD;
  if (!block_is_later (buf, RECORD_BEAT_VERSION) &&
      (!block_all_zero (buf + BEAT_OWNER + OWNER_ZERO, 4) ||
       !block_all_zero (buf + BEAT_ZERO, RECORD_BEAT_SIZE - BEAT_ZERO)))
    return RECORD_BAD;
  *beat = found;
  return RECORD_VALID;
}
