/* SPDX-License-Identifier: BSD-3-Clause */

/* Are these bytes all zero? */

#ifndef NBDMIRROR_ZERO_H
#define NBDMIRROR_ZERO_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* True for no bytes at all.  As fast as memcmp. */
static inline bool
is_zero (const void *buf, size_t count)
{
  const unsigned char *p = buf;

  return count == 0 || (p[0] == 0 && memcmp (p, p + 1, count - 1) == 0);
}

#endif /* NBDMIRROR_ZERO_H */
