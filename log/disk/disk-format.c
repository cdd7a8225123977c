/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "disk-format.h"
#include "log-life.h"
#include "zero.h"

enum {
  HEADER_MAGIC = 0,
  HEADER_VERSION = 4,
  HEADER_NR_REGIONS = 8,
};
static_assert (HEADER_NR_REGIONS + 8 == DISK_HEADER_SIZE, "header");

enum {
  SLOT_MAGIC = 0,
  SLOT_VERSION = SLOT_MAGIC + 8,
  SLOT_CRC = SLOT_VERSION + 4,
  SLOT_SEQUENCE = SLOT_CRC + 4,
  SLOT_UUID = SLOT_SEQUENCE + 8,
  SLOT_SIZE = SLOT_UUID + 16,
  SLOT_REGION_SIZE = SLOT_SIZE + 8,
  SLOT_FLAGS = SLOT_REGION_SIZE + 4,
  SLOT_GENERATION = SLOT_FLAGS + 4,
  SLOT_AREA_OFFSET = SLOT_GENERATION + 8,
  SLOT_OWNER_PID = SLOT_AREA_OFFSET + 8,
  SLOT_PRIMARY = SLOT_OWNER_PID + 4,
  SLOT_MIN_BLOCK = SLOT_PRIMARY + 1,
  SLOT_ZERO_1 = SLOT_MIN_BLOCK + 1,
  SLOT_OWNER_HOST = SLOT_ZERO_1 + 2,
  SLOT_ZERO_2 = SLOT_OWNER_HOST + LOG_HOST_SIZE,
  SLOT_LEGS = SLOT_ZERO_2 + 32,
};

enum {
  LEG_ID = 0,
  LEG_GENERATION = LEG_ID + LOG_ID_SIZE,
  LEG_SIZE = LEG_GENERATION + 8,
  LEG_STATE = LEG_SIZE + 8,
  LEG_KIND = LEG_STATE + 1,
  LEG_ZERO = LEG_KIND + 1,
  LEG_RECORD_SIZE = LEG_ZERO + 6,
};

static_assert (LEG_RECORD_SIZE == 40, "leg record");
static_assert (SLOT_SEQUENCE == 16 && SLOT_UUID == 24 && SLOT_SIZE == 40 &&
                 SLOT_FLAGS == 52 && SLOT_AREA_OFFSET == 64 &&
                 SLOT_OWNER_HOST == 80 && SLOT_LEGS == 176,
               "slot offsets");
static_assert (SLOT_LEGS + LOG_MAX_LEGS * LEG_RECORD_SIZE == DISK_SLOT_SIZE,
               "slot size");
static_assert (DISK_HEADER_SIZE + DISK_SLOT_SIZE == 512,
               "slot A ends with the first sector");
static_assert (512 + DISK_SLOT_SIZE <= DISK_BITMAP_OFFSET, "slot B");

enum {
  NAME_LENGTH = 0,
  NAME_CRC = 4,
  NAME_BYTES = 8,
};
static_assert (NAME_BYTES + LOG_NAME_SIZE <= DISK_BLOCK, "name block");

static uint64_t
round_up (uint64_t n, uint64_t unit)
{
  return (n + unit - 1) / unit * unit;
}

void
disk_layout_init (struct disk_layout *layout, uint64_t nr_regions,
                  uint64_t area_offset)
{
  uint64_t bytes = bitset_words (nr_regions) * 8;

  layout->nr_regions = nr_regions;
  layout->bitmap_end = DISK_BITMAP_OFFSET + bytes;
  layout->head_size = round_up (layout->bitmap_end, DISK_BLOCK);
  layout->map_size = round_up (bytes, DISK_BLOCK);
  layout->area_offset = area_offset ? area_offset : layout->head_size;
  layout->area_size =
    DISK_AREA_HEAD_BLOCKS * DISK_BLOCK + (1 + LOG_MAX_LEGS) * layout->map_size;
}

