/* SPDX-License-Identifier: BSD-3-Clause */

/* What a restart finds of a scrub: a file beside the log's, LOG.scrub.
 *
 * It is not in the log.  The log's own area has no room that grows with what is
 * found, it is written while writes wait for marks, and a scrub that is lost is
 * only begun again.  A log in memory, on a block device or on a server has no
 * place beside it: then the scrub is lost with this process.
 *
 * Little endian:
 *
 *      0  magic 8          "nbdmirrS"
 *      8  version u32      1
 *     12  crc32 u32        of all that follows (zlib)
 *     16  uuid 16          of the mirror
 *     32  phase u8         enum scrub_phase
 *     33  repair u8        0 or 1
 *     34  repair_from u8
 *     35  cut u8           1: differ.cut, 2: unread.cut
 *     36  zero 4
 *     40  begin, end, position, rate, found_bytes, repaired_bytes u64
 *     88  number of ranges that differ, that can't be read u32
 *     96  ranges: offset u64, length u64, groups u32, zero 4
 */

#ifndef NBDMIRROR_SCRUB_KEEP_H
#define NBDMIRROR_SCRUB_KEEP_H

#include <stdint.h>

#include "scrub-state.h"

/* Replace the file, durably.  0, or -1 with errno.  Blocks. */
int scrub_keep_store (const char *path, const uint8_t uuid[16],
                      const struct scrub_kept *kept);

/* 1; 0 if there is none, or one of another mirror or that is damaged, which may
 * be replaced; -1 with errno if there is something that is not ours.  size: of
 * the mirror; a scrub must lie in it.
 */
int scrub_keep_load (const char *path, const uint8_t uuid[16], uint64_t size,
                     struct scrub_kept *kept);

#endif /* NBDMIRROR_SCRUB_KEEP_H */
