/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "nbd-queue.h"

void
nbd_queue_init (struct nbd_queue *q)
{
  *q = (struct nbd_queue){.window = UINT64_MAX, .waiting_end = &q->waiting};
}

static uint64_t
bytes_of (const struct leg_io *io)
{
  return io->op == LEG_READ || io->op == LEG_WRITE ? io->count : 0;
}

static bool
has_room (const struct nbd_queue *q, const struct leg_io *io)
{
  uint64_t bytes = bytes_of (io);

  return bytes == 0 || q->in_flight == 0 ||
         (q->in_flight < q->window && bytes <= q->window - q->in_flight);
}

bool
nbd_queue_enter (struct nbd_queue *q, struct leg_io *io)
{
  if (!q->waiting && has_room (q, io)) {
    q->in_flight += bytes_of (io);
    return true;
  }
  io->next = NULL;
  *q->waiting_end = io;
  q->waiting_end = &io->next;
  return false;
}

struct leg_io *
nbd_queue_next (struct nbd_queue *q)
{
  struct leg_io *io = q->waiting;

  if (!io || !has_room (q, io))
    return NULL;
  q->waiting = io->next;
  if (!q->waiting)
    q->waiting_end = &q->waiting;
  q->in_flight += bytes_of (io);
  return io;
}

void
nbd_queue_give_up (struct nbd_queue *q, const struct leg_io *io)
{
  q->in_flight -= bytes_of (io);
}

void
nbd_queue_sent (struct nbd_queue *q, struct leg_io *io)
{
  io->next = NULL;
  io->prev = q->last;
  if (q->last)
    q->last->next = io;
  else
    q->first = io;
  q->last = io;
}

void
nbd_queue_answered (struct nbd_queue *q, struct leg_io *io)
{
  if (io->prev)
    io->prev->next = io->next;
  else
    q->first = io->next;
  if (io->next)
    io->next->prev = io->prev;
  else
    q->last = io->prev;
  q->in_flight -= bytes_of (io);
}

struct leg_io *
nbd_queue_clear (struct nbd_queue *q)
{
  struct leg_io *all = q->first ? q->first : q->waiting;

  if (q->last)
    q->last->next = q->waiting;
  q->first = q->last = q->waiting = NULL;
  q->waiting_end = &q->waiting;
  q->in_flight = 0;
  return all;
}
