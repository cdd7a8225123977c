/* SPDX-License-Identifier: BSD-3-Clause */

/* One connection to an NBD server.
 *
 * Thread model: submitters issue requests themselves, holding c->lock, also
 * those that others put there meanwhile (nbd-send.h); a reader thread for each connection polls the socket and an eventfd (not
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
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "thread.h"
#include "leg-ops.h"
#include "nbd-conn.h"
#include "nbd-reader.h"
#include "nbd-send.h"

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
