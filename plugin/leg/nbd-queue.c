/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "deadline.h"
#include "nbd-queue.h"

#define FIRST_WINDOW (UINT64_C (1) << 20)
#define MIN_WINDOW (UINT64_C (1) << 18)

#define QUICK_NS (250 * NSEC_PER_MSEC)
#define SLOW_NS (1000 * NSEC_PER_MSEC)

void
nbd_queue_init (struct nbd_queue *q)
{
  *q = (struct nbd_queue){.waiting_end = &q->waiting};
}

void
nbd_queue_begin (struct nbd_queue *q, uint64_t max_window)
{
  q->max_window = max_window > MIN_WINDOW ? max_window : MIN_WINDOW;
  q->window = q->max_window < FIRST_WINDOW ? q->max_window : FIRST_WINDOW;
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

/* Each quick answer lets in as much again, so a server that is fast is soon
 * given all it takes.
 */
static void
adapt (struct nbd_queue *q, uint64_t bytes, uint64_t took_ns)
{
  if (bytes == 0)
    return;
  if (took_ns > SLOW_NS)
    q->window = q->window / 2 > MIN_WINDOW ? q->window / 2 : MIN_WINDOW;
  else if (took_ns < QUICK_NS)
    q->window =
      bytes < q->max_window - q->window ? q->window + bytes : q->max_window;
}

void
nbd_queue_answered (struct nbd_queue *q, struct leg_io *io, uint64_t took_ns)
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
  adapt (q, bytes_of (io), took_ns);
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
