/* SPDX-License-Identifier: BSD-3-Clause */

/* What a scrub has found: ranges of bytes, and which legs agree there. */

#ifndef NBDMIRROR_SCRUB_LIST_H
#define NBDMIRROR_SCRUB_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRUB_BLOCK UINT64_C (512) /* what is found is so exact */
#define SCRUB_MAX_RANGES 1024

/* Which legs hold the same: for each slot four bits, the lowest slot that holds
 * what it does.  A slot that was not compared has SCRUB_NOT_THERE.  So 0 is no
 * difference between eight legs; of fewer legs scrub_groups_make makes it 0, too.
 */
typedef uint32_t scrub_groups;
#define SCRUB_NOT_THERE 15u

static inline unsigned
scrub_group_of (scrub_groups groups, unsigned slot)
{
  return groups >> (4 * slot) & 15;
}

/* bufs[slot] for each leg of the mask: what it holds, len bytes from at on. */
scrub_groups scrub_groups_make (char *const bufs[], unsigned legs, size_t at,
                                size_t len);

/* The group of more than half of these legs, three at least; -1: there is none,
 * and so no telling who is right.
 */
int scrub_majority (scrub_groups groups, unsigned legs);

struct scrub_range {
  uint64_t offset, length;
  scrub_groups groups; /* of what cannot be read: the mask of legs */
};

/* Sorted, no two overlap. */
struct scrub_list {
  size_t nr;
  bool cut; /* there was more than there is room for */
  struct scrub_range range[SCRUB_MAX_RANGES];
};

/* Put in a range instead of what is there; neighbours that say the same become
 * one.
 */
void scrub_list_add (struct scrub_list *list, uint64_t offset, uint64_t length,
                     scrub_groups groups);
void scrub_list_remove (struct scrub_list *list, uint64_t offset,
                        uint64_t length);

/* The first range that ends behind the offset; NULL if there is none. */
const struct scrub_range *scrub_list_find (const struct scrub_list *list,
                                           uint64_t offset);

/* Of all ranges. */
uint64_t scrub_list_bytes (const struct scrub_list *list);

#endif /* NBDMIRROR_SCRUB_LIST_H */
