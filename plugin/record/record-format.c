/* SPDX-License-Identifier: BSD-3-Clause */

/* The slots; record-beat.c has the beat. */

#include "config.h"

#include <assert.h>
#include <string.h>

#include "byte-order.h"
#include "record-block.h"
#include "record-format.h"

#define MIN_REGION_SIZE (UINT32_C (64) << 10)
#define MAX_REGION_SIZE (UINT32_C (64) << 20)

enum {
  HAD_SEQUENCE = 0,
  HAD_SESSION = HAD_SEQUENCE + 8,
  HAD_COUNT = HAD_SESSION + RECORD_ID_SIZE,
  HAD_END = HAD_COUNT + 8,
};

enum {
  SLOT_SEQUENCE = HEAD_END,
  SLOT_MIRROR = SLOT_SEQUENCE + 8,
  SLOT_HISTORY = SLOT_MIRROR + RECORD_ID_SIZE,
  SLOT_PARENT = SLOT_HISTORY + RECORD_ID_SIZE,
  SLOT_PARENT_GENERATION = SLOT_PARENT + RECORD_ID_SIZE,
  SLOT_LEG = SLOT_PARENT_GENERATION + 8,
  SLOT_FILE = SLOT_LEG + RECORD_ID_SIZE,
  SLOT_SIZE = SLOT_FILE + RECORD_ID_SIZE,
  SLOT_LEG_SIZE = SLOT_SIZE + 8,
  SLOT_GENERATION = SLOT_LEG_SIZE + 8,
  SLOT_REGION_SIZE = SLOT_GENERATION + 8,
  SLOT_FLAGS = SLOT_REGION_SIZE + 4,
  SLOT_SLOT = SLOT_FLAGS + 4,
  SLOT_PRIMARY = SLOT_SLOT + 1,
  SLOT_CONFIGURED = SLOT_PRIMARY + 1,
  SLOT_IN_SYNC = SLOT_CONFIGURED + 1,
  SLOT_ZERO_1 = SLOT_IN_SYNC + 1,
  SLOT_OWNER = SLOT_ZERO_1 + 4,
  SLOT_LEGS = SLOT_OWNER + OWNER_END,
  SLOT_LOG_NAME = SLOT_LEGS + RECORD_MAX_LEGS * RECORD_ID_SIZE,
  SLOT_NAMES = SLOT_LOG_NAME + RECORD_LOG_NAME_SIZE,
  SLOT_HAD = SLOT_NAMES + RECORD_MAX_LEGS * RECORD_NAME_SIZE, /* since 1.1 */
  SLOT_ZERO_2 = SLOT_HAD + RECORD_MAX_LEGS * HAD_END,
};

static_assert (SLOT_LEG == 80 && SLOT_SIZE == 112 && SLOT_FLAGS == 140 &&
                 SLOT_OWNER == 152 && SLOT_LEGS == 264 && SLOT_NAMES == 904 &&
                 SLOT_HAD == 2952 && SLOT_ZERO_2 == 3208,
               "slot offsets");
static_assert (SLOT_ZERO_2 < RECORD_SLOT_SIZE, "slot size");

uint64_t
record_trailer_offset (uint64_t leg_size, uint32_t min_block)
{
  uint64_t end = leg_size & ~(uint64_t) (RECORD_SLOT_SIZE - 1);

  if (end <= RECORD_AREA || min_block > RECORD_SLOT_SIZE)
    return 0;
  return end - RECORD_AREA;
}

static void
had_encode (uint8_t *buf, const struct record_had *had)
{
  put_le64 (buf + HAD_SEQUENCE, had->sequence);
  memcpy (buf + HAD_SESSION, had->session, RECORD_ID_SIZE);
  put_le64 (buf + HAD_COUNT, had->count);
}

static void
had_decode (struct record_had *had, const uint8_t *buf)
{
  had->sequence = get_le64 (buf + HAD_SEQUENCE);
  memcpy (had->session, buf + HAD_SESSION, RECORD_ID_SIZE);
  had->count = get_le64 (buf + HAD_COUNT);
}

