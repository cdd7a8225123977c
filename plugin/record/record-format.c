/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "record-format.h"

#define MIN_REGION_SIZE (UINT32_C (64) << 10)
#define MAX_REGION_SIZE (UINT32_C (64) << 20)
#define MAX_COUNT (UINT64_C (1) << 62)

/* Both kinds of block begin like this. */
enum {
  HEAD_MAGIC = 0,
  HEAD_VERSION = 8,
  HEAD_CRC = 12,
  HEAD_END = 16,
};

enum {
  OWNER_PID = 0,
  OWNER_ZERO = OWNER_PID + 4,
  OWNER_PID_NS = OWNER_ZERO + 4,
  OWNER_BOOT = OWNER_PID_NS + 8,
  OWNER_MACHINE = OWNER_BOOT + RECORD_ID_SIZE,
  OWNER_HOST = OWNER_MACHINE + RECORD_ID_SIZE,
  OWNER_END = OWNER_HOST + RECORD_HOST_SIZE,
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
  SLOT_ZERO_2 = SLOT_NAMES + RECORD_MAX_LEGS * RECORD_NAME_SIZE,
};

static_assert (SLOT_LEG == 80 && SLOT_SIZE == 112 && SLOT_FLAGS == 140 &&
                 SLOT_OWNER == 152 && SLOT_LEGS == 264 && SLOT_NAMES == 904 &&
                 SLOT_ZERO_2 == 2952,
               "slot offsets");
static_assert (SLOT_ZERO_2 < RECORD_SLOT_SIZE, "slot size");

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

static bool
all_zero (const uint8_t *p, size_t len)
{
  for (size_t i = 0; i < len; ++i)
    if (p[i] != 0)
      return false;
  return true;
}

/* --- what both have --- */

static uint32_t
block_crc (const uint8_t *buf, size_t len)
{
  static const uint8_t zero[HEAD_END - HEAD_CRC];
  uLong crc = crc32 (0, buf, HEAD_CRC);

  crc = crc32 (crc, zero, sizeof zero);
  return (uint32_t) crc32 (crc, buf + HEAD_END, (uInt) (len - HEAD_END));
}

static void
head_encode (uint8_t *buf, size_t len, const char magic[8])
{
  memcpy (buf + HEAD_MAGIC, magic, 8);
  put_le32 (buf + HEAD_VERSION, RECORD_VERSION);
  put_le32 (buf + HEAD_CRC, block_crc (buf, len));
}

/* Rules (1) and (2). */
static enum record_verdict
head_decode (const uint8_t *buf, size_t len, const char magic[8])
{
  if (all_zero (buf, len))
    return RECORD_BLANK;
  if (memcmp (buf + HEAD_MAGIC, magic, 8) != 0)
    return RECORD_NONE;
  if (get_le32 (buf + HEAD_CRC) != block_crc (buf, len))
    return RECORD_BAD;
  if (get_le32 (buf + HEAD_VERSION) >> 16 != RECORD_VERSION >> 16)
    return RECORD_FOREIGN;
  return RECORD_VALID;
}

/* Rule (3) does not concern what a later version added. */
static bool
is_later (const uint8_t *buf)
{
  return get_le32 (buf + HEAD_VERSION) > RECORD_VERSION;
}

/* The buffer is zero. */
static void
text_encode (uint8_t *buf, size_t size, const char *text)
{
  memcpy (buf, text, strnlen (text, size - 1));
}

/* Rule (7). */
static bool
text_decode (char *text, size_t size, const uint8_t *buf)
{
  size_t len = strnlen ((const char *) buf, size);

  memcpy (text, buf, size);
  return len < size && all_zero (buf + len, size - len);
}

static bool
is_printable (const char *text)
{
  for (; *text; ++text)
    if (*text < ' ' || *text > '~')
      return false;
  return true;
}

static void
owner_encode (uint8_t *buf, const struct record_owner *owner)
{
  put_le32 (buf + OWNER_PID, owner->pid);
  put_le64 (buf + OWNER_PID_NS, owner->pid_ns);
  memcpy (buf + OWNER_BOOT, owner->boot, RECORD_ID_SIZE);
  memcpy (buf + OWNER_MACHINE, owner->machine, RECORD_ID_SIZE);
  text_encode (buf + OWNER_HOST, RECORD_HOST_SIZE, owner->host);
}

/* Rule (7). */
static bool
owner_decode (struct record_owner *owner, const uint8_t *buf)
{
  owner->pid = get_le32 (buf + OWNER_PID);
  owner->pid_ns = get_le64 (buf + OWNER_PID_NS);
  memcpy (owner->boot, buf + OWNER_BOOT, RECORD_ID_SIZE);
  memcpy (owner->machine, buf + OWNER_MACHINE, RECORD_ID_SIZE);
  return text_decode (owner->host, RECORD_HOST_SIZE, buf + OWNER_HOST) &&
         is_printable (owner->host);
}

