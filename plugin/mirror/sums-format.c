/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "byte-order.h"
#include "crc32c.h"
#include "sums-format.h"

#define MAGIC "nbdmirrC"
#define FORMAT_VERSION 1

enum {
  AT_MAGIC = 0,
  AT_VERSION = 8,
  AT_CRC = 12,
  AT_UUID = 16,
  AT_SIZE = 32,
  AT_NUMBER = 40,
  AT_CLOSED = 48,
};

static uint32_t
crc_of (const uint8_t buf[SUMS_HEAD])
{
  static const uint8_t zero[4];
  uint32_t crc = crc32c (0, buf, AT_CRC);

  crc = crc32c (crc, zero, sizeof zero);
  return crc32c (crc, buf + AT_UUID, SUMS_HEAD - AT_UUID);
}

void
sums_encode (uint8_t buf[SUMS_HEAD], const struct sums_head *head)
{
  memset (buf, 0, SUMS_HEAD);
  memcpy (buf + AT_MAGIC, MAGIC, 8);
  put_le32 (buf + AT_VERSION, FORMAT_VERSION);
  memcpy (buf + AT_UUID, head->uuid, 16);
  put_le64 (buf + AT_SIZE, head->size);
  put_le64 (buf + AT_NUMBER, head->number);
  buf[AT_CLOSED] = head->closed;
  put_le32 (buf + AT_CRC, crc_of (buf));
}

bool
sums_is_ours (const uint8_t buf[SUMS_HEAD])
{
  return memcmp (buf + AT_MAGIC, MAGIC, 8) == 0;
}

bool
sums_decode (const uint8_t buf[SUMS_HEAD], struct sums_head *head)
{
  if (!sums_is_ours (buf) || get_le32 (buf + AT_VERSION) != FORMAT_VERSION ||
      get_le32 (buf + AT_CRC) != crc_of (buf) || buf[AT_CLOSED] > 1)
    return false;
  *head = (struct sums_head){.uuid = buf + AT_UUID,
                             .size = get_le64 (buf + AT_SIZE),
                             .number = get_le64 (buf + AT_NUMBER),
                             .closed = buf[AT_CLOSED]};
  return true;
}
