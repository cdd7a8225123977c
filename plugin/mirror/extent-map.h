/* SPDX-License-Identifier: BSD-3-Clause */

/* What block status said about the legs, so that nobody needs to ask again for
 * all that lies behind.
 *
 * A note is right as long as nobody writes there: whoever does, or is about
 * to, calls extent_map_written.  An answer that is on its way meanwhile counts
 * only up to there.  So a note that says zeroes may be relied on (holes.h says
 * when one may ask); one that says data only saves a question.
 *
 * All functions are called with the owner's lock held, and do not block.
 */

#ifndef NBDMIRROR_EXTENT_MAP_H
#define NBDMIRROR_EXTENT_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"

#define EXTENT_NOTES 16 /* for each leg */

struct extent_note {
  uint64_t from, until; /* bytes; equal: not in use */
  bool zero;
};

/* A question under way.  Lives on the stack of the one who asks. */
struct extent_ask {
  unsigned slot;
  uint64_t from, until; /* bytes in which zeroes may be believed */
  struct extent_ask *next;
};

/* Zero is empty. */
struct extent_map {
  struct extent_note note[LOG_MAX_LEGS][EXTENT_NOTES];
  struct extent_ask *asks;
};

/* How many bytes are known from offset on, 0 if none, and what they are. */
uint64_t extent_map_find (const struct extent_map *map, unsigned slot,
                          uint64_t offset, bool *zero);

/* Before the leg is asked: slot, from and until are set.  And afterwards: the
 * answer, which begins at ask->from; length 0: there is none.
 */
void extent_map_ask (struct extent_map *map, struct extent_ask *ask);
void extent_map_answer (struct extent_map *map, struct extent_ask *ask,
                        uint64_t length, bool zero);

/* What these legs hold in [from, until) changes. */
void extent_map_written (struct extent_map *map, unsigned slots, uint64_t from,
                         uint64_t until);

/* Nothing is known of the leg any more. */
void extent_map_forget (struct extent_map *map, unsigned slot);

#endif /* NBDMIRROR_EXTENT_MAP_H */
