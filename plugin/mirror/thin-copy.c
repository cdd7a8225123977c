/* SPDX-License-Identifier: BSD-3-Clause */

/* Nothing is written where the source has zeroes and the target reads as
 * zeroes already: that would allocate what holds nothing.
 *
 * The chunk is looked at in grains of a file system's block, or the mirror's
 * own if that is larger.  A grain in which the source has data is written.
 * One with zeroes is
 *
 *   left alone     if the target is known to read as zeroes there;
 *   written, too   between data, if it is allocated on the target: a request
 *                  more would gain nothing;
 *   zeroed         if that makes a hole worth a request, if there is no data
 *                  beside it, or if nobody knows whether it is allocated and
 *                  the target can punch holes.
 *
 * So a chunk without zeroes is one request, and one for which the target has
 * all blocks already is few.
 */

#include "config.h"

#include "copy-send.h"
#include "copy.h"
#include "fan.h"
#include "holes.h"
#include "mirror-impl.h"
#include "thin-copy.h"
#include "zero.h"

#define GRAIN 4096
#define MAX_GRAINS (COPY_CHUNK / GRAIN + 1) /* the first may be cut off */
#define WORTH_A_HOLE (UINT64_C (128) << 10)

enum part {
  PART_LEAVE,
  PART_WRITE,
  PART_ZERO,
};

struct thin {
  struct copier *c;
  char *buf;
  uint64_t offset, end;
  uint64_t grain;
  size_t nr;
  bool zero[MAX_GRAINS]; /* the source */

  /* Of the target at hand. */
  unsigned slot;
  enum holds held[MAX_GRAINS];
  enum part part[MAX_GRAINS];
};

/* --- grains --- */

static size_t
grain_of (const struct thin *t, uint64_t offset)
{
  return offset / t->grain - t->offset / t->grain;
}

/* Where it begins; i may be t->nr. */
static uint64_t
grain_begin (const struct thin *t, size_t i)
{
  uint64_t begin = (t->offset / t->grain + i) * t->grain;

  if (begin < t->offset)
    return t->offset;
  return begin < t->end ? begin : t->end;
}

/* False: there are no zeroes. */
static bool
find_zeroes (struct thin *t)
{
  bool any = false;

  for (size_t i = 0; i < t->nr; ++i) {
    uint64_t begin = grain_begin (t, i);

    t->zero[i] = !t->buf || is_zero (t->buf + (begin - t->offset),
                                     grain_begin (t, i + 1) - begin);
    any |= t->zero[i];
  }
  return any;
}

/* --- what the target holds --- */

static void
set_held (struct thin *t, uint64_t from, uint64_t until, enum holds what)
{
  if (from < until)
    for (size_t i = grain_of (t, from); i <= grain_of (t, until - 1); ++i)
      t->held[i] = what;
}

/* A grain reads as zeroes if all of it does. */
static void
list_held (struct thin *t, uint64_t from)
{
  struct leg_extent extents[MAX_GRAINS];
  size_t nr =
    holes_list (t->c->m, t->slot, from, t->end - from, extents, MAX_GRAINS);
  uint64_t begin = from;

  for (size_t i = 0; i < nr; ++i)
    begin += extents[i].length;
  set_held (t, begin, t->end, HOLDS_UNKNOWN);
  begin = from;
  for (size_t i = 0; i < nr; ++i) {
    if (!extents[i].zero)
      set_held (t, begin, begin + extents[i].length, HOLDS_DATA);
    begin += extents[i].length;
  }
}

static void
look_at_target (struct thin *t)
{
  struct held held =
    holes_at (t->c->m, t->slot, t->offset, t->end - t->offset);
  uint64_t from = t->offset + held.length;

  set_held (t, t->offset, t->end, HOLDS_ZEROES);
  if (from < t->end)
    list_held (t, from);
  if (held.what != HOLDS_ZEROES)
    set_held (t, t->offset, from, held.what);
}

/* --- what is to be done --- */

/* A run of grains in which the source has zeroes and the target may have
 * something.
 */