void
disk_header_encode (uint8_t buf[DISK_HEADER_SIZE],
                    const struct disk_header *header)
{
  put_le32 (buf + HEADER_MAGIC, DISK_MAGIC);
  put_le32 (buf + HEADER_VERSION, header->version);
  put_le64 (buf + HEADER_NR_REGIONS, header->nr_regions);
}

void
disk_header_decode (struct disk_header *header,
                    const uint8_t buf[DISK_HEADER_SIZE])
{
  header->magic_ok = get_le32 (buf + HEADER_MAGIC) == DISK_MAGIC;
  header->version = get_le32 (buf + HEADER_VERSION);
  header->nr_regions = get_le64 (buf + HEADER_NR_REGIONS);
}

static_assert (LOG_HEAD_SIZE == DISK_BITMAP_OFFSET, "head");

bool
dirty_log_begins (const uint8_t head[LOG_HEAD_SIZE])
{
  struct disk_header header;

  disk_header_decode (&header, head);
  return header.magic_ok ||
         memcmp (head + DISK_SLOT_OFFSET (0), DISK_SLOT_MAGIC, 8) == 0 ||
         memcmp (head + DISK_SLOT_OFFSET (1), DISK_SLOT_MAGIC, 8) == 0;
}

static uint32_t
slot_crc (const uint8_t buf[DISK_SLOT_SIZE])
{
  static const uint8_t zero[4];
  uLong crc = crc32 (0, buf, SLOT_CRC);

  crc = crc32 (crc, zero, sizeof zero);
  return (uint32_t) crc32 (crc, buf + SLOT_SEQUENCE,
                           DISK_SLOT_SIZE - SLOT_SEQUENCE);
}

/* A power of two in one byte, and back; 0 stays 0. */
static uint8_t
block_to_byte (uint32_t block)
{
  return block ? (uint8_t) (1 + __builtin_ctz (block)) : 0;
}

static uint32_t
block_from_byte (uint8_t byte)
{
  return byte && byte <= 32 ? UINT32_C (1) << (byte - 1) : 0;
}

static void
leg_encode (uint8_t *buf, const struct disk_leg *leg)
{
  memcpy (buf + LEG_ID, leg->id, LOG_ID_SIZE);
  put_le64 (buf + LEG_GENERATION, leg->generation);
  put_le64 (buf + LEG_SIZE, leg->size);
  buf[LEG_STATE] = leg->state;
  buf[LEG_KIND] = leg->kind;
}

void
disk_slot_encode (uint8_t buf[DISK_SLOT_SIZE], const struct disk_slot *slot)
{
  memset (buf, 0, DISK_SLOT_SIZE);
  memcpy (buf + SLOT_MAGIC, DISK_SLOT_MAGIC, 8);
  put_le32 (buf + SLOT_VERSION, DISK_SLOT_VERSION);
  put_le64 (buf + SLOT_SEQUENCE, slot->sequence);
  memcpy (buf + SLOT_UUID, slot->uuid, sizeof slot->uuid);
  put_le64 (buf + SLOT_SIZE, slot->size);
  put_le32 (buf + SLOT_REGION_SIZE, slot->region_size);
  put_le32 (buf + SLOT_FLAGS, slot->flags);
  put_le64 (buf + SLOT_GENERATION, slot->generation);
  put_le64 (buf + SLOT_AREA_OFFSET, slot->area_offset);
  put_le32 (buf + SLOT_OWNER_PID, slot->owner_pid);
  buf[SLOT_PRIMARY] = slot->primary;
  buf[SLOT_MIN_BLOCK] = block_to_byte (slot->min_block);
  memcpy (buf + SLOT_OWNER_HOST, slot->owner_host, LOG_HOST_SIZE);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    leg_encode (buf + SLOT_LEGS + s * LEG_RECORD_SIZE, &slot->leg[s]);
  put_le32 (buf + SLOT_CRC, slot_crc (buf));
}

