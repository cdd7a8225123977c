/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "record-block.h"

bool
block_all_zero (const uint8_t *p, size_t len)
{
  for (size_t i = 0; i < len; ++i)
    if (p[i] != 0)
      return false;
  return true;
}

static uint32_t
block_crc (const uint8_t *buf, size_t len)
{
  static const uint8_t zero[HEAD_END - HEAD_CRC];
  uLong crc = crc32 (0, buf, HEAD_CRC);

  crc = crc32 (crc, zero, sizeof zero);
  return (uint32_t) crc32 (crc, buf + HEAD_END, (uInt) (len - HEAD_END));
}

void
block_encode (uint8_t *buf, size_t len, const char magic[8], uint32_t version)
{
  memcpy (buf + HEAD_MAGIC, magic, 8);
  put_le32 (buf + HEAD_VERSION, version);
  put_le32 (buf + HEAD_CRC, block_crc (buf, len));
}

enum record_verdict
block_decode (const uint8_t *buf, size_t len, const char magic[8])
{
  if (block_all_zero (buf, len))
    return RECORD_BLANK;
  if (memcmp (buf + HEAD_MAGIC, magic, 8) != 0)
    return RECORD_NONE;
  if (get_le32 (buf + HEAD_CRC) != block_crc (buf, len))
    return RECORD_BAD;
  if (get_le32 (buf + HEAD_VERSION) >> 16 != RECORD_VERSION >> 16)
    return RECORD_FOREIGN;
  return RECORD_VALID;
}

bool
block_is_later (const uint8_t *buf, uint32_t version)
{
  return get_le32 (buf + HEAD_VERSION) > version;
}

void
block_put_text (uint8_t *buf, size_t size, const char *text)
{
  memcpy (buf, text, strnlen (text, size - 1));
}

bool
block_get_text (char *text, size_t size, const uint8_t *buf)
{
  size_t len = strnlen ((const char *) buf, size);

  memcpy (text, buf, size);
  return len < size && block_all_zero (buf + len, size - len);
}

static bool
is_printable (const char *text)
{
  for (; *text; ++text)
    if (*text < ' ' || *text > '~')
      return false;
  return true;
}

void
block_put_owner (uint8_t *buf, const struct record_owner *owner)
{
  put_le32 (buf + OWNER_PID, owner->pid);
  put_le64 (buf + OWNER_PID_NS, owner->pid_ns);
  memcpy (buf + OWNER_BOOT, owner->boot, RECORD_ID_SIZE);
  memcpy (buf + OWNER_MACHINE, owner->machine, RECORD_ID_SIZE);
  block_put_text (buf + OWNER_HOST, RECORD_HOST_SIZE, owner->host);
}

bool
block_get_owner (struct record_owner *owner, const uint8_t *buf)
{
  owner->pid = get_le32 (buf + OWNER_PID);
  owner->pid_ns = get_le64 (buf + OWNER_PID_NS);
  memcpy (owner->boot, buf + OWNER_BOOT, RECORD_ID_SIZE);
  memcpy (owner->machine, buf + OWNER_MACHINE, RECORD_ID_SIZE);
  return block_get_text (owner->host, RECORD_HOST_SIZE, buf + OWNER_HOST) &&
         is_printable (owner->host);
}
