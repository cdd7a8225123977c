/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "disk-number.h"

enum {
  NUMBER_MAGIC = 0,
  NUMBER_CRC = 8,
  NUMBER_UUID = 16,
  NUMBER_VALUE = 32,
  NUMBER_SIZE = 40,
  RECENT_CRC = NUMBER_SIZE,
  RECENT_COUNT = RECENT_CRC + 4,
  RECENT_REGIONS = RECENT_COUNT + 4,
  RECENT_END = RECENT_REGIONS + 8 * LOG_NR_RECENT,
  NUMBER_PLACE = 512, /* of odd ones */
};
static_assert (RECENT_END == 176, "regions cleared last");

static uint32_t
number_crc (const uint8_t *buf)
{
  uint8_t copy[NUMBER_SIZE];

  memcpy (copy, buf, sizeof copy);
  put_le32 (copy + NUMBER_CRC, 0);
  return (uint32_t) crc32 (0, copy, sizeof copy);
}

void
disk_flush_number_encode (uint8_t buf[DISK_BLOCK], const uint8_t uuid[16],
                          uint64_t number)
{
  uint8_t *at = buf + number % 2 * NUMBER_PLACE;

  memset (at, 0, NUMBER_SIZE);
  memcpy (at + NUMBER_MAGIC, DISK_FLUSH_NUMBER_MAGIC, 8);
  memcpy (at + NUMBER_UUID, uuid, 16);
  put_le64 (at + NUMBER_VALUE, number);
  put_le32 (at + NUMBER_CRC, number_crc (at));
}

uint64_t
disk_flush_number_decode (const uint8_t buf[DISK_BLOCK],
                          const uint8_t uuid[16])
{
  uint64_t number = 0;

  for (unsigned i = 0; i < 2; ++i) {
    const uint8_t *at = buf + i * NUMBER_PLACE;

    if (memcmp (at + NUMBER_MAGIC, DISK_FLUSH_NUMBER_MAGIC, 8) == 0 &&
        get_le32 (at + NUMBER_CRC) == number_crc (at) &&
        memcmp (at + NUMBER_UUID, uuid, 16) == 0 &&
        get_le64 (at + NUMBER_VALUE) > number)
      number = get_le64 (at + NUMBER_VALUE);
  }
  return number;
}

/* --- the regions cleared last --- */

/* Of the number, too: the list is that number's. */
static uint32_t
recent_crc (const uint8_t *buf)
{
  uint8_t copy[RECENT_END];

  memcpy (copy, buf, sizeof copy);
  put_le32 (copy + NUMBER_CRC, 0);
  put_le32 (copy + RECENT_CRC, 0);
  return (uint32_t) crc32 (0, copy, sizeof copy);
}

void
disk_recent_encode (uint8_t buf[DISK_BLOCK], uint64_t number,
                    const struct log_recent *recent)
{
  uint8_t *at = buf + number % 2 * NUMBER_PLACE;

  memset (at + RECENT_CRC, 0, RECENT_END - RECENT_CRC);
  put_le32 (at + RECENT_COUNT, recent->nr);
  for (unsigned i = 0; i < recent->nr; ++i)
    put_le64 (at + RECENT_REGIONS + 8 * i, recent->region[i]);
  put_le32 (at + RECENT_CRC, recent_crc (at));
}

void
disk_recent_decode (struct log_recent *recent, const uint8_t buf[DISK_BLOCK],
                    uint64_t number, uint64_t nr_regions)
{
  const uint8_t *at = buf + number % 2 * NUMBER_PLACE;
  uint32_t nr = get_le32 (at + RECENT_COUNT);

  recent->nr = 0;
  if (get_le32 (at + RECENT_CRC) != recent_crc (at) || nr > LOG_NR_RECENT)
    return;
  for (unsigned i = 0; i < nr; ++i) {
    recent->region[i] = get_le64 (at + RECENT_REGIONS + 8 * i);
    if (recent->region[i] >= nr_regions)
      return;
  }
  recent->nr = nr;
}
