/* SPDX-License-Identifier: BSD-3-Clause */

/* The regions that a range of bytes touches. */

#ifndef NBDMIRROR_REGIONS_H
#define NBDMIRROR_REGIONS_H

#include <stdint.h>

/* count > 0; a region has 1 << shift bytes. */
static inline void
regions_of (uint64_t offset, uint64_t count, unsigned shift, uint64_t *first,
            uint64_t *nr)
{
  *first = offset >> shift;
  *nr = ((offset + count - 1) >> shift) - *first + 1;
}

#endif /* NBDMIRROR_REGIONS_H */
