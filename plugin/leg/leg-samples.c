/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading some of what a medium calls zeroes. */

#include "config.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "leg-samples.h"
#include "zero.h"

#define SAMPLE 4096u /* bytes, or the leg's block if that is larger */
#define BATCH 24     /* under way together */

/* What the medium said, and the reading of it. */
struct samples {
  struct leg *leg;
  uint64_t offset; /* of the first extent */
  struct leg_extent *extents;
  size_t nr_extents;
  char *buf;          /* BATCH * size */
  uint64_t size;      /* of a sample: a power of two */
  uint64_t suspect;   /* the first place that does not read as zeroes */
  unsigned nr;        /* in this batch */
  atomic_uint undone; /* of them */
  sem_t done;
  struct leg_io io[BATCH];
};

/* --- reading --- */

static void
sample_done (struct leg_io *io)
{
  struct samples *s = io->opaque;

  if (atomic_fetch_sub (&s->undone, 1) == 1)
    sem_post (&s->done);
}

/* What lies there counts as data. */
static void
doubt (struct samples *s, uint64_t place)
{
  uint64_t end = s->offset;

  for (size_t i = 0; i < s->nr_extents; ++i) {
    end += s->extents[i].length;
    if (place < end) {
      s->extents[i].hole = s->extents[i].zero = false;
      return;
    }
  }
}

/* A place that can't be read is not known to be zero, and proves nothing. */
static void
look_at_sample (struct samples *s, const struct leg_io *io)
{
  uint64_t first = 0;

  if (io->error == 0 && is_zero (io->buf, io->count))
    return;
  doubt (s, io->offset);
  if (io->error != 0 || s->suspect != LEG_NOWHERE)
    return;
  while (((const char *) io->buf)[first] == 0)
    first++;
  s->suspect = io->offset + first;
}

static void
read_batch (struct samples *s)
{
  if (s->nr == 0)
    return;
  atomic_store (&s->undone, s->nr);
  for (unsigned i = 0; i < s->nr; ++i)
    leg_submit (s->leg, &s->io[i]);
  while (sem_wait (&s->done) == -1 && errno == EINTR)
    ;
  for (unsigned i = 0; i < s->nr; ++i)
    look_at_sample (s, &s->io[i]);
  s->nr = 0;
}

static void
add_sample (struct samples *s, uint64_t offset, uint64_t count)
{
  s->io[s->nr] = (struct leg_io){
    .op = LEG_READ,
    .flags = LEG_UNCOUNTED,
    .buf = s->buf + s->nr * s->size,
    .offset = offset,
    .count = count,
    .done = sample_done,
    .opaque = s,
  };
  if (++s->nr == BATCH)
    read_batch (s);
}

/* --- where --- */

static void
add_ends (struct samples *s, uint64_t begin, uint64_t length)
{
  uint64_t head = length < s->size ? length : s->size;
  uint64_t tail = length - head < s->size ? length - head : s->size;

  add_sample (s, begin, head);
  if (tail > 0)
    add_sample (s, begin + length - tail, tail);
}

/* Evenly, between the ends. */
static void
add_places (struct samples *s, uint64_t begin, uint64_t length, uint64_t nr)
{
  uint64_t inner = length / s->size > 2 ? length / s->size - 2 : 0;

  if (nr > inner)
    nr = inner;
  for (uint64_t i = 0; i < nr; ++i)
    add_sample (s, begin + s->size * (1 + inner * (2 * i + 1) / (2 * nr)),
                s->size);
}

/* A run of zeroes, as far as it consists of whole blocks. */
static void
add_run (struct samples *s, uint64_t begin, uint64_t end, uint64_t places)
{
  uint64_t mask = s->leg->min_block - 1;

  begin = (begin + mask) & ~mask;
  end &= ~mask;
  if (begin >= end)
    return;
  add_ends (s, begin, end - begin);
  add_places (s, begin, end - begin, places);
}

static uint64_t
zero_bytes (const struct samples *s)
{
  uint64_t sum = 0;

  for (size_t i = 0; i < s->nr_extents; ++i)
    if (s->extents[i].zero)
      sum += s->extents[i].length;
  return sum;
}

/* The places are shared out by length. */
static void
read_zeroes (struct samples *s, unsigned places)
{
  uint64_t per_place = places > 0 ? zero_bytes (s) / places + 1 : UINT64_MAX;
  uint64_t begin = s->offset, seen = per_place / 2;

  for (size_t i = 0; i < s->nr_extents; ++i) {
    uint64_t length = s->extents[i].length;

    if (s->extents[i].zero) {
      add_run (s, begin, begin + length,
               (seen + length) / per_place - seen / per_place);
      seen += length;
    }
    begin += length;
  }
  read_batch (s);
}

/* --- for leg-extents.c --- */

static int
read_all (struct samples *s, unsigned places)
{
  s->size = s->leg->min_block > SAMPLE ? s->leg->min_block : SAMPLE;
  s->buf = malloc (BATCH * s->size);
  if (!s->buf)
    return -1;
  sem_init (&s->done, 0, 0);
  read_zeroes (s, places);
  sem_destroy (&s->done);
  free (s->buf);
  return 0;
}

int
leg_read_samples (struct leg *leg, uint64_t offset, struct leg_extent *extents,
                  size_t nr, unsigned places, uint64_t *suspect)
{
  struct samples s;

  s.leg = leg;
  s.offset = offset;
  s.extents = extents;
  s.nr_extents = nr;
  s.suspect = LEG_NOWHERE;
  s.nr = 0;
  if (zero_bytes (&s) > 0 && read_all (&s, places) == -1)
    return -1;
  *suspect = s.suspect;
  return 0;
}
