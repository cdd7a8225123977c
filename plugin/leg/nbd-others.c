/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection that comes late is used from when nr says so.  A leg that gets
 * lost meanwhile breaks all that it finds there, and the thread, which finds the
 * leg lost, what it has just added.
 *
 * Another server may have taken the address while the first one is silent, and
 * not have what that one had answered; a flush of it would prove nothing.  So
 * before the new connection is used the first one must answer once more.
 */

#include "config.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#include <libnbd.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "thread.h"
#include "nbd-others.h"
#include "nbd-send.h"

/* Who does not answer in this time does not keep the leg from being opened. */
#define QUICK_NS (2 * NSEC_PER_SEC)

#define FIRST_PAUSE_NS (5 * NSEC_PER_SEC)
#define LONGEST_PAUSE_NS (300 * NSEC_PER_SEC)

int
nbd_others_init (struct nbd_others *o, struct leg *leg, struct conn *conns)
{
  int err = pthread_mutex_init (&o->lock, NULL);

  if (err == 0)
    err = cond_init_monotonic (&o->wake);
  o->leg = leg;
  o->conns = conns;
  return err;
}

void
nbd_others_destroy (struct nbd_others *o)
{
  pthread_cond_destroy (&o->wake);
  pthread_mutex_destroy (&o->lock);
}

/* Once in a life of the leg. */
static void
say_fewer (struct nbd_others *o, const char *why)
{
  if (o->said)
    return;
  o->said = true;
  msg_note ("leg %s: %zu of %zu connections, for its server grants no "
            "more (%s); it is asked again later",
            o->leg->name, atomic_load (&o->nr), o->wanted, why);
}

int
nbd_others_connect (struct nbd_others *o, const struct conn_attempt *first,
                    size_t wanted)
{
  uint64_t timeout = o->leg->options.timeout_ns;
  struct conn_attempt attempt = {
    .uri = first->uri,
    .tls_name = first->tls_name,
    .deadline = now_ns () + (timeout < QUICK_NS ? timeout : QUICK_NS),
    .stop = &o->leg->cancelled,
  };

  o->uri = first->uri;
  o->tls_name = first->tls_name;
  o->wanted = wanted;
  atomic_store (&o->nr, 1);
  while (atomic_load (&o->nr) < wanted) {
    if (conn_connect (&o->conns[atomic_load (&o->nr)], &attempt) == -1) {
      if (errno == ECANCELED)
        return -1;
      say_fewer (o, attempt.why);
      break;
    }
    atomic_fetch_add (&o->nr, 1);
  }
  return 0;
}

/* ---- What is missing ---- */

/* It is the same export, as far as one can see. */
static bool
fits (const struct nbd_others *o, struct nbd_handle *nbd)
{
  return nbd_get_size (nbd) == (int64_t) o->leg->size &&
         nbd_can_multi_conn (nbd) == 1 && nbd_is_read_only (nbd) == 0;
}

static void
asked (struct leg_io *io, int err, uint64_t now)
{
  (void) err;
  (void) now;
  sem_post (io->opaque);
}

/* An error is an answer, too; one that is none loses the leg. */
static bool
first_answers (struct nbd_others *o)
{
  struct leg *leg = o->leg;
  CLEANUP_FREE char *buf = malloc (leg->min_block);
  struct leg_io io = {.leg = leg,
                      .op = LEG_READ,
                      .buf = buf,
                      .count = leg->min_block,
                      .start_ns = now_ns (),
                      .answered = asked};
  sem_t done;

  if (!buf || leg->size < leg->min_block)
    return false;
  sem_init (&done, 0, 0);
  io.opaque = &done;
  conn_submit (&o->conns[0], &io);
  while (sem_wait (&done) == -1 && errno == EINTR)
    ;
  sem_destroy (&done);
  return atomic_load (&leg->refusal) == 0;
}

static bool
add_one (struct nbd_others *o)
{
  struct conn *c = &o->conns[atomic_load (&o->nr)];
  struct conn_attempt attempt = {
    .uri = o->uri,
    .tls_name = o->tls_name,
    .deadline = now_ns () + o->leg->options.timeout_ns,
    .stop = &o->stop,
  };

  if (conn_connect (c, &attempt) == -1)
    return false;
  if (!fits (o, c->nbd) || !first_answers (o) ||
      conn_run (c, o->window, true) != 0) {
    conn_stop (c);
    return false;
  }
  atomic_fetch_add (&o->nr, 1);
  if (atomic_load (&o->leg->refusal) != 0)
    conn_break (c);
  return true;
}

/* False: it is time to end. */
static bool
wait_for (struct nbd_others *o, uint64_t pause_ns)
{
  uint64_t deadline = now_ns () + pause_ns;

  CLEANUP_LOCK (&o->lock);
  while (!atomic_load (&o->stop))
    if (cond_wait_until (&o->wake, &o->lock, deadline) == ETIMEDOUT)
      return true;
  return false;
}

static bool
needs_more (struct nbd_others *o)
{
  return atomic_load (&o->nr) < o->wanted &&
         atomic_load (&o->leg->refusal) == 0;
}

static void *
ask_for_more (void *arg)
{
  struct nbd_others *o = arg;
  uint64_t pause = FIRST_PAUSE_NS;

  while (needs_more (o) && wait_for (o, pause))
    if (add_one (o))
      pause = 0;
    else {
      pause = pause > 0 ? 2 * pause : FIRST_PAUSE_NS;
      if (pause > LONGEST_PAUSE_NS)
        pause = LONGEST_PAUSE_NS;
    }
  return NULL;
}

int
nbd_others_run (struct nbd_others *o, uint64_t window)
{
  if (atomic_load (&o->nr) == o->wanted)
    return 0;
  o->window = window;
  atomic_store (&o->stop, false);
  o->has_thread = thread_start (&o->thread, "leg-more", ask_for_more, o) == 0;
  return o->has_thread ? 0 : errno;
}

void
nbd_others_cancel (struct nbd_others *o)
{
  CLEANUP_LOCK (&o->lock);
  atomic_store (&o->stop, true);
  pthread_cond_signal (&o->wake);
}

void
nbd_others_stop (struct nbd_others *o)
{
  nbd_others_cancel (o);
  if (o->has_thread)
    pthread_join (o->thread, NULL);
  o->has_thread = false;
}
