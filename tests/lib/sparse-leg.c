/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests are done and answered in the caller.  lock guards data. */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitset.h"
#include "cleanup.h"
#include "deadline.h"
#include "leg-ops.h"
#include "sparse-leg.h"

struct sparse_leg {
  struct leg base;
  atomic_uint nr_queries, nr_reads;
  void (*watch) (void *opaque);
  void *watch_opaque;
  pthread_mutex_t lock;
  struct bitset data; /* by block */
};

static struct sparse_leg *
sparse_leg (struct leg *leg)
{
  return (struct sparse_leg *) leg;
}

static void
watch (struct sparse_leg *s)
{
  if (s->watch)
    s->watch (s->watch_opaque);
}

static int
sparse_open (struct leg *leg, unsigned flags)
{
  (void) leg;
  (void) flags;
  return 0;
}

static int
sparse_start (struct leg *leg)
{
  (void) leg;
  return 0;
}

static void
sparse_nothing (struct leg *leg)
{
  (void) leg;
}

static void
sparse_destroy (struct leg *leg)
{
  struct sparse_leg *s = sparse_leg (leg);

  bitset_free (&s->data);
  pthread_mutex_destroy (&s->lock);
  free (s);
}

static void
read_locked (struct sparse_leg *s, struct leg_io *io)
{
  memset (io->buf, 0, io->count);
  for (uint64_t i = 0; i < io->count; ++i)
    if (bitset_test (&s->data, (io->offset + i) / SPARSE_BLOCK))
      ((char *) io->buf)[i] = 'x';
}

/* Blocks that are touched are filled, those that are covered are emptied. */
static void
change_locked (struct sparse_leg *s, const struct leg_io *io)
{
  uint64_t end = io->offset + io->count;
  uint64_t first = io->offset / SPARSE_BLOCK;
  uint64_t inner = (io->offset + SPARSE_BLOCK - 1) / SPARSE_BLOCK;

  if (io->op == LEG_WRITE)
    bitset_set_range (&s->data, first, (end - 1) / SPARSE_BLOCK - first + 1);
  else if (end / SPARSE_BLOCK > inner)
    bitset_clear_range (&s->data, inner, end / SPARSE_BLOCK - inner);
}

static void
sparse_submit (struct leg *leg, struct leg_io *io)
{
  struct sparse_leg *s = sparse_leg (leg);

  watch (s);
  if (io->op == LEG_READ)
    atomic_fetch_add (&s->nr_reads, 1);
  {
    CLEANUP_LOCK (&s->lock);
    if (io->op == LEG_READ)
      read_locked (s, io);
    else if (io->op == LEG_WRITE || io->op == LEG_ZERO)
      change_locked (s, io);
  }
  leg_answered (io, 0, now_ns ());
}

static int
sparse_extents (struct leg *leg, uint64_t offset, uint64_t count,
                struct leg_extent *extents, size_t *nr)
{
  struct sparse_leg *s = sparse_leg (leg);
  uint64_t block = offset / SPARSE_BLOCK, length;
  bool data;

  watch (s);
  atomic_fetch_add (&s->nr_queries, 1);
  CLEANUP_LOCK (&s->lock);
  data = bitset_test (&s->data, block);
  length = (data ? bitset_next_clear (&s->data, block)
                 : bitset_next_set (&s->data, block)) *
             SPARSE_BLOCK -
           offset;
  if (length > SPARSE_MAX_EXTENT)
    length = SPARSE_MAX_EXTENT;
  extents[0] =
    (struct leg_extent){length < count ? length : count, !data, !data};
  *nr = 1;
  return 0;
}

static const struct leg_ops sparse_ops = {
  .open = sparse_open,
  .reopen = sparse_start,
  .run = sparse_start,
  .stop = sparse_nothing,
  .close = sparse_nothing,
  .destroy = sparse_destroy,
  .submit = sparse_submit,
  .extents = sparse_extents,
  .lose = sparse_nothing,
};

struct leg *
sparse_leg_new (const char *name, uint64_t size)
{
  static const struct leg_options options = {.connections = 1};
  struct sparse_leg *s = calloc (1, sizeof *s);

  if (!s || leg_init (&s->base, &sparse_ops, name, LEG_FILE, &options) == -1 ||
      bitset_init (&s->data, size / SPARSE_BLOCK) == -1 ||
      pthread_mutex_init (&s->lock, NULL) != 0)
    abort ();
  s->base.size = size;
  s->base.max_request = 1u << 25;
  snprintf ((char *) s->base.id, LEG_ID_SIZE, "%s", name);
  atomic_store (&s->base.fast_zero, true);
  atomic_store (&s->base.fast_trim, true);
  return &s->base;
}

void
sparse_leg_fill (struct leg *leg, uint64_t offset, uint64_t count)
{
  struct sparse_leg *s = sparse_leg (leg);

  CLEANUP_LOCK (&s->lock);
  bitset_set_range (&s->data, offset / SPARSE_BLOCK, count / SPARSE_BLOCK);
}

uint64_t
sparse_leg_allocated (struct leg *leg)
{
  struct sparse_leg *s = sparse_leg (leg);

  CLEANUP_LOCK (&s->lock);
  return s->data.count * SPARSE_BLOCK;
}

unsigned
sparse_leg_nr_queries (struct leg *leg)
{
  return atomic_load (&sparse_leg (leg)->nr_queries);
}

void
sparse_leg_watch (struct leg *leg, void (*fn) (void *opaque), void *opaque)
{
  struct sparse_leg *s = sparse_leg (leg);

  s->watch = fn;
  s->watch_opaque = opaque;
}

unsigned
sparse_leg_nr_reads (struct leg *leg)
{
  return atomic_load (&sparse_leg (leg)->nr_reads);
}