void
record_encode (uint8_t buf[RECORD_SLOT_SIZE], const struct leg_record *r)
{
  memset (buf, 0, RECORD_SLOT_SIZE);
  put_le64 (buf + SLOT_SEQUENCE, r->sequence);
  memcpy (buf + SLOT_MIRROR, r->mirror, RECORD_ID_SIZE);
  memcpy (buf + SLOT_HISTORY, r->history, RECORD_ID_SIZE);
  memcpy (buf + SLOT_PARENT, r->parent, RECORD_ID_SIZE);
  put_le64 (buf + SLOT_PARENT_GENERATION, r->parent_generation);
  memcpy (buf + SLOT_LEG, r->leg, RECORD_ID_SIZE);
  memcpy (buf + SLOT_FILE, r->file, RECORD_ID_SIZE);
  put_le64 (buf + SLOT_SIZE, r->size);
  put_le64 (buf + SLOT_LEG_SIZE, r->leg_size);
  put_le64 (buf + SLOT_GENERATION, r->generation);
  put_le32 (buf + SLOT_REGION_SIZE, r->region_size);
  put_le32 (buf + SLOT_FLAGS, r->flags);
  buf[SLOT_SLOT] = r->slot;
  buf[SLOT_PRIMARY] = r->primary;
  buf[SLOT_CONFIGURED] = r->configured;
  buf[SLOT_IN_SYNC] = r->in_sync;
  block_put_owner (buf + SLOT_OWNER, &r->owner);
  memcpy (buf + SLOT_LEGS, r->legs, sizeof r->legs);
  block_put_text (buf + SLOT_LOG_NAME, RECORD_LOG_NAME_SIZE, r->log_name);
  for (unsigned i = 0; i < RECORD_MAX_LEGS; ++i) {
    block_put_text (buf + SLOT_NAMES + i * RECORD_NAME_SIZE, RECORD_NAME_SIZE,
                    r->name[i]);
    had_encode (buf + SLOT_HAD + i * HAD_END, &r->had[i]);
  }
  block_encode (buf, RECORD_SLOT_SIZE, RECORD_MAGIC, RECORD_VERSION);
}

static bool
texts_decode (struct leg_record *r, const uint8_t *buf)
{
  bool ok =
    block_get_owner (&r->owner, buf + SLOT_OWNER) &&
    block_get_text (r->log_name, RECORD_LOG_NAME_SIZE, buf + SLOT_LOG_NAME);

  for (unsigned i = 0; i < RECORD_MAX_LEGS && ok; ++i)
    ok = block_get_text (r->name[i], RECORD_NAME_SIZE,
                         buf + SLOT_NAMES + i * RECORD_NAME_SIZE);
  return ok;
}

static bool
slot_decode (struct leg_record *r, const uint8_t *buf)
{
  r->sequence = get_le64 (buf + SLOT_SEQUENCE);
  memcpy (r->mirror, buf + SLOT_MIRROR, RECORD_ID_SIZE);
  memcpy (r->history, buf + SLOT_HISTORY, RECORD_ID_SIZE);
  memcpy (r->parent, buf + SLOT_PARENT, RECORD_ID_SIZE);
  r->parent_generation = get_le64 (buf + SLOT_PARENT_GENERATION);
  memcpy (r->leg, buf + SLOT_LEG, RECORD_ID_SIZE);
  memcpy (r->file, buf + SLOT_FILE, RECORD_ID_SIZE);
  r->size = get_le64 (buf + SLOT_SIZE);
  r->leg_size = get_le64 (buf + SLOT_LEG_SIZE);
  r->generation = get_le64 (buf + SLOT_GENERATION);
  r->region_size = get_le32 (buf + SLOT_REGION_SIZE);
  r->flags = get_le32 (buf + SLOT_FLAGS);
  r->slot = buf[SLOT_SLOT];
  r->primary = buf[SLOT_PRIMARY];
  r->configured = buf[SLOT_CONFIGURED];
  r->in_sync = buf[SLOT_IN_SYNC];
  memcpy (r->legs, buf + SLOT_LEGS, sizeof r->legs);
  for (unsigned i = 0; i < RECORD_MAX_LEGS; ++i)
    had_decode (&r->had[i], buf + SLOT_HAD + i * HAD_END);
  return texts_decode (r, buf);
}

/* Rules (4) and (5). */
static bool
numbers_ok (const struct leg_record *r)
{
  return !block_all_zero (r->mirror, RECORD_ID_SIZE) &&
         !block_all_zero (r->history, RECORD_ID_SIZE) &&
         !block_all_zero (r->leg, RECORD_ID_SIZE) && r->generation > 0 &&
         r->generation <= BLOCK_MAX_COUNT && r->sequence <= BLOCK_MAX_COUNT &&
         r->size > 0 && r->size <= r->leg_size &&
         r->region_size >= MIN_REGION_SIZE &&
         r->region_size <= MAX_REGION_SIZE &&
         (r->region_size & (r->region_size - 1)) == 0;
}

