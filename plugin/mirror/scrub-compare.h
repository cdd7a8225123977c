/* SPDX-License-Identifier: BSD-3-Clause */

/* Do the legs hold the same? */

#ifndef NBDMIRROR_SCRUB_COMPARE_H
#define NBDMIRROR_SCRUB_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "scrub-list.h"
#include "scrub-look.h"

struct mirror;

#define SCRUB_MAX_SAID 10
#define SCRUB_CHUNK_BLOCKS (SCRUB_CHUNK / SCRUB_BLOCK)

/* Of the thread that scrubs; zero before its first use. */
struct scrub_work {
  struct scrub_look look;
  scrub_groups seen[SCRUB_CHUNK_BLOCKS]; /* at the look before */

  /* What was found in the chunk. */
  struct scrub_list differ, unread;
  uint64_t found_bytes;

  /* Ranges that messages have named, of this scrub. */
  unsigned said_found, said_repaired;
};

/* Compare all in-sync legs there, at most SCRUB_CHUNK bytes, whole blocks of all
 * legs.  False: nothing is known, for a leg was lost meanwhile or fewer than two
 * are left.  What a leg cannot read and another can is repaired (S16).  Blocks;
 * no lock is held.
 */
bool scrub_compare (struct mirror *m, struct scrub_work *work, uint64_t offset,
                    uint64_t count);

#endif /* NBDMIRROR_SCRUB_COMPARE_H */
