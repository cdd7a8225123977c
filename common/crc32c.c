/* SPDX-License-Identifier: BSD-3-Clause */

/* Debian 12 has no small library for it: zlib has another polynomial, and ISA-L is
 * there for two kinds of processors only.
 */

#include "config.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "byte-order.h"
#include "crc32c.h"

#define POLYNOMIAL \
  UINT32_C (0x82f63b78) /* its bits from the last to the first */

/* table[n][b]: what byte b does with n bytes behind it. */
static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_table (void)
{
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;

    for (unsigned bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
    table[0][b] = crc;
  }
  for (unsigned n = 1; n < 8; ++n)
    for (unsigned b = 0; b < 256; ++b)
      table[n][b] = table[n - 1][b] >> 8 ^ table[0][table[n - 1][b] & 0xff];
}

static uint32_t
next_byte (uint32_t crc, uint8_t byte)
{
  return crc >> 8 ^ table[0][(crc ^ byte) & 0xff];
}

uint32_t
crc32c_by_table (uint32_t crc, const void *buf, size_t len)
{
  const uint8_t *p = buf;

  pthread_once (&once, make_table);
  crc = ~crc;
  for (; len >= 8; len -= 8, p += 8) {
    uint64_t v = get_le64 (p) ^ crc;

    crc = 0;
    for (unsigned i = 0; i < 8; ++i)
      crc ^= table[7 - i][v >> (8 * i) & 0xff];
  }
  while (len-- > 0)
    crc = next_byte (crc, *p++);
  return ~crc;
}

#ifdef __x86_64__

__attribute__ ((target ("sse4.2"))) static uint32_t
by_instruction (uint32_t crc, const void *buf, size_t len)
{
  const uint8_t *p = buf;
  uint64_t sum = ~crc;

  for (; len >= 8; len -= 8, p += 8) {
    uint64_t v;

    memcpy (&v, p, sizeof v);
    sum = __builtin_ia32_crc32di (sum, v);
  }
  while (len-- > 0)
    sum = __builtin_ia32_crc32qi ((uint32_t) sum, *p++);
  return ~(uint32_t) sum;
}

uint32_t
crc32c (uint32_t crc, const void *buf, size_t len)
{
  return __builtin_cpu_supports ("sse4.2") ? by_instruction (crc, buf, len)
                                           : crc32c_by_table (crc, buf, len);
}

#else

uint32_t
crc32c (uint32_t crc, const void *buf, size_t len)
{
  return crc32c_by_table (crc, buf, len);
}

#endif
