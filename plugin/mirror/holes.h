/* SPDX-License-Identifier: BSD-3-Clause */

/* Where legs read as zeroes. */

#ifndef NBDMIRROR_HOLES_H
#define NBDMIRROR_HOLES_H

#include <stdint.h>

struct mirror;

/* How far the leg reads as zeroes from offset on, at most count bytes; whole
 * blocks of every leg, whatever the block status of this one.  Blocks; the
 * caller holds the leg (members_use_locked) and no lock.
 */
uint64_t holes_leg_length (struct mirror *m, unsigned slot, uint64_t offset,
                           uint64_t count);

/* The same of a source, as far as its block status can be believed. */
uint64_t holes_source_length (struct mirror *m, unsigned slot, uint64_t offset,
                              uint64_t count);

#endif /* NBDMIRROR_HOLES_H */
