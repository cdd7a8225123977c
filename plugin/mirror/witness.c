/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "unstable.h"
#include "witness.h"

#define NR_FIRST 16 /* blocks that are looked at when the mirror begins */

static unsigned
place_of (uint64_t block)
{
  return (unsigned) (block % NR_WITNESSES);
}

static bool
all_zero (const char *data)
{
  return data[0] == 0 && memcmp (data, data + 1, WITNESS_SIZE - 1) == 0;
}

struct witnesses *
witnesses_new (void)
{
  struct witnesses *ws = calloc (1, sizeof *ws);

  for (unsigned i = 0; ws && i < NR_WITNESSES; ++i)
    ws->block[i] = NO_WITNESS;
  return ws;
}

static void
keep (struct witnesses *ws, uint64_t block, const char *data)
{
  unsigned place = place_of (block);

  if (all_zero (data))
    return;
  ws->block[place] = block;
  memcpy (ws->data[place], data, WITNESS_SIZE);
}

/* --- at the start --- */

/* Spread over the leg, its first and its last block among them. */
static uint64_t
first_block (uint64_t nr_blocks, unsigned i)
{
  return i == NR_FIRST - 1 ? nr_blocks - 1 : nr_blocks / NR_FIRST * i;
}

/* A write of an earlier process may still land there (S21). */
static bool
may_change (const struct mirror *m, uint64_t block)
{
  return m->held.nr > 0 &&
         bitset_test (&m->held, block * WITNESS_SIZE >> m->region_shift);
}

void
witness_begin (struct mirror *m, struct leg *leg)
{
  uint64_t nr_blocks = m->limits.size / WITNESS_SIZE;
  CLEANUP_FREE char *buf = aligned_alloc (WITNESS_SIZE, WITNESS_SIZE);

  if (!buf || nr_blocks == 0 || leg->min_block > WITNESS_SIZE)
    return;
  for (unsigned i = 0; i < NR_FIRST; ++i) {
    uint64_t block = first_block (nr_blocks, i);

    if (may_change (m, block))
      continue;
    if (leg_run (leg, LEG_READ, LEG_UNCOUNTED, buf, block * WITNESS_SIZE,
                 WITNESS_SIZE) == -1)
      return;
    CLEANUP_LOCK (&m->lock);
    keep (m->witnesses, block, buf);
  }
}

/* --- while it runs --- */

static uint64_t
end_block (const struct unstable_write *w)
{
  return (w->offset + w->count) / WITNESS_SIZE;
}

/* w covers all of the block. */
static bool
covers (const struct unstable_write *w, uint64_t block)
{
  return w->op == LEG_WRITE && w->offset <= block * WITNESS_SIZE &&
         block < end_block (w);
}

/* The last blocks that were written, no two with the same place. */
static uint64_t
first_of_last (uint64_t first, uint64_t last)
{
  return last - first < NR_WITNESSES ? first : last - NR_WITNESSES + 1;
}

void
witness_written_locked (struct mirror *m, uint64_t offset, uint64_t count,
                        const struct unstable_write *w)
{
  struct witnesses *ws = m->witnesses;
  uint64_t first = offset / WITNESS_SIZE;
  uint64_t last = (offset + count - 1) / WITNESS_SIZE;

  for (uint64_t b = first_of_last (first, last); b <= last; ++b) {
    unsigned place = place_of (b);

    if (first <= ws->block[place] && ws->block[place] <= last)
      ws->block[place] = NO_WITNESS;
    ws->next[place] = w && covers (w, b) ? w : NULL;
  }
}

/* Who is w->next at its place can only be the last of its blocks there. */
void
witness_flushed_locked (struct mirror *m, const struct unstable_write *w)
{
  struct witnesses *ws = m->witnesses;
  uint64_t end = end_block (w);
  uint64_t first = w->offset / WITNESS_SIZE;

  for (uint64_t b = end > first ? first_of_last (first, end - 1) : end;
       b < end; ++b)
    if (ws->next[place_of (b)] == w) {
      keep (ws, b, w->data + (b * WITNESS_SIZE - w->offset));
      ws->next[place_of (b)] = NULL;
    }
}

void
witness_forget_locked (struct mirror *m, const struct unstable_write *w)
{
  for (unsigned i = 0; i < NR_WITNESSES; ++i)
    if (m->witnesses->next[i] == w)
      m->witnesses->next[i] = NULL;
}

/* --- when a leg is back --- */

static uint64_t
witness_at (struct mirror *m, unsigned place, char *data)
{
  CLEANUP_LOCK (&m->lock);

  memcpy (data, m->witnesses->data[place], WITNESS_SIZE);
  return m->witnesses->block[place];
}

/* Read it into buf, which has room for a block of the leg, and of ours. */
static char *
read_block (struct leg *leg, uint64_t block, char *buf)
{
  uint64_t size =
    leg->min_block > WITNESS_SIZE ? leg->min_block : WITNESS_SIZE;
  uint64_t within = block * WITNESS_SIZE % size;

  return leg_run (leg, LEG_READ, LEG_UNCOUNTED, buf,
                  block * WITNESS_SIZE - within, size) == -1
           ? NULL
           : buf + within;
}

int
witness_check (struct mirror *m, struct leg *leg)
{
  uint64_t size = WITNESS_SIZE + leg->min_block / WITNESS_SIZE * WITNESS_SIZE;
  CLEANUP_FREE char *buf = aligned_alloc (WITNESS_SIZE, WITNESS_SIZE + size);
  char *data = buf ? buf + size : NULL;
  bool any = false;

  if (!buf)
    return -1;
  for (unsigned i = 0; i < NR_WITNESSES; ++i) {
    uint64_t block = witness_at (m, i, data);
    const char *found;

    if (block == NO_WITNESS)
      continue;
    found = read_block (leg, block, buf);
    if (!found)
      return -1;
    if (memcmp (found, data, WITNESS_SIZE) != 0)
      return WITNESS_OTHER;
    any = true;
  }
  return any ? WITNESS_SAME : WITNESS_NONE;
}