static_assert (SLOT_ZERO_2 + DISK_MOVED_TEXT == DISK_SLOT_SIZE, "text");

void
disk_moved_encode (uint8_t buf[DISK_SLOT_SIZE], const struct disk_slot *slot,
                   const char *spec)
{
  memset (buf, 0, DISK_SLOT_SIZE);
  memcpy (buf + SLOT_MAGIC, DISK_SLOT_MAGIC, 8);
  put_le32 (buf + SLOT_VERSION, DISK_MOVED_VERSION);
  put_le64 (buf + SLOT_SEQUENCE, slot->sequence);
  memcpy (buf + SLOT_UUID, slot->uuid, sizeof slot->uuid);
  memcpy (buf + SLOT_ZERO_2, spec, strnlen (spec, DISK_MOVED_TEXT - 1));
  put_le32 (buf + SLOT_CRC, slot_crc (buf));
}

void
disk_moved_decode (uint8_t uuid[16], char spec[DISK_MOVED_TEXT],
                   const uint8_t buf[DISK_SLOT_SIZE])
{
  memcpy (uuid, buf + SLOT_UUID, 16);
  memcpy (spec, buf + SLOT_ZERO_2, DISK_MOVED_TEXT);
}

static void
leg_decode (struct disk_leg *leg, const uint8_t *buf)
{
  memcpy (leg->id, buf + LEG_ID, LOG_ID_SIZE);
  leg->generation = get_le64 (buf + LEG_GENERATION);
  leg->size = get_le64 (buf + LEG_SIZE);
  leg->state = buf[LEG_STATE];
  leg->kind = buf[LEG_KIND];
}

static void
fields_decode (struct disk_slot *slot, const uint8_t *buf)
{
  memset (slot, 0, sizeof *slot);
  slot->sequence = get_le64 (buf + SLOT_SEQUENCE);
  memcpy (slot->uuid, buf + SLOT_UUID, sizeof slot->uuid);
  slot->size = get_le64 (buf + SLOT_SIZE);
  slot->region_size = get_le32 (buf + SLOT_REGION_SIZE);
  slot->flags = get_le32 (buf + SLOT_FLAGS);
  slot->generation = get_le64 (buf + SLOT_GENERATION);
  slot->area_offset = get_le64 (buf + SLOT_AREA_OFFSET);
  slot->owner_pid = get_le32 (buf + SLOT_OWNER_PID);
  slot->primary = buf[SLOT_PRIMARY];
  slot->min_block = block_from_byte (buf[SLOT_MIN_BLOCK]);
  memcpy (slot->owner_host, buf + SLOT_OWNER_HOST, LOG_HOST_SIZE);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    leg_decode (&slot->leg[s], buf + SLOT_LEGS + s * LEG_RECORD_SIZE);
}

/* Rule (3). */
static bool
reserved_ok (const uint8_t *buf)
{
  bool ok = is_zero (buf + SLOT_ZERO_1, SLOT_OWNER_HOST - SLOT_ZERO_1) &&
            is_zero (buf + SLOT_ZERO_2, SLOT_LEGS - SLOT_ZERO_2);

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    ok = ok && is_zero (buf + SLOT_LEGS + s * LEG_RECORD_SIZE + LEG_ZERO,
                        LEG_RECORD_SIZE - LEG_ZERO);
  if (get_le32 (buf + SLOT_VERSION) < DISK_SLOT_VERSION)
    return ok && buf[SLOT_MIN_BLOCK] == 0;
  return ok || get_le32 (buf + SLOT_VERSION) > DISK_SLOT_VERSION;
}

/* Rules (4) and (5). */
static bool
geometry_ok (const struct disk_slot *slot)
{
  struct disk_layout layout;

  if (slot->region_size < LOG_MIN_REGION_SIZE ||
      slot->region_size > LOG_MAX_REGION_SIZE ||
      (slot->region_size & (slot->region_size - 1)) != 0)
    return false;
  if (slot->size == 0 || slot->size > INT64_MAX ||
      disk_slot_regions (slot) > LOG_MAX_REGIONS)
    return false;
  if (slot->area_offset % DISK_BLOCK != 0)
    return false;
  if (slot->flags & DISK_CREATING)
    return true;
  if (slot->flags & DISK_SHARED_MAP)
    return slot->area_offset == 0;
  disk_layout_init (&layout, disk_slot_regions (slot), 0);
  return slot->area_offset >= layout.head_size;
}

