/* SPDX-License-Identifier: BSD-3-Clause */

/* Where legs read as zeroes: their block status, as far as it can be believed,
 * and what is remembered of it (extent-map.h).
 *
 * It is never believed unread: of each run that a copy leaves out both ends are
 * read, and some places more when the leg is asked.  Nor is it in a marked region.  Something may be in a leg's cache
 * only there, and its block status still call that a hole (nbdkit's cache
 * filter does that).  So a region that becomes marked is forgotten, and asked
 * about again when the sweep has flushed the legs and cleared it.
 */

#ifndef NBDMIRROR_HOLES_H
#define NBDMIRROR_HOLES_H

#include <stddef.h>
#include <stdint.h>

#include "leg.h"

struct mirror;

enum holds {
  HOLDS_UNKNOWN, /* block status can't be had, or believed */
  HOLDS_DATA,
  HOLDS_ZEROES, /* it reads as zeroes; a hole alone does not (S17a) */
};

struct held {
  enum holds what;
  uint64_t length; /* at least one byte, whole blocks of the mirror */
};

/* What the leg holds from offset on, at most count bytes; both are aligned to
 * the blocks of the mirror and count > 0.  Asks the leg if that is not known,
 * and reads both ends of zeroes: blocks, the caller holds the leg (members_use_locked) and no lock.  The
 * answer is about the time of the call: where writers are not kept off use
 * holes_known_locked.
 */
struct held holes_at (struct mirror *m, unsigned slot, uint64_t offset,
                      uint64_t count);

/* For how many bytes from offset on, at most count, it is known that all these
 * legs read as zeroes, and that no write is under way.  m->lock is held.
 */
uint64_t holes_known_locked (struct mirror *m, unsigned slots, uint64_t offset,
                             uint64_t count);

/* The extents from offset on, as leg_extents, in few requests; they cover
 * count bytes or less.  0: block status can't be had, or believed.
 */
size_t holes_list (struct mirror *m, unsigned slot, uint64_t offset,
                   uint64_t count, struct leg_extent *extents, size_t max);

/* What was copied to these legs in these regions has been flushed.  Before that
 * a leg may have called it a hole, and that is forgotten: once the leg is
 * in-sync it would be believed of a source.  m->lock is held.
 */
void holes_flushed_locked (struct mirror *m, unsigned slots, uint64_t first,
                           uint64_t nr);

/* Regions that become marked.  m->lock is held. */
void holes_marked_locked (struct mirror *m, uint64_t first, uint64_t nr);

#endif /* NBDMIRROR_HOLES_H */
