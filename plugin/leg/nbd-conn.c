/* SPDX-License-Identifier: BSD-3-Clause */

/* One connection to an NBD server.
 *
 * Thread model: submitters issue requests themselves, holding c->lock; a
 * reader thread for each connection polls the socket and an eventfd (not
 * nbd_poll, which keeps the handle locked while it sleeps), receives
 * answers and watches deadlines.  libnbd calls answered_cb inside its
 * calls, with its own lock and c->lock held; so that only moves the request
 * to c->finished, and the reader calls leg_answered without locks.  Before,
 * it asks libnbd for the result: only then libnbd looks whether a READ that
 * succeeded got all of its data.
 *
 * Deadlines: nbd-pace.h.  The reader looks once in each tick while an answer is
 * owed, and for one more; so submitters need not wake it.  Only after a tick in
 * which nothing was sent it sleeps for longer, and says so (asleep).
 *
 * What waits in the queue is sent by the reader, when answers have made room.
 * So submitters never wait, and what they ask for is in the order they ask.
 *
 * Losing: libnbd refers to the buffers of unanswered requests until
 * nbd_close, which calls no completion callbacks.  So the requests stay in
 * our own list, the reader closes the handle first and then answers them.
 * The same holds for requests that libnbd answers with ENOTCONN, its word
 * for "the connection died" (no server can send that error), for those that
 * a server does not do any more because it shuts down (it ends when we have
 * gone), and for those that libnbd refuses because the connection is over: the
 * leg is lost first, so that its owner hears of that, and not of a request that
 * was sent too late.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "thread.h"
#include "leg-ops.h"
#include "nbd-conn.h"
#include "nbd-poll.h"
#include "nbd-socket.h"

/* How long a polite goodbye may take. */
#define GOODBYE_NS (500 * NSEC_PER_MSEC)

/* Answer a list with each request's own error, or with err if that is not
 * 0.
 */
static void
answer_list (struct leg_io *io, int err)
{
  uint64_t now = io ? now_ns () : 0;

  while (io) {
    struct leg_io *next = io->next;

    leg_answered (io, err != 0 ? err : io->error, now);
    io = next;
  }
}

/* ---- Sending ---- */

