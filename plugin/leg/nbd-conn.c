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
 * Deadlines: all requests have the same timeout and are listed in order, so
 * the first one expires first.  The reader sleeps until then, or for one
 * timeout if there is none: no request sent meanwhile expires earlier, so
 * submitters need not wake it.  Only after a whole idle timeout it sleeps
 * without a deadline and says so (no_deadline).
 *
 * Losing: libnbd refers to the buffers of unanswered requests until
 * nbd_close, which calls no completion callbacks.  So the requests stay in
 * our own list, the reader closes the handle first and then answers them.
 * The same holds for requests that libnbd answers with ENOTCONN, its word
 * for "the connection died" (no server can send that error), and for those
 * that it refuses because the connection is over: the leg is lost first, so
 * that its owner hears of that, and not of a request that was sent too late.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "thread.h"
#include "leg-ops.h"
#include "nbd-conn.h"
#include "nbd-poll.h"

/* How long a polite goodbye may take. */
#define GOODBYE_NS (500 * NSEC_PER_MSEC)

/* ---- Lists ---- */

static void
link_locked (struct conn *c, struct leg_io *io)
{
  io->next = NULL;
  io->prev = c->last;
  if (c->last)
    c->last->next = io;
  else
    c->first = io;
  c->last = io;
}

static void
unlink_locked (struct conn *c, struct leg_io *io)
{
  if (io->prev)
    io->prev->next = io->next;
  else
    c->first = io->next;
  if (io->next)
    io->next->prev = io->prev;
  else
    c->last = io->prev;
}

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

/* ---- The reader ---- */

static bool
is_over_locked (struct conn *c)
{
  return nbd_aio_is_dead (c->nbd) || nbd_aio_is_closed (c->nbd);
}

/* Lock held.  When the reader must wake at the latest. */
static uint64_t
next_deadline_locked (struct conn *c, bool was_idle)
{
  uint64_t timeout = c->leg->options.timeout_ns;

  c->no_deadline = !c->first && was_idle;
  if (c->no_deadline)
    return NO_DEADLINE;
  return (c->first ? c->first->start_ns : now_ns ()) + timeout;
}

/* Lock held.  Late: the first request has waited too long.  Answers that
 * wait to be read, because this process did not run, count as in time, but
 * not for ever.
 */
static bool
is_late_locked (struct conn *c, bool may_be_unread)
{
  uint64_t timeout = c->leg->options.timeout_ns;
  uint64_t limit = may_be_unread ? 2 * timeout : timeout;

  return c->first && now_ns () > c->first->start_ns + limit;
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

/* Lock held.  True: the connection is lost. */
static bool
check_lost_locked (struct conn *c, int notified, bool may_be_unread,
                   struct ending *end)
{
  if (is_over_locked (c)) {
    end->err = ENOTCONN;
    snprintf (end->why, sizeof end->why, "connection lost: %s",
              notified == -1   ? nbd_reason ()
              : c->why[0] != 0 ? c->why
                               : "closed by the server");
    return true;
  }
  if (is_late_locked (c, may_be_unread)) {
    end->err = ETIMEDOUT;
    snprintf (end->why, sizeof end->why, "no answer for %g s",
              (double) c->leg->options.timeout_ns / NSEC_PER_SEC);
    return true;
  }
  return false;
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
    deadline = next_deadline_locked (c, *idle);
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
    r = r > 0 ? nbd_poll_notify (c->nbd, fds[1].revents) : 0;
    finished = take_finished_locked (c);
    go_on = !check_lost_locked (c, r, fds[1].revents != 0, end);
  }
  answer_list (finished, 0);
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

/* The connection takes no more requests. */
static void
conn_hang_up (struct conn *c)
{
  struct leg_io *unanswered, *finished;
  int err = atomic_load (&c->leg->refusal);

  if (!atomic_load (&c->leg->lost) && !c->first)
    say_goodbye (c->nbd);
  {
    CLEANUP_LOCK (&c->lock);
    finished = take_finished_locked (c);
  }
  nbd_close (c->nbd);
  {
    CLEANUP_LOCK (&c->lock);
    c->nbd = NULL;
    unanswered = c->first;
    c->first = c->last = NULL;
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
conn_init (struct conn *c, struct leg *leg)
{
  int err;

  c->leg = leg;
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
  close (c->wake_fd);
  pthread_mutex_destroy (&c->lock);
}

int
conn_run (struct conn *c)
{
  c->has_reader = thread_start (&c->reader, "leg-nbd", conn_reader, c) == 0;
  return c->has_reader ? 0 : errno;
}

static int
answered_cb (void *opaque, int *error)
{
  struct leg_io *io = opaque;
  struct conn *c = io->medium;

  if (*error != ENOTCONN) {
    unlink_locked (c, io);
    io->error = *error;
    io->next = c->finished;
    c->finished = io;
  }
  return 0; /* its result will be asked for */
}

/* Lock held.  Does the reader have to look at something new? */
static bool
needs_reader_locked (struct conn *c)
{
  return c->no_deadline || c->finished || is_over_locked (c) ||
         (nbd_aio_get_direction (c->nbd) & LIBNBD_AIO_DIRECTION_WRITE);
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

void
conn_submit (struct conn *c, struct leg_io *io, conn_issue issue)
{
  nbd_completion_callback answered = {.callback = answered_cb,
                                      .user_data = io};
  bool wake = false;
  int err = ENOTCONN;

  io->medium = c;
  {
    CLEANUP_LOCK (&c->lock);
    if (!c->stopping) {
      link_locked (c, io);
      io->cookie = issue (c->nbd, io, answered);
      err = io->cookie == -1 && !is_over_locked (c) ? nbd_reason_errno () : 0;
      if (err != 0)
        unlink_locked (c, io);
      note_end_locked (c);
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