/* --- slots --- */

uint64_t
record_trailer_offset (uint64_t leg_size, uint32_t min_block)
{
  uint64_t end = leg_size & ~(uint64_t) (RECORD_SLOT_SIZE - 1);

  if (end <= RECORD_AREA || min_block > RECORD_SLOT_SIZE)
    return 0;
  return end - RECORD_AREA;
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
  owner_encode (buf + SLOT_OWNER, &r->owner);
  memcpy (buf + SLOT_LEGS, r->legs, sizeof r->legs);
  text_encode (buf + SLOT_LOG_NAME, RECORD_LOG_NAME_SIZE, r->log_name);
  for (unsigned i = 0; i < RECORD_MAX_LEGS; ++i)
    text_encode (buf + SLOT_NAMES + i * RECORD_NAME_SIZE, RECORD_NAME_SIZE,
                 r->name[i]);
  head_encode (buf, RECORD_SLOT_SIZE, RECORD_MAGIC);
}

static bool
texts_decode (struct leg_record *r, const uint8_t *buf)
{
  bool ok =
    owner_decode (&r->owner, buf + SLOT_OWNER) &&
    text_decode (r->log_name, RECORD_LOG_NAME_SIZE, buf + SLOT_LOG_NAME);

  for (unsigned i = 0; i < RECORD_MAX_LEGS && ok; ++i)
    ok = text_decode (r->name[i], RECORD_NAME_SIZE,
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
  return texts_decode (r, buf);
}

/* Rules (4) and (5). */
static bool
numbers_ok (const struct leg_record *r)
{
  return !all_zero (r->mirror, RECORD_ID_SIZE) &&
         !all_zero (r->history, RECORD_ID_SIZE) &&
         !all_zero (r->leg, RECORD_ID_SIZE) && r->generation > 0 &&
         r->generation <= MAX_COUNT && r->sequence <= MAX_COUNT &&
         r->size > 0 && r->size <= r->leg_size &&
         r->region_size >= MIN_REGION_SIZE &&
         r->region_size <= MAX_REGION_SIZE &&
         (r->region_size & (r->region_size - 1)) == 0;
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

/* Rule (3). */
static bool
zeroes_ok (const struct leg_record *r, const uint8_t *buf)
{
  return is_later (buf) ||
         (!(r->flags & ~RECORD_ALL_FLAGS) &&
          all_zero (buf + SLOT_ZERO_1, SLOT_OWNER - SLOT_ZERO_1) &&
          all_zero (buf + SLOT_OWNER + OWNER_ZERO, 4) &&
          all_zero (buf + SLOT_ZERO_2, RECORD_SLOT_SIZE - SLOT_ZERO_2));
}

enum record_verdict
record_decode (struct leg_record *r, const uint8_t buf[RECORD_SLOT_SIZE])
{
  enum record_verdict verdict =
    head_decode (buf, RECORD_SLOT_SIZE, RECORD_MAGIC);
  struct leg_record found;

  if (verdict != RECORD_VALID)
    return verdict;
  if (!slot_decode (&found, buf) || !numbers_ok (&found) ||
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

/* --- beats --- */

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
  owner_encode (buf + BEAT_OWNER, &beat->owner);
  head_encode (buf, RECORD_BEAT_SIZE, RECORD_BEAT_MAGIC);
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
  return used <= 1 && owner_decode (&beat->owner, buf + BEAT_OWNER) &&
         beat->interval_ms >= RECORD_MIN_INTERVAL_MS &&
         beat->interval_ms <= RECORD_MAX_INTERVAL_MS &&
         beat->generation <= MAX_COUNT && beat->count <= MAX_COUNT &&
         !all_zero (beat->session, RECORD_ID_SIZE) &&
         !all_zero (beat->mirror, RECORD_ID_SIZE);
}

enum record_verdict
record_beat_decode (struct leg_beat *beat, const uint8_t buf[RECORD_BEAT_SIZE])
{
  enum record_verdict verdict =
    head_decode (buf, RECORD_BEAT_SIZE, RECORD_BEAT_MAGIC);
  struct leg_beat found;

  if (verdict != RECORD_VALID)
    return verdict;
  if (!beat_decode (&found, buf))
    return RECORD_BAD;
  if (!is_later (buf) &&
      (!all_zero (buf + BEAT_OWNER + OWNER_ZERO, 4) ||
       !all_zero (buf + BEAT_ZERO, RECORD_BEAT_SIZE - BEAT_ZERO)))
    return RECORD_BAD;
  *beat = found;
  return RECORD_VALID;
}
