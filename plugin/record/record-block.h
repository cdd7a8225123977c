/* SPDX-License-Identifier: BSD-3-Clause */

/* What slots and beats have in common: how they begin, texts, owners
 * (record-format.h).  Only for those two.
 */

#ifndef NBDMIRROR_RECORD_BLOCK_H
#define NBDMIRROR_RECORD_BLOCK_H

#include <stddef.h>

#include "record-format.h"

/* Higher numbers can't be counted up. */
#define BLOCK_MAX_COUNT (UINT64_C (1) << 62)

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

bool block_all_zero (const uint8_t *p, size_t len);

/* With all else in its place: magic, version, crc. */
void block_encode (uint8_t *buf, size_t len, const char magic[8],
                   uint32_t version);

/* Rules (1) and (2). */
enum record_verdict block_decode (const uint8_t *buf, size_t len,
                                  const char magic[8]);

/* Rule (3) does not concern what a later version added. */
bool block_is_later (const uint8_t *buf, uint32_t version);

/* The buffer is zero; a text that does not fit is cut off. */
void block_put_text (uint8_t *buf, size_t size, const char *text);
void block_put_owner (uint8_t *buf, const struct record_owner *owner);

/* Rule (7). */
bool block_get_text (char *text, size_t size, const uint8_t *buf);
bool block_get_owner (struct record_owner *owner, const uint8_t *buf);

#endif /* NBDMIRROR_RECORD_BLOCK_H */
