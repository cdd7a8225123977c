/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "dirty-log.h"
#include "scrub-list.h"

/* --- which legs agree --- */

static unsigned
first_with (char *const bufs[], unsigned legs, unsigned slot, size_t at,
            size_t len)
{
  for (unsigned s = 0; s < slot; ++s)
    if ((legs >> s & 1) && memcmp (bufs[s] + at, bufs[slot] + at, len) == 0)
      return s;
  return slot;
}

scrub_groups
scrub_groups_make (char *const bufs[], unsigned legs, size_t at, size_t len)
{
  unsigned first = legs ? (unsigned) __builtin_ctz (legs) : 0;
  scrub_groups groups = 0;
  bool differ = false;

  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot) {
    unsigned group = SCRUB_NOT_THERE;

    if (legs >> slot & 1) {
      group = first_with (bufs, legs, slot, at, len);
      differ |= group != first;
    }
    groups |= (scrub_groups) group << (4 * slot);
  }
  return differ ? groups : 0;
}

static unsigned
size_of_group (scrub_groups groups, unsigned legs, unsigned group)
{
  unsigned size = 0;

  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot)
    size += (legs >> slot & 1) && scrub_group_of (groups, slot) == group;
  return size;
}

int
scrub_majority (scrub_groups groups, unsigned legs)
{
  unsigned nr = (unsigned) __builtin_popcount (legs);

  if (nr < 3)
    return -1;
  for (unsigned group = 0; group < LOG_MAX_LEGS; ++group)
    if (2 * size_of_group (groups, legs, group) > nr)
      return (int) group;
  return -1;
}

/* --- the list --- */

static uint64_t
end_of (const struct scrub_range *r)
{
  return r->offset + r->length;
}

/* Of the first range that ends behind the offset. */
static size_t
find (const struct scrub_list *list, uint64_t offset)
{
  size_t low = 0, high = list->nr;

  while (low < high) {
    size_t middle = (low + high) / 2;

    if (end_of (&list->range[middle]) <= offset)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void
insert (struct scrub_list *list, size_t i, struct scrub_range range)
{
  if (list->nr == SCRUB_MAX_RANGES) {
    list->cut = true;
    return;
  }
  memmove (&list->range[i + 1], &list->range[i],
           (list->nr - i) * sizeof range);
  list->range[i] = range;
  list->nr++;
}

static void
drop (struct scrub_list *list, size_t i, size_t nr)
{
  memmove (&list->range[i], &list->range[i + nr],
           (list->nr - i - nr) * sizeof list->range[0]);
  list->nr -= nr;
}

/* Make one of ranges i and i + 1 if they are neighbours that say the same. */
static void
join (struct scrub_list *list, size_t i)
{
  struct scrub_range *r = &list->range[i];

  if (i + 1 >= list->nr || end_of (r) != r[1].offset ||
      r->groups != r[1].groups)
    return;
  r->length += r[1].length;
  drop (list, i + 1, 1);
}

/* Nothing overlaps it.  A full list can still grow at its ranges' ends. */
static void
add_free (struct scrub_list *list, size_t i, struct scrub_range range)
{
  struct scrub_range *before = i > 0 ? &list->range[i - 1] : NULL;
  struct scrub_range *behind = i < list->nr ? &list->range[i] : NULL;

  if (before && end_of (before) == range.offset &&
      before->groups == range.groups) {
    before->length += range.length;
    join (list, i - 1);
  }
  else if (behind && end_of (&range) == behind->offset &&
           behind->groups == range.groups) {
    behind->offset = range.offset;
    behind->length += range.length;
  }
  else
    insert (list, i, range);
}

void
scrub_list_add (struct scrub_list *list, uint64_t offset, uint64_t length,
                scrub_groups groups)
{
  scrub_list_remove (list, offset, length);
  add_free (list, find (list, offset),
            (struct scrub_range){offset, length, groups});
}

/* The hole lies within range i. */
static void
split (struct scrub_list *list, size_t i, uint64_t offset, uint64_t end)
{
  struct scrub_range tail = list->range[i];

  tail.length = end_of (&tail) - end;
  tail.offset = end;
  list->range[i].length = offset - list->range[i].offset;
  insert (list, i + 1, tail);
}

void
scrub_list_remove (struct scrub_list *list, uint64_t offset, uint64_t length)
{
  uint64_t end = offset + length;
  size_t i = find (list, offset);

  while (i < list->nr && list->range[i].offset < end) {
    struct scrub_range *r = &list->range[i];

    if (r->offset < offset && end_of (r) > end) {
      split (list, i, offset, end);
      return;
    }
    if (r->offset < offset) {
      r->length = offset - r->offset;
      ++i;
    }
    else if (end_of (r) > end) {
      r->length = end_of (r) - end;
      r->offset = end;
    }
    else
      drop (list, i, 1);
  }
}

const struct scrub_range *
scrub_list_find (const struct scrub_list *list, uint64_t offset)
{
  size_t i = find (list, offset);

  return i < list->nr ? &list->range[i] : NULL;
}

uint64_t
scrub_list_bytes (const struct scrub_list *list)
{
  uint64_t bytes = 0;

  for (size_t i = 0; i < list->nr; ++i)
    bytes += list->range[i].length;
  return bytes;
}
