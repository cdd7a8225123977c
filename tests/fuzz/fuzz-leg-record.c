/* SPDX-License-Identifier: BSD-3-Clause */

/* Any bytes as the area of a leg: two slots and a beat.  Their crcs are made
 * right, else nothing would be looked at.  What is accepted must be encoded to
 * the same bytes.
 */

#include "config.h"

#undef NDEBUG
#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "byte-order.h"
#include "fuzz.h"
#include "record-format.h"

const char fuzz_corpus[] = "leg-record";

static void
seal (uint8_t *buf, size_t len)
{
  put_le32 (buf + 12, 0);
  put_le32 (buf + 12, (uint32_t) crc32 (0, buf, (uInt) len));
}

static void
check_slot (const uint8_t *buf)
{
  uint8_t again[RECORD_SLOT_SIZE];
  struct leg_record r;

  if (record_decode (&r, buf) != RECORD_VALID ||
      get_le32 (buf + 8) != RECORD_VERSION)
    return;
  record_encode (again, &r);
  assert (memcmp (buf, again, sizeof again) == 0);
}

static void
check_beat (const uint8_t *buf)
{
  uint8_t again[RECORD_BEAT_SIZE];
  struct leg_beat beat;

  if (record_beat_decode (&beat, buf) != RECORD_VALID ||
      get_le32 (buf + 8) != RECORD_BEAT_VERSION)
    return;
  record_beat_encode (again, &beat);
  assert (memcmp (buf, again, sizeof again) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static uint8_t area[RECORD_BEAT_OFFSET + RECORD_BEAT_SIZE];
  struct leg_record r;
  unsigned next;

  memset (area, 0, sizeof area);
  memcpy (area, data, size < sizeof area ? size : sizeof area);
  record_decode_area (&r, area, &next);
  seal (area, RECORD_SLOT_SIZE);
  seal (area + RECORD_SLOT_SIZE, RECORD_SLOT_SIZE);
  seal (area + RECORD_BEAT_OFFSET, RECORD_BEAT_SIZE);
  check_slot (area);
  check_slot (area + RECORD_SLOT_SIZE);
  check_beat (area + RECORD_BEAT_OFFSET);
  if (record_decode_area (&r, area, &next) == RECORD_VALID)
    assert (r.size <= r.leg_size && (r.in_sync & ~r.configured) == 0);
  return 0;
}
