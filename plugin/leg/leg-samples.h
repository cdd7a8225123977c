/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading some of what a medium calls zeroes. */

#ifndef NBDMIRROR_LEG_SAMPLES_H
#define NBDMIRROR_LEG_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "leg.h"

#define LEG_NOWHERE UINT64_MAX

/* Of the extents from offset on, read both ends of each that is called zero,
 * and so many places more, spread over all of them.  An extent becomes data
 * where something else is read, or nothing can be.  *suspect: the first byte
 * that was read and is not zero, or LEG_NOWHERE.  0, or -1 with errno and the
 * extents as they were.  Blocks.
 */
int leg_read_samples (struct leg *leg, uint64_t offset,
                      struct leg_extent *extents, size_t nr, unsigned places,
                      uint64_t *suspect);

#endif /* NBDMIRROR_LEG_SAMPLES_H */
