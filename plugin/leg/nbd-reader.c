/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "leg-ops.h"
#include "nbd-conn.h"
#include "nbd-poll.h"
#include "nbd-reader.h"
#include "nbd-send.h"
#include "nbd-socket.h"

/* How long a polite goodbye may take. */
#define GOODBYE_NS (500 * NSEC_PER_MSEC)

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
  if (conn_is_over_locked (c)) {
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
  conn_probe (c, &c->probe);
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
  conn_answer (finished, 0);
  if (go_on) {
    conn_send_waiting (c);
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

void
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
  conn_answer (finished, 0);
  conn_answer (unanswered, err != 0 ? err : ENOTCONN);
}

void *
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
