/* SPDX-License-Identifier: BSD-3-Clause */

/* Little endian fields (disk format) in byte buffers. */

#ifndef NBDMIRROR_BYTE_ORDER_H
#define NBDMIRROR_BYTE_ORDER_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t
get_le32 (const void *p)
{
  uint32_t v;

  memcpy (&v, p, sizeof v);
  return le32toh (v);
}

static inline uint64_t
get_le64 (const void *p)
{
  uint64_t v;

  memcpy (&v, p, sizeof v);
  return le64toh (v);
}

static inline void
put_le32 (void *p, uint32_t v)
{
  v = htole32 (v);
  memcpy (p, &v, sizeof v);
}

static inline void
put_le64 (void *p, uint64_t v)
{
  v = htole64 (v);
  memcpy (p, &v, sizeof v);
}

#endif /* NBDMIRROR_BYTE_ORDER_H */
