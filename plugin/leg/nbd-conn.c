/* SPDX-License-Identifier: BSD-3-Clause */

/* One connection to an NBD server.
 *
 * Thread model: submitters issue requests themselves, holding c->lock; a
 * reader thread for each connection polls the socket and an eventfd (not
 * nbd_poll, which keeps the handle locked while it sleeps), receives
 * answers and watches deadlines.  libnbd calls answered_cb inside its
 * calls, with its own lock and c->lock held; so that only moves the request
 * to c->finished, and the reader calls leg_answered without locks.
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
 * for "the connection died"; no server can send that error.
 */

#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "thread.h"
#include "leg-ops.h"
#include "nbd-conn.h"

/* How long a polite goodbye may take. */
#define GOODBYE_NS (500 * NSEC_PER_MSEC)

/* How soon leg_cancel is noticed while connecting. */
#define CANCEL_NS (100 * NSEC_PER_MSEC)

const char *
nbd_reason (void)
{
  const char *reason = nbd_get_error ();
  const char *rest;

  if (!reason)
    return "connection closed";
  rest = strncmp (reason, "nbd_", 4) == 0 ? strstr (reason, ": ") : NULL;
  return rest ? rest + 2 : reason;
}

int
nbd_reason_errno (void)
{
  int err = nbd_get_errno ();

  return err != 0 ? err : EIO;
}

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

/* ---- Connecting ---- */

static bool
is_over_locked (struct conn *c)
{
  return nbd_aio_is_dead (c->nbd) || nbd_aio_is_closed (c->nbd);
}

