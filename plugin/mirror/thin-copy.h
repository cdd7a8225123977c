/* SPDX-License-Identifier: BSD-3-Clause */

/* What each target gets of a chunk, so that a thin one stays thin. */

#ifndef NBDMIRROR_THIN_COPY_H
#define NBDMIRROR_THIN_COPY_H

#include <stdint.h>

struct copier;

/* Make the targets hold what is in buf, or zeroes if that is NULL; count is at
 * most COPY_CHUNK.  The range is locked.  Blocks; no lock is held.
 */
void thin_copy (struct copier *c, char *buf, uint64_t offset, uint64_t count);

#endif /* NBDMIRROR_THIN_COPY_H */
