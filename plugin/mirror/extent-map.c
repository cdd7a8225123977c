/* SPDX-License-Identifier: BSD-3-Clause */

/* A few notes for each leg, in no order, none of which overlap.  Where there
 * is no room the shortest one goes: it is the cheapest to ask for again.
 */

#include "config.h"

#include <string.h>

#include "extent-map.h"

static uint64_t
note_length (const struct extent_note *note)
{
  return note->until - note->from;
}

static struct extent_note *
shortest (struct extent_note *notes)
{
  struct extent_note *found = notes;

  for (size_t i = 1; i < EXTENT_NOTES; ++i)
    if (note_length (&notes[i]) < note_length (found))
      found = &notes[i];
  return found;
}

/* Nothing is noted about [from, until) any more; zeroes: no zeroes. */
static void
cut_notes (struct extent_note *notes, uint64_t from, uint64_t until,
           bool zeroes)
{
  for (size_t i = 0; i < EXTENT_NOTES; ++i) {
    struct extent_note *note = &notes[i];
    struct extent_note tail = {until, note->until, note->zero};

    if (until <= note->from || note->until <= from || (zeroes && !note->zero))
      continue;
    note->until = note->from < from ? from : note->from;
    if (tail.from < tail.until) {
      struct extent_note *room = shortest (notes);

      if (note_length (room) < note_length (&tail))
        *room = tail;
    }
  }
}

static void
add_note (struct extent_note *notes, struct extent_note new)
{
  for (size_t i = 0; i < EXTENT_NOTES; ++i) {
    struct extent_note *note = &notes[i];

    if (note_length (note) == 0 || note->zero != new.zero ||
        note->until < new.from || new.until < note->from)
      continue;
    if (new.from > note->from)
      new.from = note->from;
    if (new.until < note->until)
      new.until = note->until;
    note->until = note->from;
  }
  cut_notes (notes, new.from, new.until, false);
  *shortest (notes) = new;
}

uint64_t
extent_map_find (const struct extent_map *map, unsigned slot, uint64_t offset,
                 bool *zero)
{
  for (size_t i = 0; i < EXTENT_NOTES; ++i) {
    const struct extent_note *note = &map->note[slot][i];

    if (note->from <= offset && offset < note->until) {
      *zero = note->zero;
      return note->until - offset;
    }
  }
  return 0;
}

void
extent_map_ask (struct extent_map *map, struct extent_ask *ask)
{
  ask->next = map->asks;
  map->asks = ask;
}

void
extent_map_answer (struct extent_map *map, struct extent_ask *ask,
                   uint64_t length, bool zero)
{
  struct extent_ask **p = &map->asks;

  while (*p != ask)
    p = &(*p)->next;
  *p = ask->next;
  if (zero && length > ask->until - ask->from)
    length = ask->until - ask->from;
  if (length > 0)
    add_note (map->note[ask->slot],
              (struct extent_note){ask->from, ask->from + length, zero});
}

/* What is asked about counts no further than to where it changes. */
static void
cut_ask (struct extent_ask *ask, uint64_t from, uint64_t until)
{
  if (from < ask->until && ask->from < until)
    ask->until = from > ask->from ? from : ask->from;
}

void
extent_map_written (struct extent_map *map, unsigned slots, uint64_t from,
                    uint64_t until)
{
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot)
    if (slots & (1u << slot))
      cut_notes (map->note[slot], from, until, true);
  for (struct extent_ask *ask = map->asks; ask; ask = ask->next)
    if (slots & (1u << ask->slot))
      cut_ask (ask, from, until);
}

void
extent_map_forget (struct extent_map *map, unsigned slot)
{
  memset (map->note[slot], 0, sizeof map->note[slot]);
  for (struct extent_ask *ask = map->asks; ask; ask = ask->next)
    if (ask->slot == slot)
      ask->until = ask->from;
}