static short
poll_events (struct nbd_handle *nbd)
{
  unsigned dir = nbd_aio_get_direction (nbd);

  return (short) ((dir & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                  (dir & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
}

/* Tell libnbd; -1 if it failed, with its error. */
static int
notify (struct nbd_handle *nbd, short revents)
{
  unsigned dir = nbd_aio_get_direction (nbd);
  bool broken = revents & (POLLERR | POLLNVAL);

  if ((dir & LIBNBD_AIO_DIRECTION_READ) &&
      (broken || (revents & (POLLIN | POLLHUP))))
    return nbd_aio_notify_read (nbd);
  if ((dir & LIBNBD_AIO_DIRECTION_WRITE) && (broken || (revents & POLLOUT)))
    return nbd_aio_notify_write (nbd);
  return 0;
}

/* Milliseconds for poll, rounded up. */
static int
poll_timeout (uint64_t deadline)
{
  uint64_t now, ms;

  if (deadline == NO_DEADLINE)
    return -1;
  now = now_ns ();
  ms = deadline <= now ? 0 : (deadline - now) / NSEC_PER_MSEC + 1;
  return ms > 1000000 ? 1000000 : (int) ms;
}

/* One step of a handle that no other thread uses.  -1: it failed (libnbd's
 * error), or 1: the time is up.
 */
static int
step (struct nbd_handle *nbd, uint64_t deadline)
{
  struct pollfd fd = {.fd = nbd_aio_get_fd (nbd), .events = poll_events (nbd)};
  uint64_t look = now_ns () + CANCEL_NS;
  int r = poll (&fd, 1, poll_timeout (look < deadline ? look : deadline));

  if (r == -1)
    return errno == EINTR ? 0 : 1;
  if (r == 0)
    return now_ns () >= deadline;
  return notify (nbd, fd.revents);
}

static struct nbd_handle *
new_handle (void)
{
  struct nbd_handle *nbd = nbd_create ();

  if (nbd && nbd_set_uri_allow_local_file (nbd, true) == 0 &&
      nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0)
    return nbd;
  nbd_close (nbd);
  return NULL;
}

/* What was never acknowledged must not be sent again by the kernel after we
 * gave the connection up (rule S21).
 */
static void
set_tcp_options (int fd, uint64_t timeout_ns)
{
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  unsigned timeout = (unsigned) (timeout_ns / NSEC_PER_MSEC);
  int domain;
  socklen_t len = sizeof domain;

  if (getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == -1 ||
      (domain != AF_INET && domain != AF_INET6))
    return;
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  setsockopt (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

/* -1: libnbd's error; 1: too late, or cancelled. */
static int
negotiate (struct nbd_handle *nbd, struct leg *leg, uint64_t deadline)
{
  if (nbd_aio_connect_uri (nbd, leg->name) == -1)
    return -1;
  while (!nbd_aio_is_ready (nbd)) {
    int r;

    if (nbd_aio_is_dead (nbd) || nbd_aio_is_closed (nbd))
      return -1;
    r = atomic_load (&leg->cancelled) ? 1 : step (nbd, deadline);
    if (r != 0)
      return r;
  }
  return 0;
}

int
conn_connect (struct conn *c)
{
  uint64_t timeout = c->leg->options.timeout_ns;
  struct nbd_handle *nbd = new_handle ();
  int r = nbd ? negotiate (nbd, c->leg, now_ns () + timeout) : -1;
  int err;

  if (r == 0) {
    set_tcp_options (nbd_aio_get_fd (nbd), timeout);
    c->nbd = nbd;
    c->stopping = false;
    c->why[0] = '\0';
    return 0;
  }
  if (r == 1) {
    leg_report (c->leg, "connect: no answer for %g s",
                (double) timeout / NSEC_PER_SEC);
    err = ETIMEDOUT;
  }
  else {
    leg_report (c->leg, "connect: %s", nbd_reason ());
    err = nbd_reason_errno ();
  }
  nbd_close (nbd);
  errno = err;
  return -1;
}

/* ---- The reader ---- */

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
serve (struct conn *c, bool *idle, struct ending *end)
{
  struct pollfd fds[2] = {{.fd = c->wake_fd, .events = POLLIN}};
  struct leg_io *finished;
  uint64_t deadline;
  bool go_on;
  int r;

  {
    CLEANUP_LOCK (&c->lock);
    fds[1].fd = nbd_aio_get_fd (c->nbd);
    fds[1].events = poll_events (c->nbd);
    deadline = next_deadline_locked (c, *idle);
  }
  r = poll (fds, 2, poll_timeout (deadline));
  *idle = r == 0;
  if (r > 0 && fds[0].revents) {
    eventfd_t n;

    eventfd_read (c->wake_fd, &n);
  }
  {
    CLEANUP_LOCK (&c->lock);
    if (c->stopping)
      return false;
    r = r > 0 ? notify (c->nbd, fds[1].revents) : 0;
    finished = c->finished;
    c->finished = NULL;
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
         step (nbd, deadline) == 0)
    ;
}

/* The connection takes no more requests. */
static void
hang_up (struct conn *c)
{
  struct leg_io *unanswered, *finished;
  int err = atomic_load (&c->leg->refusal);

  if (!atomic_load (&c->leg->lost) && !c->first)
    say_goodbye (c->nbd);
  nbd_close (c->nbd);
  {
    CLEANUP_LOCK (&c->lock);
    c->nbd = NULL;
    unanswered = c->first;
    finished = c->finished;
    c->first = c->last = c->finished = NULL;
  }
  answer_list (finished, 0);
  answer_list (unanswered, err != 0 ? err : ENOTCONN);
}

static void *
reader (void *arg)
{
  struct conn *c = arg;
  struct ending end = {.err = 0};
  bool idle = false;

  while (serve (c, &idle, &end))
    ;
  if (end.err != 0)
    leg_lose (c->leg, end.err, end.why);
  conn_break (c);
  hang_up (c);
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
  c->has_reader = thread_start (&c->reader, "leg-nbd", reader, c) == 0;
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
  return 1;
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
      if (issue (c->nbd, io, answered) != -1)
        err = 0;
      else {
        unlink_locked (c, io);
        err = is_over_locked (c) ? ENOTCONN : nbd_reason_errno ();
      }
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
    hang_up (c);
  c->has_reader = false;
}
