/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "deadline.h"
#include "leg-ops.h"
#include "nbd-conn.h"
#include "nbd-poll.h"
#include "nbd-send.h"

void
conn_answer (struct leg_io *io, int err)
{
  uint64_t now = io ? now_ns () : 0;

  while (io) {
    struct leg_io *next = io->next;

    leg_answered (io, err != 0 ? err : io->error, now);
    io = next;
  }
}

bool
conn_is_over_locked (struct conn *c)
{
  return nbd_aio_is_dead (c->nbd) || nbd_aio_is_closed (c->nbd);
}

/* Lock held.  The answer to a request that was sent is not owed any more. */
static void
end_locked (struct conn *c, struct leg_io *io)
{
  bool oldest = io == c->queue.first;

  nbd_queue_answered (&c->queue, io, now_ns () - io->start_ns);
  pace_ended (&c->pace, io, oldest);
}

static int
answered_cb (void *opaque, int *error)
{
  struct leg_io *io = opaque;
  struct conn *c = io->medium;

  if (*error == ESHUTDOWN)
    c->leaving = true;
  else if (*error != ENOTCONN) {
    end_locked (c, io);
    io->error = *error;
    io->next = c->finished;
    c->finished = io;
  }
  return 0; /* its result will be asked for */
}

/* Lock held.  If sending ended the connection, libnbd told this thread why,
 * and will not tell the reader.  (To who sends next it only says EINVAL.)
 */
static void
note_end_locked (struct conn *c)
{
  if (conn_is_over_locked (c) && c->why[0] == '\0')
    snprintf (c->why, sizeof c->why, "%s", nbd_reason ());
}

/* Lock held; there is room.  0, or an errno to answer it with. */
static int
send_locked (struct conn *c, struct leg_io *io)
{
  nbd_completion_callback answered = {.callback = answered_cb,
                                      .user_data = io};
  int err = 0;

  pace_sent (&c->pace, io, !c->queue.first, now_ns ());
  nbd_queue_sent (&c->queue, io);
  io->cookie = c->issue (c->nbd, io, answered);
  if (io->cookie == -1 && !conn_is_over_locked (c)) {
    err = nbd_reason_errno ();
    end_locked (c, io);
  }
  note_end_locked (c);
  return err;
}

static struct leg_io *
take_waiting (struct conn *c)
{
  CLEANUP_LOCK (&c->lock);
  return c->stopping ? NULL : nbd_queue_next (&c->queue);
}

/* What waited: it counts as under way. */
static void
send_later (struct conn *c, struct leg_io *io)
{
  int err = leg_may_send (io) ? 0 : ESTALE;

  io->start_ns = now_ns ();
  {
    CLEANUP_LOCK (&c->lock);
    if (err == 0 && c->stopping)
      err = ENOTCONN;
    if (err != 0)
      nbd_queue_give_up (&c->queue, io);
    else
      err = send_locked (c, io);
  }
  if (err != 0)
    leg_answered (io, err, io->start_ns);
}

void
conn_send_waiting (struct conn *c)
{
  struct leg_io *io;

  while ((io = take_waiting (c)) != NULL)
    send_later (c, io);
}

/* Lock held.  Does the reader have to look at something new? */
static bool
needs_reader_locked (struct conn *c)
{
  return c->asleep || c->finished || c->leaving || conn_is_over_locked (c) ||
         (nbd_aio_get_direction (c->nbd) & LIBNBD_AIO_DIRECTION_WRITE);
}

/* True: this thread is to send it, and what others have put behind it until it
 * has the lock; so threads that send together do not wait for each other.
 */
static bool
put (struct conn *c, struct leg_io *io)
{
  struct leg_io *first = atomic_load (&c->incoming);

  do
    io->next = first;
  while (!atomic_compare_exchange_weak (&c->incoming, &first, io));
  return first == NULL;
}

/* In the order in which they were put there. */
static struct leg_io *
take_incoming (struct conn *c)
{
  struct leg_io *list = NULL;
  struct leg_io *io = atomic_exchange (&c->incoming, NULL);

  while (io) {
    struct leg_io *next = io->next;

    io->next = list;
    list = io;
    io = next;
  }
  return list;
}

/* Lock held.  Returns those that are to be answered with io->error. */
static struct leg_io *
send_list_locked (struct conn *c, struct leg_io *list)
{
  struct leg_io *refused = NULL;

  while (list) {
    struct leg_io *io = list;

    list = io->next;
    io->error = ENOTCONN;
    if (!c->stopping)
      io->error = nbd_queue_enter (&c->queue, io) ? send_locked (c, io) : 0;
    if (io->error == 0)
      continue;
    io->next = refused;
    refused = io;
  }
  return refused;
}

/* io, or with NULL what has come in. */
static void
send_now (struct conn *c, struct leg_io *io)
{
  struct leg_io *refused;
  bool wake;

  {
    CLEANUP_LOCK (&c->lock);
    refused = send_list_locked (c, io ? io : take_incoming (c));
    wake = !c->stopping && needs_reader_locked (c);
  }
  if (wake)
    eventfd_write (c->wake_fd, 1);
  conn_answer (refused, 0);
}

void
conn_submit (struct conn *c, struct leg_io *io)
{
  io->medium = c;
  if (put (c, io))
    send_now (c, NULL);
}

void
conn_probe (struct conn *c, struct leg_io *io)
{
  io->medium = c;
  io->next = NULL;
  send_now (c, io);
}

void
conn_break (struct conn *c)
{
  {
    CLEANUP_LOCK (&c->lock);
    c->stopping = true;
  }
  eventfd_write (c->wake_fd, 1);
}
