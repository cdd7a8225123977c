/* SPDX-License-Identifier: BSD-3-Clause */

/* Regions that no in-sync leg can read.  They stay missed, and handed out as
 * resync work, so that the others are copied meanwhile; now and then one is
 * given back to be tried again.
 *
 * All functions are called with the owner's lock held, and do not block.
 */

#ifndef NBDMIRROR_BAD_REGIONS_H
#define NBDMIRROR_BAD_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deadline.h"

#define BAD_REGIONS_MAX 256
#define BAD_REGIONS_NAMED 20 /* by a message, since start */
#define BAD_FIRST_NS NSEC_PER_SEC
#define BAD_MAX_NS (16 * 60 * NSEC_PER_SEC)

struct bad_region {
  uint64_t region;
  uint64_t retry_ns; /* time of the next try */
  unsigned tries;
  unsigned legs; /* slots that could not read it */
  bool waiting;  /* for that; else it was given back */
};

/* Empty: zero but for first_ns. */
struct bad_regions {
  uint64_t first_ns; /* before a region is tried again, then twice as long */
  struct bad_region region[BAD_REGIONS_MAX];
  size_t nr, nr_waiting;
  unsigned named;
  unsigned in_row; /* reads that failed since one went well */
};

enum bad_news {
  BAD_NEW,   /* and to be named */
  BAD_KNOWN, /* or not to be named */
  BAD_FULL,  /* there is no room: it is not noted */
};

/* These legs could not read the region, now. */
enum bad_news bad_regions_add (struct bad_regions *bad, uint64_t region,
                               unsigned legs, uint64_t now);

/* One whose time has come, or that may be read from a leg not yet asked: it is
 * given back.  in_sync: the legs there are now.  False if there is none.
 */
bool bad_regions_due (struct bad_regions *bad, unsigned in_sync, uint64_t now,
                      uint64_t *region);

/* These regions could be read. */
void bad_regions_read (struct bad_regions *bad, uint64_t first, uint64_t nr);

#endif /* NBDMIRROR_BAD_REGIONS_H */