static bool
leg_ok (const struct disk_leg *leg, uint64_t generation)
{
  static const struct disk_leg unused;

  if (leg->state == LOG_LEG_NONE)
    return memcmp (leg->id, unused.id, sizeof unused.id) == 0 &&
           leg->generation == 0 && leg->size == 0 && leg->kind == 0;
  return leg->state <= LOG_LEG_STALE && leg->generation <= generation;
}

static bool
host_ok (const char *host)
{
  size_t len = strnlen (host, LOG_HOST_SIZE);

  for (size_t i = 0; i < len; ++i)
    if (host[i] <= ' ' || host[i] > '~')
      return false;
  return len < LOG_HOST_SIZE && is_zero (host + len, LOG_HOST_SIZE - len);
}

/* Rule (6). */
static bool
records_ok (const struct disk_slot *slot)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (!leg_ok (&slot->leg[s], slot->generation))
      return false;
  return slot->primary < LOG_MAX_LEGS && host_ok (slot->owner_host);
}

enum disk_verdict
disk_slot_decode (struct disk_slot *slot, const uint8_t buf[DISK_SLOT_SIZE])
{
  if (is_zero (buf, DISK_SLOT_SIZE))
    return DISK_SLOT_BLANK;
  if (memcmp (buf + SLOT_MAGIC, DISK_SLOT_MAGIC, 8) != 0)
    return DISK_SLOT_NONE;
  if (get_le32 (buf + SLOT_CRC) != slot_crc (buf))
    return DISK_SLOT_BAD;
  if (get_le32 (buf + SLOT_VERSION) == DISK_MOVED_VERSION)
    return buf[DISK_SLOT_SIZE - 1] == 0 ? DISK_SLOT_MOVED : DISK_SLOT_BAD;
  if (get_le32 (buf + SLOT_VERSION) >> 16 != DISK_SLOT_VERSION >> 16)
    return DISK_SLOT_FOREIGN;

  fields_decode (slot, buf);
  if (!reserved_ok (buf) || (slot->flags & ~DISK_ALL_FLAGS) != 0 ||
      !geometry_ok (slot) || !records_ok (slot) ||
      buf[SLOT_MIN_BLOCK] > block_to_byte (LOG_MAX_MIN_BLOCK))
    return DISK_SLOT_BAD;
  return DISK_SLOT_VALID;
}

static uint32_t
name_crc (const uint8_t *buf, uint32_t len)
{
  uLong crc = crc32 (0, buf + NAME_LENGTH, 4);

  return (uint32_t) crc32 (crc, buf + NAME_BYTES, len);
}

void
disk_name_encode (uint8_t buf[DISK_BLOCK], const char *name)
{
  uint32_t len = (uint32_t) strlen (name);

  assert (len < LOG_NAME_SIZE);
  memset (buf, 0, DISK_BLOCK);
  if (len == 0)
    return;
  put_le32 (buf + NAME_LENGTH, len);
  memcpy (buf + NAME_BYTES, name, len);
  put_le32 (buf + NAME_CRC, name_crc (buf, len));
}

void
disk_name_decode (char *name, const uint8_t buf[DISK_BLOCK])
{
  uint32_t len = get_le32 (buf + NAME_LENGTH);

  memset (name, 0, LOG_NAME_SIZE);
  if (len < LOG_NAME_SIZE &&
      get_le32 (buf + NAME_CRC) == name_crc (buf, len) &&
      !memchr (buf + NAME_BYTES, 0, len))
    memcpy (name, buf + NAME_BYTES, len);
}
