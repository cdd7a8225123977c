/* SPDX-License-Identifier: BSD-3-Clause */

/* Where a leg's block status may be believed.
 *
 * A leg may call a hole what is only in its cache (nbdkit's cache filter does
 * that), and somebody who copies by block status, be it resync or a client,
 * would leave it out.  What was written since the last flush is marked, so no
 * leg is asked about marked regions: they are data.
 */

#ifndef NBDMIRROR_BLOCK_STATUS_H
#define NBDMIRROR_BLOCK_STATUS_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;

/* How far from offset on, at most count bytes, all has been flushed on the
 * legs in use since it was written: no region is marked.  Who asks a leg
 * afterwards holds the range, so that it stays so.  Does not block; takes the
 * log's lock.
 */
uint64_t flushed_length (struct mirror *m, uint64_t offset, uint64_t count);

/* For who asks once, and holds the range against writers meanwhile: is something
 * at offset not flushed?  A mark alone does not say so, if the legs were flushed
 * since the last write.  *length: for how many bytes the answer holds, at least
 * one and at most count.  m->lock is held.
 */
bool is_unflushed_locked (struct mirror *m, uint64_t offset, uint64_t count,
                          uint64_t *length);

#endif /* NBDMIRROR_BLOCK_STATUS_H */
