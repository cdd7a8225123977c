/* SPDX-License-Identifier: BSD-3-Clause */

/* A short list: who cannot read many regions is not a source to wait for. */

#include "config.h"

#include "bad-regions.h"

static struct bad_region *
find_region (struct bad_regions *bad, uint64_t region)
{
  for (size_t i = 0; i < bad->nr; ++i)
    if (bad->region[i].region == region)
      return &bad->region[i];
  return NULL;
}

static uint64_t
delay_ns (const struct bad_regions *bad, unsigned tries)
{
  uint64_t ns = bad->first_ns << (tries < 20 ? tries : 20);

  return ns < BAD_MAX_NS ? ns : BAD_MAX_NS;
}

/* Another entry may be at its place afterwards. */
static void
remove_region (struct bad_regions *bad, struct bad_region *r)
{
  *r = bad->region[--bad->nr];
}

/* Entries that were given back and never came again, perhaps because no leg
 * misses them any more, make room.
 */
static struct bad_region *
make_room (struct bad_regions *bad)
{
  for (size_t i = 0; i < bad->nr && bad->nr == BAD_REGIONS_MAX; ++i)
    if (!bad->region[i].waiting)
      remove_region (bad, &bad->region[i]);
  return bad->nr < BAD_REGIONS_MAX ? &bad->region[bad->nr++] : NULL;
}

enum bad_news
bad_regions_add (struct bad_regions *bad, uint64_t region, unsigned legs,
                 uint64_t now)
{
  struct bad_region *r = find_region (bad, region);
  enum bad_news news = BAD_KNOWN;

  bad->in_row++;
  if (!r) {
    r = make_room (bad);
    if (!r)
      return BAD_FULL;
    *r = (struct bad_region){.region = region};
    if (bad->named < BAD_REGIONS_NAMED) {
      bad->named++;
      news = BAD_NEW;
    }
  }
  r->retry_ns = now + delay_ns (bad, r->tries++);
  r->legs = legs;
  r->waiting = true;
  bad->nr_waiting++;
  return news;
}

bool
bad_regions_due (struct bad_regions *bad, unsigned in_sync, uint64_t now,
                 uint64_t *region)
{
  if (bad->nr_waiting == 0)
    return false;
  for (size_t i = 0; i < bad->nr; ++i) {
    struct bad_region *r = &bad->region[i];

    if (r->waiting && (r->retry_ns <= now || (in_sync & ~r->legs))) {
      r->waiting = false;
      bad->nr_waiting--;
      *region = r->region;
      return true;
    }
  }
  return false;
}

void
bad_regions_read (struct bad_regions *bad, uint64_t first, uint64_t nr)
{
  bad->in_row = 0;
  for (size_t i = 0; i < bad->nr;)
    if (bad->region[i].region - first < nr)
      remove_region (bad, &bad->region[i]);
    else
      i++;
}
