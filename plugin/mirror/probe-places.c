/* SPDX-License-Identifier: BSD-3-Clause */

/* Few places, chosen so that a wrong leg shows: samples tell another disk, and
 * the regions that were written last tell a leg that has gone back in time.
 */

#include "config.h"

#include <string.h>

#include "probe-places.h"

void
probe_recent (struct dirty_log *log, uint32_t region_size,
              struct probe_regions *regions)
{
  struct log_recent recent;

  dirty_log_get_recent (log, &recent);
  regions->shift = (unsigned) __builtin_ctz (region_size);
  regions->nr = recent.nr;
  memcpy (regions->region, recent.region, sizeof recent.region);
}

static void
add (struct probe_places *places, uint64_t offset, uint64_t size)
{
  if (offset < size)
    places->offset[places->nr++] = offset;
}

/* Where the leg has data next, so that samples of a sparse one say
 * something.
 */
static uint64_t
next_data (struct leg *leg, uint64_t offset, uint64_t size)
{
  struct leg_extent extent;
  size_t nr = 1;

  if (leg_extents (leg, offset, size - offset, &extent, &nr) == -1 ||
      nr == 0 || !extent.zero || extent.length >= size - offset)
    return offset;
  return (offset + extent.length) & ~(PROBE_PIECE - 1);
}

static uint64_t
sample_place (uint64_t size, unsigned i)
{
  uint64_t step = size / PROBE_NR_SAMPLES;
  uint64_t offset = i > 0 ? step * i + step / 3 : 0;

  return offset & ~(PROBE_PIECE - 1);
}

uint64_t
probe_sample (struct leg *leg, uint64_t size, unsigned i)
{
  return next_data (leg, sample_place (size, i), size);
}

/* Where the leg has zeroes the other one may have data. */
static void
add_sample (struct leg *leg, uint64_t size, unsigned i,
            struct probe_places *places)
{
  uint64_t place = sample_place (size, i);
  uint64_t data = next_data (leg, place, size);

  add (places, place, size);
  if (data != place)
    add (places, data, size);
}

static void
add_region (struct probe_places *places, uint64_t size, uint64_t region,
            unsigned shift)
{
  uint64_t pieces = (UINT64_C (1) << shift) / PROBE_PIECE, nr = pieces;

  if (nr > PROBE_PIECES_OF_REGION)
    nr = PROBE_PIECES_OF_REGION;
  for (uint64_t i = 0; i < nr; ++i) {
    uint64_t piece = nr > 1 ? i * (pieces - 1) / (nr - 1) : 0;

    add (places, (region << shift) + piece * PROBE_PIECE, size);
  }
}

void
probe_places (struct leg *leg, uint64_t size,
              const struct probe_regions *regions, struct probe_places *places)
{
  places->nr = 0;
  add (places, 0, size);
  if (size > PROBE_PIECE)
    add (places, size - PROBE_PIECE, size);
  for (unsigned i = 0; i < regions->nr; ++i)
    add_region (places, size, regions->region[i], regions->shift);
  for (unsigned i = 0; i < PROBE_NR_SAMPLES; ++i)
    add_sample (leg, size, i, places);
}
