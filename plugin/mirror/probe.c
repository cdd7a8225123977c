/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "probe.h"
#include "regions.h"
#include "zero.h"

#define MIB (UINT64_C (1) << 20)
#define MAX_EXTENTS 10000 /* looked at one by one at start-up */
#define EXTENTS_AT_ONCE 1024

static int
read_sample (struct leg *leg, char *buf, uint64_t offset, uint64_t count)
{
  if (leg_run (leg, LEG_READ, LEG_UNCOUNTED, buf, offset, count) == 0)
    return 0;
  leg_report (leg, "read at offset %" PRIu64 ": %m", offset);
  return -1;
}

static uint64_t
piece_at (uint64_t offset, uint64_t size)
{
  return size - offset < PROBE_PIECE ? size - offset : PROBE_PIECE;
}

static int
zero_at (struct leg *leg, char *buf, uint64_t offset, uint64_t count)
{
  if (read_sample (leg, buf, offset, count) == -1)
    return -1;
  return is_zero (buf, count) ? PROBE_YES : PROBE_NO;
}

int
probe_empty (struct leg *leg, uint64_t size)
{
  CLEANUP_FREE char *buf = malloc (MIB);
  uint64_t edge = size < MIB ? size : MIB;
  int r;

  if (!buf) {
    leg_report (leg, "%m");
    return -1;
  }
  r = zero_at (leg, buf, 0, edge);
  if (r == PROBE_YES)
    r = zero_at (leg, buf, size - edge, edge);
  for (unsigned i = 0; i < PROBE_NR_SAMPLES && r == PROBE_YES; ++i) {
    uint64_t offset = probe_sample (leg, size, i);

    r = zero_at (leg, buf, offset, piece_at (offset, size));
  }
  /* What was called zeroes, and is not, is data. */
  return r == PROBE_YES && atomic_load (&leg->distrusted) ? PROBE_NO : r;
}

static bool
except_enter (struct probe_guard *guard, uint64_t offset, uint64_t count)
{
  const struct probe_except *except = (const struct probe_except *) guard;
  uint64_t first, nr;

  regions_of (offset, count, except->region_shift, &first, &nr);
  return bitset_next_set (except->regions, first) >= first + nr;
}

static void
except_leave (struct probe_guard *guard)
{
  (void) guard;
}

void
probe_except_init (struct probe_except *except, unsigned region_shift,
                   const struct bitset *regions)
{
  except->guard = (struct probe_guard){except_enter, except_leave};
  except->region_shift = region_shift;
  except->regions = regions;
}

struct comparison {
  struct leg *a, *b;
  struct probe_guard *guard;
  char *buf; /* 2 * PROBE_PIECE */
  bool evidence;
};

/* b has been read.  0, 1 = different, -1.  A block of a that can't be read
 * says nothing; an a that is lost ends the comparison.
 */
static int
compare_guarded (struct comparison *c, uint64_t offset, uint64_t count)
{
  if (leg_run (c->a, LEG_READ, LEG_UNCOUNTED, c->buf, offset, count) == -1) {
    if (!atomic_load (&c->a->lost))
      return 0;
    leg_report (c->b, "can't be compared: leg %s: %m", c->a->name);
    return -1;
  }
  if (!is_zero (c->buf, count))
    c->evidence = true;
  return memcmp (c->buf, c->buf + PROBE_PIECE, count) != 0;
}

static int
compare_again (struct comparison *c, uint64_t offset, uint64_t count)
{
  if (read_sample (c->b, c->buf + PROBE_PIECE, offset, count) == -1)
    return -1;
  return compare_guarded (c, offset, count);
}

/* b is not in use: where the legs must agree nobody changes it, so it is read
 * before the guard holds up anybody, however long that takes.
 */
static int
compare_at (struct comparison *c, uint64_t offset, uint64_t count)
{
  int r;

  if (read_sample (c->b, c->buf + PROBE_PIECE, offset, count) == -1)
    return -1;
  if (!c->guard->enter (c->guard, offset, count))
    return 0;
  r = compare_guarded (c, offset, count);
  if (r == 1) /* counts only if it is seen twice (S17) */
    r = compare_again (c, offset, count);
  c->guard->leave (c->guard);
  return r;
}

int
probe_same (struct leg *a, struct leg *b, uint64_t size,
            const struct probe_regions *regions, struct probe_guard *guard)
{
  CLEANUP_FREE char *buf = malloc (2 * PROBE_PIECE);
  struct comparison c = {.a = a, .b = b, .guard = guard, .buf = buf};
  struct probe_places places;
  int r = 0;

  if (!buf) {
    leg_report (b, "%m");
    return -1;
  }
  probe_places (a, size, regions, &places);
  for (unsigned i = 0; i < places.nr && r == 0; ++i)
    r = compare_at (&c, places.offset[i], piece_at (places.offset[i], size));
  if (r != 0)
    return r == 1 ? PROBE_NO : -1;
  return c.evidence ? PROBE_YES : PROBE_NO_EVIDENCE;
}

static void
set_data (struct bitset *data, uint64_t offset, uint64_t length,
          unsigned region_shift)
{
  uint64_t first, nr;

  regions_of (offset, length, region_shift, &first, &nr);
  bitset_set_range (data, first, nr);
}

/* Behind the last of the extents that were looked at there may be data. */
static int
add_data (struct leg *leg, uint64_t size, unsigned region_shift,
          struct bitset *data)
{
  static const struct leg_sampling how = {.wanted = UINT64_MAX};
  struct leg_extent extents[EXTENTS_AT_ONCE];
  uint64_t offset = 0;

  for (unsigned n = 0; offset < size && n < MAX_EXTENTS;) {
    size_t nr = EXTENTS_AT_ONCE;

    if (leg_extents_sampled (leg, offset, size - offset, extents, &nr, &how) ==
        -1) {
      leg_report (leg, "block status: %m");
      return -1;
    }
    for (size_t i = 0; i < nr; ++i, ++n) {
      if (!extents[i].zero)
        set_data (data, offset, extents[i].length, region_shift);
      offset += extents[i].length;
    }
  }
  if (offset < size)
    set_data (data, offset, size - offset, region_shift);
  return 0;
}

int
probe_data (struct leg *leg, uint64_t size, unsigned region_shift,
            struct bitset *data)
{
  if (add_data (leg, size, region_shift, data) == -1)
    return -1;
  if (atomic_load (&leg->distrusted))
    set_data (data, 0, size, region_shift);
  return 0;
}
