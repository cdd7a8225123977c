/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <search.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "replay.h"
#include "unstable.h"

#define BATCH 32

struct replay {
  struct leg *leg;
  uint64_t *bytes;
  void *parts; /* tree of those that were written: no two of them overlap */

  /* Requests under way together. */
  size_t nr;
  struct leg_io io[BATCH];
  atomic_uint pending;
  sem_t done;
};

/* Part of the device. */
struct part {
  uint64_t from, to;
};

/* --- requests --- */

static void
io_done (struct leg_io *io)
{
  struct replay *r = io->opaque;

  if (atomic_fetch_sub (&r->pending, 1) == 1)
    sem_post (&r->done);
}

/* One more is pending than there are requests, as in fan_out. */
static int
batch_wait (struct replay *r)
{
  int err = 0;

  if (atomic_fetch_sub (&r->pending, 1) != 1)
    while (sem_wait (&r->done) == -1 && errno == EINTR)
      ;
  for (size_t i = 0; i < r->nr; ++i)
    if (r->io[i].error != 0)
      err = r->io[i].error;
  r->nr = 0;
  atomic_store (&r->pending, 1);
  errno = err;
  return err ? -1 : 0;
}

static int
batch_add (struct replay *r, struct unstable_write *w, struct part part)
{
  struct leg_io *io;

  if (r->nr == BATCH && batch_wait (r) == -1)
    return -1;
  io = &r->io[r->nr++];
  *io = (struct leg_io){
    .op = w->op,
    .flags = w->flags & ~LEG_FUA, /* the flush makes all of it durable */
    .buf = w->op == LEG_WRITE ? w->data + (part.from - w->offset) : NULL,
    .offset = part.from,
    .count = part.to - part.from,
    .done = io_done,
    .opaque = r,
  };
  *r->bytes += w->op == LEG_WRITE ? io->count : 0;
  atomic_fetch_add (&r->pending, 1);
  leg_submit (r->leg, io);
  return 0;
}

/* --- the newest of each byte --- */

/* Those that overlap are equal: so a tree of parts finds one that does. */
static int
compare_parts (const void *one, const void *other)
{
  const struct part *a = one, *b = other;

  return a->to <= b->from ? -1 : a->from >= b->to ? 1 : 0;
}

static int
add_part (struct replay *r, struct part part)
{
  struct part *p = malloc (sizeof *p);

  if (!p)
    return -1;
  *p = part;
  if (tsearch (p, &r->parts, compare_parts))
    return 0;
  free (p);
  errno = ENOMEM;
  return -1;
}

/* What no newer write has of this part of w.  As deep as the tree at most: the
 * part that is found is the one nearest to its root.
 */
static int
write_part (struct replay *r, struct unstable_write *w, struct part part)
{
  struct part *const *found = tfind (&part, &r->parts, compare_parts);
  struct part newer;

  if (!found)
    return add_part (r, part) == -1 ? -1 : batch_add (r, w, part);
  newer = **found;
  if (part.from < newer.from &&
      write_part (r, w, (struct part){part.from, newer.from}) == -1)
    return -1;
  if (newer.to < part.to)
    return write_part (r, w, (struct part){newer.to, part.to});
  return 0;
}

static struct unstable_write *
newest (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->unstable.last;
}

static int
write_all (struct replay *r, struct unstable_write *w)
{
  int err = 0;

  for (; w && err == 0; w = w->prev)
    if (write_part (r, w, (struct part){w->offset, w->offset + w->count}) ==
        -1)
      err = errno;
  if (batch_wait (r) == -1)
    err = errno;
  errno = err;
  return err ? -1 : 0;
}

int
replay_writes (struct mirror *m, struct leg *leg, uint64_t *bytes)
{
  struct replay r = {.leg = leg, .bytes = bytes};
  int result;

  atomic_init (&r.pending, 1);
  sem_init (&r.done, 0, 0);
  result = write_all (&r, newest (m));
  tdestroy (r.parts, free);
  sem_destroy (&r.done);
  return result;
}
