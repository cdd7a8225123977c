/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "userspace-image.h"

static void
map_free (struct user_map *map)
{
  bitset_free (&map->image);
  bitset_free (&map->lower);
  bitset_free (&map->raise);
  map->unknown = false;
}

void
user_maps_free (struct user_log *u)
{
  for (unsigned m = 0; m < LOG_NR_MAPS; ++m)
    map_free (&u->map[m]);
}

int
user_maps_grow (struct user_log *u)
{
  uint64_t nr = u->log.info.geo.nr_regions, words = bitset_words (nr);
  int r = 0;

  for (unsigned m = 0; m < LOG_NR_MAPS; ++m)
    r |= bitset_resize (&u->map[m].image, nr) |
         bitset_resize (&u->map[m].lower, words) |
         bitset_resize (&u->map[m].raise, words);
  return r;
}

int
user_maps_alloc (struct user_log *u)
{
  user_maps_free (u);
  return user_maps_grow (u);
}

void
user_take_image (struct user_log *u)
{
  for (unsigned m = 0; m < LOG_NR_MAPS; ++m)
    bitset_or (&u->map[m].image, truth_map (&u->log, m));
  u->sent = u->log.record;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    u->sure[s] =
      u->sent.leg[s].state == LOG_LEG_IN_SYNC && u->log.missed[s].count == 0;
}