static enum part
zero_or_write (const struct thin *t, size_t first, size_t end)
{
  const struct leg *leg = t->c->m->member[t->slot].leg;
  uint64_t length = grain_begin (t, end) - grain_begin (t, first);
  bool unknown = false;

  if ((first == 0 || t->zero[first - 1]) && (end == t->nr || t->zero[end]))
    return PART_ZERO;
  if (!atomic_load (&leg->fast_trim))
    return PART_WRITE;
  for (size_t i = first; i < end; ++i)
    unknown |= t->held[i] == HOLDS_UNKNOWN;
  return unknown || length >= WORTH_A_HOLE ? PART_ZERO : PART_WRITE;
}

static bool
is_filled (const struct thin *t, size_t i)
{
  return t->zero[i] && t->held[i] != HOLDS_ZEROES;
}

static void
plan (struct thin *t)
{
  for (size_t i = 0; i < t->nr;) {
    size_t end = i + 1;

    if (is_filled (t, i)) {
      enum part part;

      while (end < t->nr && is_filled (t, end))
        end++;
      part = zero_or_write (t, i, end);
      while (i < end)
        t->part[i++] = part;
    }
    else {
      t->part[i] = t->zero[i] ? PART_LEAVE : PART_WRITE;
      i = end;
    }
  }
}

/* --- doing it --- */

static struct request
request_of (const struct thin *t, enum part part, uint64_t begin, uint64_t end)
{
  if (part == PART_ZERO)
    return (struct request){.op = LEG_ZERO,
                            .flags = LEG_MAY_TRIM,
                            .offset = begin,
                            .count = end - begin};
  return (struct request){.op = LEG_WRITE,
                          .buf = t->buf + (begin - t->offset),
                          .offset = begin,
                          .count = end - begin};
}

/* Returns the bytes sent. */
static uint64_t
send_parts (struct thin *t, struct copy_batch *batch)
{
  uint64_t sent = 0;

  for (size_t i = 0, end; i < t->nr; i = end) {
    uint64_t from = grain_begin (t, i);
    struct request rq;

    for (end = i + 1; end < t->nr && t->part[end] == t->part[i];)
      end++;
    if (t->part[i] == PART_LEAVE)
      continue;
    rq = request_of (t, t->part[i], from, grain_begin (t, end));
    copy_batch_add (batch, t->slot, &rq);
    sent += rq.count;
  }
  return sent;
}

static void
copy_to (struct thin *t, unsigned targets, struct copy_batch *batch)
{
  FOR_EACH_SLOT (slot, targets) {
    uint64_t sent;

    t->slot = slot;
    look_at_target (t);
    plan (t);
    sent = send_parts (t, batch);
    copy_count_skipped (t->c, t->end - t->offset - sent);
    if (!t->buf)
      t->c->moved += sent;
  }
}

static void
copy_parts (struct thin *t, unsigned targets)
{
  struct copy_batch batch;
  unsigned local = 0;

  FOR_EACH_SLOT (slot, targets)
    if (t->c->m->member[slot].leg->kind != LEG_NBD)
      local |= SLOT_BIT (slot);
  copy_batch_begin (&batch, t->c);
  copy_to (t, targets & ~local, &batch);
  copy_to (t, local, &batch); /* which may do its I/O in this thread */
  copy_batch_end (&batch);
}

void
thin_copy (struct copier *c, char *buf, uint64_t offset, uint64_t count)
{
  struct thin t = {.c = c,
                   .buf = buf,
                   .offset = offset,
                   .end = offset + count,
                   .grain = GRAIN};

  if (t.grain < c->m->limits.min_block)
    t.grain = c->m->limits.min_block;
  t.nr = grain_of (&t, t.end - 1) + 1;
  if (find_zeroes (&t))
    copy_parts (&t, copy_targets (c));
  else
    copy_send (c, copy_targets (c),
               &(struct request){.op = LEG_WRITE,
                                 .buf = buf,
                                 .offset = offset,
                                 .count = count});
}
