/* SPDX-License-Identifier: BSD-3-Clause */

/* Where two legs that should hold the same are compared. */

#ifndef NBDMIRROR_PROBE_PLACES_H
#define NBDMIRROR_PROBE_PLACES_H

#include <stdint.h>

#include "dirty-log.h"
#include "leg.h"

#define PROBE_PIECE (UINT64_C (64) << 10)
#define PROBE_NR_SAMPLES 16
#define PROBE_PIECES_OF_REGION 8
#define PROBE_MAX_PLACES \
  (2 + 2 * PROBE_NR_SAMPLES + LOG_NR_RECENT * PROBE_PIECES_OF_REGION)

/* Regions to look at closely. */
struct probe_regions {
  unsigned shift; /* of their size */
  unsigned nr;
  uint64_t region[LOG_NR_RECENT];
};

/* Those written last. */
void probe_recent (struct dirty_log *log, uint32_t region_size,
                   struct probe_regions *regions);

/* Offsets of pieces, of PROBE_PIECE bytes or up to the end. */
struct probe_places {
  unsigned nr;
  uint64_t offset[PROBE_MAX_PLACES];
};

/* Where sample i of PROBE_NR_SAMPLES is: from where the leg begins to have
 * data, evenly spread, but not at round numbers, where partition tables and
 * backup superblocks gather, and then where the leg has data next; aligned
 * so that any leg can read it.
 */
uint64_t probe_sample (struct leg *leg, uint64_t size, unsigned i);

/* First and last piece, samples between, also where the leg has zeroes, and the
 * regions: in full if they
 * have at most PROBE_PIECES_OF_REGION pieces, else so many of each, the
 * first and the last among them.
 */
void probe_places (struct leg *leg, uint64_t size,
                   const struct probe_regions *regions,
                   struct probe_places *places);

#endif /* NBDMIRROR_PROBE_PLACES_H */
