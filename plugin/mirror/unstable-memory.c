/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include "cleanup.h"
#include "unstable-memory.h"
#include "unstable.h"

#define PLACES 64

struct slab {
  struct slab *next;
  struct unstable_write writes[PLACES];
  char data[PLACES][UNSTABLE_PLACE];
};

void
unstable_memory_init (struct unstable_memory *um)
{
  pthread_mutex_init (&um->lock, NULL);
}

void
unstable_memory_destroy (struct unstable_memory *um)
{
  struct slab *next;

  for (struct slab *slab = um->slabs; slab; slab = next) {
    next = slab->next;
    free (slab);
  }
  pthread_mutex_destroy (&um->lock);
}

/* --- places --- */

static bool
is_place (const struct unstable_write *w)
{
  return w->room == UNSTABLE_PLACE;
}

static void
add_slab_locked (struct unstable_memory *um)
{
  struct slab *slab = malloc (sizeof *slab);

  if (!slab)
    return;
  slab->next = um->slabs;
  um->slabs = slab;
  for (unsigned i = PLACES; i-- > 0;) {
    struct unstable_write *w = &slab->writes[i];

    w->data = slab->data[i];
    w->room = UNSTABLE_PLACE;
    w->next = um->spare;
    um->spare = w;
  }
}

static struct unstable_write *
get_place (struct unstable_memory *um)
{
  CLEANUP_LOCK (&um->lock);
  struct unstable_write *w;

  if (!um->spare)
    add_slab_locked (um);
  w = um->spare;
  if (w)
    um->spare = w->next;
  return w;
}

static void
put_places (struct unstable_memory *um, struct unstable_write *first,
            struct unstable_write *last)
{
  CLEANUP_LOCK (&um->lock);

  last->next = um->spare;
  um->spare = first;
}

/* --- others --- */

static struct unstable_write *
get_other (size_t size)
{
  struct unstable_write *w = malloc (sizeof *w + size);

  if (!w)
    return NULL;
  w->data = (char *) (w + 1);
  w->room = size;
  return w;
}

/* Much smaller ones would waste most of a place. */
static bool
fits_a_place (size_t size)
{
  return UNSTABLE_PLACE / 4 < size && size <= UNSTABLE_PLACE;
}

struct unstable_write *
unstable_memory_get (struct unstable_memory *um, size_t size)
{
  return fits_a_place (size) ? get_place (um) : get_other (size);
}

void
unstable_memory_put (struct unstable_memory *um, struct unstable_write *list)
{
  struct unstable_write *first = NULL, *last = NULL, *next;

  for (struct unstable_write *w = list; w; w = next) {
    next = w->next;
    if (!is_place (w)) {
      free (w);
      continue;
    }
    w->next = first;
    first = w;
    if (!last)
      last = w;
  }
  if (first)
    put_places (um, first, last);
}