static bool
is_over_locked (struct conn *c)
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
  if (is_over_locked (c) && c->why[0] == '\0')
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
  if (io->cookie == -1 && !is_over_locked (c)) {
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

static void
send_waiting (struct conn *c)
{
  struct leg_io *io;

  while ((io = take_waiting (c)) != NULL)
    send_later (c, io);
}

/* ---- The reader ---- */

/* Lock held.  When the reader looks again. */
static uint64_t
next_look_locked (struct conn *c, bool was_idle)
{
  c->asleep = !c->queue.first && was_idle;
  return c->asleep ? c->pace.used_ns + PACE_IDLE_NS : now_ns () + PACE_TICK_NS;
}

/* Lock held.  What was sent has left for the server since the last look, where
 * nothing else told it.  (What is sent meanwhile hides it for a while.)
 */
static bool
backlog_shrank_locked (struct conn *c)
{
  int before = c->backlog;

  c->backlog = nbd_socket_backlog (nbd_aio_get_fd (c->nbd));
  return c->backlog >= 0 && c->backlog < before;
}

/* Lock held.  libnbd waits to send only when the socket was full. */
static void
look_locked (struct conn *c, short revents)
{
  bool owed = c->queue.first != NULL;
  bool moved = revents & (POLLIN | POLLOUT);

  if (moved)
    c->backlog = -1;
  else if (owed)
    moved = backlog_shrank_locked (c);
  pace_look (&c->pace, owed, moved, now_ns ());
}

/* Lock held.  Success without the data that were asked for is none. */
static void
check_answer_locked (struct conn *c, struct leg_io *io)
{
  if (nbd_aio_command_completed (c->nbd, (uint64_t) io->cookie) == 1 ||
      io->error != 0)
    return;
  msg_debug ("leg %s: answer for offset %" PRIu64 ": %s", c->leg->name,
             io->offset, nbd_reason ());
  io->error = EIO;
}

/* Lock held, and the handle is open. */
static struct leg_io *
take_finished_locked (struct conn *c)
{
  struct leg_io *finished = c->finished;

  for (struct leg_io *io = finished; io; io = io->next)
    check_answer_locked (c, io);
  c->finished = NULL;
  return finished;
}

/* Why a connection ends; err 0: because we want it. */
struct ending {
  int err;
  char why[LEG_ERROR_SIZE + 32]; /* with the reason of libnbd */
};

/* Lock held.  Of a host that is gone nobody waits for a flush. */
static bool
is_late_locked (struct conn *c, char *why, size_t size)
{
  uint64_t timeout = c->leg->options.timeout_ns;

  if (pace_is_late (&c->pace, c->queue.first, why, size))
    return true;
  if (!c->queue.first || pace_silence (&c->pace) <= timeout ||
      !nbd_socket_is_dead (nbd_aio_get_fd (c->nbd)))
    return false;
  snprintf (why, size, "no answer for %g s", (double) timeout / NSEC_PER_SEC);
  return true;
}

/* Lock held.  True: the connection is lost. */
static bool
check_lost_locked (struct conn *c, int notified, struct ending *end)
{
  end->err = ENOTCONN;
  if (c->leaving) {
    snprintf (end->why, sizeof end->why, "its server is shutting down");
    return true;
  }
  if (is_over_locked (c)) {
    snprintf (end->why, sizeof end->why, "connection lost: %s",
              notified == -1   ? nbd_reason ()
              : c->why[0] != 0 ? c->why
                               : "closed by the server");
    return true;
  }
  if (is_late_locked (c, end->why, sizeof end->why)) {
    end->err = ETIMEDOUT;
    return true;
  }
  end->err = 0;
  return false;
}

/* Whatever it says, it lives. */
static void
probe_answered (struct leg_io *io, int err, uint64_t now)
{
  struct conn *c = io->opaque;

  (void) err;
  (void) now;
  c->probing = false;
}

static bool
should_probe (struct conn *c)
{
  CLEANUP_LOCK (&c->lock);
  return !c->probing && c->leg->size >= c->leg->min_block &&
         pace_should_ask (&c->pace, c->queue.first != NULL, now_ns ());
}

/* Read a block, which nobody else needs and nobody counts. */
static void
probe (struct conn *c)
{
  c->probing = true;
  c->probe = (struct leg_io){.leg = c->leg,
                             .op = LEG_READ,
                             .buf = c->probe_buf,
                             .count = c->leg->min_block,
                             .start_ns = now_ns (),
                             .answered = probe_answered,
                             .opaque = c};
  conn_submit (c, &c->probe);
}

/* Wait for and handle events once.  False: the connection is to end. */
static bool
conn_serve (struct conn *c, bool *idle, struct ending *end)
{
  struct pollfd fds[2] = {{.fd = c->wake_fd, .events = POLLIN}};
  struct leg_io *finished;
  uint64_t deadline;
  bool go_on;
  int r;

  {
    CLEANUP_LOCK (&c->lock);
    fds[1].fd = nbd_aio_get_fd (c->nbd);
    fds[1].events = nbd_poll_events (c->nbd);
    deadline = next_look_locked (c, *idle);
  }
  r = poll (fds, 2, nbd_poll_timeout (deadline));
  *idle = r == 0;
  if (r > 0 && fds[0].revents) {
    eventfd_t n;

    eventfd_read (c->wake_fd, &n);
  }
  {
    CLEANUP_LOCK (&c->lock);
    if (c->stopping)
      return false;
    look_locked (c, fds[1].revents);
    r = r > 0 ? nbd_poll_notify (c->nbd, fds[1].revents) : 0;
    finished = take_finished_locked (c);
    go_on = !check_lost_locked (c, r, end);
  }
  answer_list (finished, 0);
  if (go_on) {
    send_waiting (c);
    if (should_probe (c))
      probe (c);
  }
  return go_on;
}

/* Tell the server that we leave.  Nobody else uses the handle any more. */
static void
say_goodbye (struct nbd_handle *nbd)
{
  uint64_t deadline = now_ns () + GOODBYE_NS;

  if (nbd_aio_disconnect (nbd, 0) == -1)
    return;
  while (!nbd_aio_is_dead (nbd) && !nbd_aio_is_closed (nbd) &&
         nbd_poll_step (nbd, deadline) == 0)
    ;
}

/* Lock held. */
static void
forget_owed_locked (struct conn *c)
{
  for (const struct leg_io *io = c->queue.first; io; io = io->next)
    pace_ended (&c->pace, io, true);
}

/* The connection takes no more requests. */
static void
conn_hang_up (struct conn *c)
{
  struct leg_io *unanswered, *finished;
  int err = atomic_load (&c->leg->refusal);

  if (!atomic_load (&c->leg->lost) && !c->queue.first)
    say_goodbye (c->nbd);
  {
    CLEANUP_LOCK (&c->lock);
    finished = take_finished_locked (c);
  }
  nbd_close (c->nbd);
  {
    CLEANUP_LOCK (&c->lock);
    c->nbd = NULL;
    forget_owed_locked (c);
    unanswered = nbd_queue_clear (&c->queue);
  }
  answer_list (finished, 0);
  answer_list (unanswered, err != 0 ? err : ENOTCONN);
}

static void *
conn_reader (void *arg)
{
  struct conn *c = arg;
  struct ending end = {.err = 0};
  bool idle = false;

  while (conn_serve (c, &idle, &end))
    ;
  if (end.err != 0)
    leg_lose (c->leg, end.err, end.why);
  conn_break (c);
  conn_hang_up (c);
  return NULL;
}

/* ---- For leg-nbd.c ---- */

int
conn_init (struct conn *c, struct leg *leg, conn_issue issue,
           atomic_uint *slow)
{
  int err;

  c->leg = leg;
  c->issue = issue;
  nbd_queue_init (&c->queue);
  pace_init (&c->pace, &leg->options, slow);
  c->stopping = true;
  c->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (c->wake_fd == -1)
    return errno;
  err = pthread_mutex_init (&c->lock, NULL);
  if (err != 0)
    close (c->wake_fd);
  return err;
}

void
conn_destroy (struct conn *c)
{
  free (c->probe_buf);
  close (c->wake_fd);
  pthread_mutex_destroy (&c->lock);
}

int
conn_run (struct conn *c, uint64_t window, bool parallel)
{
  free (c->probe_buf);
  c->probing = false;
  c->probe_buf = malloc (c->leg->min_block);
  if (!c->probe_buf)
    return errno;
  {
    CLEANUP_LOCK (&c->lock);
    nbd_queue_begin (&c->queue, window);
    c->pace.parallel = parallel;
    c->pace.used_ns = now_ns ();
  }
  c->has_reader = thread_start (&c->reader, "leg-nbd", conn_reader, c) == 0;
  return c->has_reader ? 0 : errno;
}

/* Lock held.  Does the reader have to look at something new? */
static bool
needs_reader_locked (struct conn *c)
{
  return c->asleep || c->finished || c->leaving || is_over_locked (c) ||
         (nbd_aio_get_direction (c->nbd) & LIBNBD_AIO_DIRECTION_WRITE);
}

void
conn_submit (struct conn *c, struct leg_io *io)
{
  bool wake = false;
  int err = ENOTCONN;

  io->medium = c;
  {
    CLEANUP_LOCK (&c->lock);
    if (!c->stopping) {
      err = nbd_queue_enter (&c->queue, io) ? send_locked (c, io) : 0;
      wake = needs_reader_locked (c);
    }
  }
  if (wake)
    eventfd_write (c->wake_fd, 1);
  if (err != 0)
    leg_answered (io, err, io->start_ns);
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

void
conn_stop (struct conn *c)
{
  conn_break (c);
  if (c->has_reader)
    pthread_join (c->reader, NULL);
  else if (c->nbd)
    conn_hang_up (c);
  c->has_reader = false;
}