/* Rule (5). */
static bool
had_ok (const struct leg_record *r)
{
  for (unsigned i = 0; i < RECORD_MAX_LEGS; ++i)
    if (r->had[i].sequence > BLOCK_MAX_COUNT ||
        r->had[i].count > BLOCK_MAX_COUNT)
      return false;
  return true;
}

static bool
has_slot (uint8_t mask, uint8_t slot)
{
  return slot < RECORD_MAX_LEGS && (mask >> slot & 1);
}

/* Rule (6). */
static bool
sets_ok (const struct leg_record *r)
{
  return has_slot (r->configured, r->slot) && r->in_sync != 0 &&
         (r->in_sync & ~r->configured) == 0 &&
         has_slot (r->in_sync, r->primary);
}

/* Rule (3): where the zeroes of its version begin. */
static size_t
end_of (const uint8_t *buf)
{
  return get_le32 (buf + HEAD_VERSION) < RECORD_VERSION ? SLOT_HAD
                                                        : SLOT_ZERO_2;
}

static bool
zeroes_ok (const struct leg_record *r, const uint8_t *buf)
{
  size_t end = end_of (buf);

  return block_is_later (buf, RECORD_VERSION) ||
         (!(r->flags & ~RECORD_ALL_FLAGS) &&
          block_all_zero (buf + SLOT_ZERO_1, SLOT_OWNER - SLOT_ZERO_1) &&
          block_all_zero (buf + SLOT_OWNER + OWNER_ZERO, 4) &&
          block_all_zero (buf + end, RECORD_SLOT_SIZE - end));
}

enum record_verdict
record_decode (struct leg_record *r, const uint8_t buf[RECORD_SLOT_SIZE])
{
  enum record_verdict verdict =
    block_decode (buf, RECORD_SLOT_SIZE, RECORD_MAGIC);
  struct leg_record found;

  if (verdict != RECORD_VALID)
    return verdict;
  if (!slot_decode (&found, buf) || !numbers_ok (&found) || !had_ok (&found) ||
      !sets_ok (&found) || !zeroes_ok (&found, buf))
    return RECORD_BAD;
  *r = found;
  return RECORD_VALID;
}

static bool
same_leg (const struct leg_record *a, const struct leg_record *b)
{
  return memcmp (a->mirror, b->mirror, RECORD_ID_SIZE) == 0 &&
         memcmp (a->leg, b->leg, RECORD_ID_SIZE) == 0;
}

static enum record_verdict
newer (struct leg_record *r, const struct leg_record *a,
       const struct leg_record *b)
{
  if (!same_leg (a, b))
    return RECORD_BAD;
  *r = a->sequence > b->sequence ? *a : *b;
  return RECORD_VALID;
}

/* Rule (9). */
static enum record_verdict
survivor (struct leg_record *r, const struct leg_record *valid,
          enum record_verdict other)
{
  if (other == RECORD_FOREIGN)
    return other;
  *r = *valid;
  if (other != RECORD_BLANK)
    r->flags &= ~RECORD_CLEAN;
  return RECORD_VALID;
}

/* Rule (10). */
static enum record_verdict
no_record (enum record_verdict a, enum record_verdict b)
{
  if (a == RECORD_FOREIGN || b == RECORD_FOREIGN)
    return RECORD_FOREIGN;
  if (a == RECORD_BLANK && b == RECORD_BLANK)
    return RECORD_BLANK;
  return a == RECORD_BAD || b == RECORD_BAD ? RECORD_BAD : RECORD_NONE;
}

enum record_verdict
record_decode_area (struct leg_record *r,
                    const uint8_t buf[2 * RECORD_SLOT_SIZE], unsigned *next)
{
  struct leg_record slot[2];
  enum record_verdict a = record_decode (&slot[0], buf);
  enum record_verdict b = record_decode (&slot[1], buf + RECORD_SLOT_SIZE);

  *next = 0;
  if (a == RECORD_VALID && b == RECORD_VALID) {
    *next = slot[0].sequence > slot[1].sequence;
    return newer (r, &slot[0], &slot[1]);
  }
  if (a == RECORD_VALID) {
    *next = 1;
    return survivor (r, &slot[0], b);
  }
  return b == RECORD_VALID ? survivor (r, &slot[1], a) : no_record (a, b);
}
